"""Every key of a TOML text is found where it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sieve_jobs.config.places import line_column, locate

TEXT = '''# a comment with [brackets] and = signs
top = 1 # trailing
[a."b.c"]  # header
  x = """
[not.a.table]
y = 2
"""
z = ['1', "]", [2, {q = 3}], # inner
  4]
"quoted key".sub = 'lit = "x"'
t = {in = 1, "d".e = '}'}
when = 2026-01-01 00:00:00
w = \'\'\'
[x]''\'\'\'
[[arr]]
n = 1
[[arr]]
n = 2
'''


def test_spots() -> None:
    spots = locate(TEXT)
    places = {path: line_column(TEXT, spot.key) for path, spot in spots.items()}
    assert places == {
        ("top",): (2, 1),
        ("a",): (3, 2),
        ("a", "b.c"): (3, 4),
        ("a", "b.c", "x"): (4, 3),
        ("a", "b.c", "z"): (8, 1),
        ("a", "b.c", "z", "q"): (8, 21),
        ("a", "b.c", "quoted key"): (10, 1),
        ("a", "b.c", "quoted key", "sub"): (10, 14),
        ("a", "b.c", "t"): (11, 1),
        ("a", "b.c", "t", "in"): (11, 6),
        ("a", "b.c", "t", "d"): (11, 14),
        ("a", "b.c", "t", "d", "e"): (11, 18),
        ("a", "b.c", "when"): (12, 1),
        ("a", "b.c", "w"): (13, 1),
        ("arr",): (15, 3),
        ("arr", "n"): (16, 1),
    }
    values = {path: TEXT[spot.value : spot.value_end] for path, spot in spots.items() if spot.value is not None}
    assert values[("top",)] == "1"
    assert values[("a", "b.c", "t", "d", "e")] == "'}'"
    assert values[("a", "b.c", "when")] == "2026-01-01 00:00:00"


def paths(table: Mapping[str, object], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        yield (*prefix, key)
        if isinstance(value, dict):
            yield from paths(value, (*prefix, key))


KEYS = st.sampled_from(["a", "b-1", '"q.\\"k"', "'l]'", "'='"])
VALUES = st.recursive(
    st.sampled_from(["1", "-2.5e3", "true", '"s]}\\","', "'#{'", '"""a\n"b" ] ""\\" x"""', "'''\n]x''''", "10:20:30"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: "[" + ", # c]\n".join(items) + "\n]"),
    max_leaves=5,
)
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=4, unique_by=lambda pair: pair[0])
TABLES = st.lists(st.tuples(KEYS, PAIRS), max_size=3, unique_by=lambda pair: pair[0])


@settings(max_examples=settings.default.max_examples // 2)
@given(TABLES)
def test_every_key_that_tomllib_reads_is_found(tables: list[tuple[str, list[tuple[str, str]]]]) -> None:
    text = "".join(
        f"[ t . {name} ]\n" + "".join(f"{key} = {value} # x = [\n" for key, value in pairs) for name, pairs in tables
    )
    found = locate(text)
    assert set(paths(tomllib.loads(text))) == set(found)


def test_a_large_text_is_linear() -> None:
    text = "".join(f'k{n} = "{"x" * 50}"\n' for n in range(20_000))
    assert len(locate(text)) == 20_000


@pytest.mark.parametrize("text", ["", "\n\n", "# only"])
def test_nothing_to_find(text: str) -> None:
    assert locate(text) == {}
