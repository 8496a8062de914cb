"""The YAML builder against trees and texts that nobody thought of."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import BuildError
from tests.spec.documents import VALUES, one, read

SMALL = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab\n é", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("kl", min_size=1), inner),
)


@settings(max_examples=settings.default.max_examples // 2)
@given(SMALL)
def test_every_node_has_a_mark_that_points_at_it(tree: object) -> None:
    assume(tree is not None)
    text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
    (document,) = read(text, marks=True)
    lines = text.split("\n")

    def check(value: object, pointer: tuple[str | int, ...]) -> None:
        span = document.values[pointer]
        if isinstance(value, dict):
            for key, item in value.items():
                place = document.keys[(*pointer, key)]
                assert lines[place.line][place.column :].lstrip("'\"?").startswith(key)
                check(item, (*pointer, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                check(item, (*pointer, index))
        elif isinstance(value, int):
            assert lines[span.line][span.column : span.end_column] == str(value).lower()

    check(tree, ())


@settings(max_examples=settings.default.max_examples // 2)
@given(VALUES, st.sampled_from([True, False, None]), st.sampled_from([None, "'", '"', "|", ">"]), st.booleans())
def test_what_pyyaml_writes_is_read_back(tree: Any, flow: bool | None, style: str | None, unicode: bool) -> None:
    # PyYAML writes YAML 1.1: a text that only 1.2 takes for a number is quoted first.
    text = yaml.dump(tree, Dumper=_Dumper, default_flow_style=flow, default_style=style, allow_unicode=unicode)
    found = read(text)
    value = found[0].value if found else None
    assert json.dumps(value, sort_keys=True) == json.dumps(tree, sort_keys=True)
    marked = read(text, marks=True)
    assert [each.value for each in marked] == [each.value for each in found]


class _Dumper(yaml.SafeDumper):
    """Writes without aliases, and floats and texts so that both versions of YAML agree on them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _float(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(number))


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = text.isascii() and text.isalpha() and text.lower() not in {"null", "true", "false"}
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(float, _float)
_Dumper.add_representer(str, _text)


@given(VALUES)
def test_json_is_yaml(tree: Any) -> None:
    text = json.dumps(tree)
    assume(tree is not None and "\\ud" not in text)  # libyaml takes no surrogate pairs
    assert json.dumps(one(text)) == json.dumps(tree)
    assert json.dumps(read(f"- {text}\n", marks=True)[0].value) == json.dumps([tree])


SHARED = st.recursive(
    st.sampled_from(["null", "true", "false", "0", "-7", "12", "1.5", "abc", "two words", "'a'", '"\\n"', "é"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
        | inner.flatmap(lambda item: st.just(f"[&n{abs(hash(item)) % 1000} {item}, *n{abs(hash(item)) % 1000}]"))
    ),
    max_leaves=8,
)


@given(SHARED)
def test_both_versions_agree_where_they_should(text: str) -> None:
    try:
        expected = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        assume(False)  # an anchor twice, which PyYAML does not take
    found = read(text)
    assert (found[0].value if found else None) == expected


FRAGMENTS = st.lists(
    st.sampled_from([
        "a", "b: ", "- ", "? ", ": ", "\n", "\n  ", "[", "]", "{", "}", ",", "&x ", "*x", "<<: ", "!!str ", "!t ", "'",
        '"', "|\n", ">-\n", "#", "---\n", "...\n", "%TAG ", "%YAML 1.2\n", "${V}", "$${", "~", "1", ".inf", "\t",
        "\\", "@", "`", "é", "\u2028", "\x85", "\ufeff", "\0", "\ud800", "\U0010ffff", "0x", "1e9999", "\r",
    ]),
    max_size=24,
).map("".join)  # fmt: skip


@given(st.one_of(FRAGMENTS, st.text(max_size=40), st.binary(max_size=40).map(lambda raw: raw.decode("latin-1"))))
@example("a: &a [*a]")
@example("<<: *a")
@example("%YAML 9.9\n---\na")
def test_nothing_but_a_build_error_is_raised(text: str) -> None:
    codes: list[str] = []
    places: list[int] = []
    for marks in (False, True):
        try:
            for document in read_documents(text, marks=marks):
                json.dumps(document.value, allow_nan=False)
        except BuildError as error:
            codes.append(error.code)
            places.append(min(error.span.line, error.span.column))
    assert set(codes) <= {"SJ100", "SJ101", "SJ102", "SJ104", "SJ105", "SJ106", "SJ108", "SJ109"}
    assert all(each >= 0 for each in places)
