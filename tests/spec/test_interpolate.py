"""Docker Compose's grammar with braces required, one pass, and where each stretch came from."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sieve_jobs.spec.interpolate import Interpolated, interpolate
from sieve_jobs.spec.jobspec import Leaf, Segment

VALUES = {"SET": "value", "EMPTY": "", "TPL": "${SET}", "DOLLAR": "$", "BRACE": "}", "API_KEY": "s3cret", "N": "640"}


def resolve(text: str) -> Interpolated:
    return interpolate(text, VALUES.get)


def value(leaf: Leaf) -> str:
    return "".join(segment.value for segment in leaf.segments)


RESOLVED = [
    # text, what it becomes, and the variables it came from
    ("", "", ""), ("plain", "plain", ""), ("$5 and $NAME", "$5 and $NAME", ""), ("$", "$", ""), ("$$", "$$", ""),
    ("}{", "}{", ""), ("100%", "100%", ""),
    ("${SET}", "value", "SET"), ("a${SET}b", "avalueb", "SET"), ("${SET}${SET}", "valuevalue", "SET"),
    ("${EMPTY}", "", "EMPTY"), ("x${EMPTY}x", "xx", "EMPTY"),
    # defaults: `:` counts empty as unset
    ("${SET:-d}", "value", "SET"), ("${EMPTY:-d}", "d", "EMPTY"), ("${UNSET:-d}", "d", "UNSET"),
    ("${SET-d}", "value", "SET"), ("${EMPTY-d}", "", "EMPTY"), ("${UNSET-d}", "d", "UNSET"),
    ("${UNSET:-}", "", "UNSET"), ("${UNSET-}", "", "UNSET"), ("${UNSET:- a b }", " a b ", "UNSET"),
    ("${UNSET:--}", "-", "UNSET"), ("${UNSET:-:-}", ":-", "UNSET"), ("${UNSET:-?}", "?", "UNSET"),
    ("${UNSET:-{}", "{", "UNSET"), ("${UNSET:-$}", "$", "UNSET"), ("${UNSET:-$5}", "$5", "UNSET"),
    ("${UNSET:-a:b-c?d+e}", "a:b-c?d+e", "UNSET"), ("${UNSET:-a $${b}", "a ${b", "UNSET"),
    ("${UNSET:-https://x.y/z?a=b}", "https://x.y/z?a=b", "UNSET"), ("${UNSET:-\n}", "\n", "UNSET"),
    # demands that are met
    ("${SET:?no}", "value", "SET"), ("${SET?no}", "value", "SET"), ("${EMPTY?no}", "", "EMPTY"),
    # alternatives
    ("${SET:+a}", "a", "SET"), ("${EMPTY:+a}", "", "EMPTY"), ("${UNSET:+a}", "", "UNSET"),
    ("${SET+a}", "a", "SET"), ("${EMPTY+a}", "a", "EMPTY"), ("${UNSET+a}", "", "UNSET"), ("${SET:+}", "", "SET"),
    # nesting, in what is used and in what is not
    ("${UNSET:-${SET}}", "value", "SET UNSET"), ("${SET:-${UNSET}}", "value", "SET"),
    ("${UNSET:-a${EMPTY:-b${SET}c}d}", "abvaluecd", "EMPTY SET UNSET"), ("${SET:+${N}p}", "640p", "N SET"),
    ("${SET:+${UNSET:-q}}", "q", "SET UNSET"), ("${UNSET+${OTHER}}", "", "UNSET"),
    ("${UNSET:+${OTHER}}", "", "UNSET"), ("${SET:?${OTHER}}", "value", "SET"), ("${UNSET:-${OTHER:-${N}}}", "640",
     "N OTHER UNSET"),
    # the literal ${
    ("$${SET}", "${SET}", ""), ("a$${b", "a${b", ""), ("$${", "${", ""), ("$$${SET}", "$${SET}", ""),
    ("${SET}$${SET}", "value${SET}", "SET"), ("$${SET}${SET}", "${SET}value", "SET"), ("$${{ x }}", "${{ x }}", ""),
    ("${UNSET:-$${SET}}", "${SET}", "UNSET"), ("${UNSET:-$${}}", "${}", "UNSET"),
    # one pass: a value is never looked at again
    ("${TPL}", "${SET}", "TPL"), ("${DOLLAR}{SET}", "${SET}", "DOLLAR"), ("${UNSET:-${TPL}}", "${SET}", "TPL UNSET"),
    ("${UNSET:-${BRACE}}x", "}x", "BRACE UNSET"), ("$${TPL}", "${TPL}", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "names"), [pytest.param(*row, id=row[0] or "empty") for row in RESOLVED])
def test_what_resolves(text: str, expected: str, names: str) -> None:
    leaf, troubles, _ = resolve(text)
    assert (value(leaf), sorted(leaf.variables), troubles) == (expected, names.split(), [])


TROUBLED = [
    ("${UNSET}", [("unset", 0, "UNSET")], "variable 'UNSET' is not set"),
    ("a ${UNSET} ${ALSO} ${UNSET}", [("unset", 2, "UNSET"), ("unset", 11, "ALSO"), ("unset", 19, "UNSET")], None),
    ("${UNSET:-${ALSO}}", [("unset", 9, "ALSO")], None),
    ("${UNSET?}", [("demanded", 0, "UNSET")], "variable 'UNSET' is not set"),
    ("${UNSET:?}", [("demanded", 0, "UNSET")], None),
    ("${EMPTY:?set it}", [("demanded", 0, "EMPTY")], "variable 'EMPTY' is not set: set it"),
    ("${UNSET?see ${API_KEY}}", [("demanded", 0, "UNSET")], "variable 'UNSET' is not set: see ${API_KEY}"),
    ("${UNSET?${ALSO}}", [("demanded", 0, "UNSET")], None),
    ("${}", [("syntax", 0, "")], "'${' is not followed by a variable's name"),
    ("x ${", [("syntax", 2, "")], None),
    ("${ SET}", [("syntax", 0, "")], None),
    ("${5}", [("syntax", 0, "")], None),
    ("${é}", [("syntax", 0, "")], None),
    ("${SET", [("syntax", 0, "SET")], "'${SET' has no closing '}'"),
    ("${SET }", [("syntax", 0, "SET")], None),
    ("${SET b}", [("syntax", 0, "SET")], None),
    ("${SET:}", [("syntax", 0, "SET")], None),
    ("${SET.x}", [("syntax", 0, "SET")], None),
    ("${SET[0]}", [("syntax", 0, "SET")], None),
    ("${SET:-x", [("syntax", 0, "")], "'${' has no closing '}'"),
    ("${SET:-${SET}", [("syntax", 0, "")], None),
    ("a ${SET:-${", [("syntax", 9, "")], None),
    ("${SET:=x}", [("syntax", 0, "SET")], None),
    ("${UNSET} ${", [("syntax", 9, "")], None),
    ("${{ matrix.lang }}", [("expression", 0, "")], "expressions ${{ … }}"),
    ("${SET:-${{ x }}}", [("expression", 7, "")], None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "words"), [pytest.param(*row, id=row[0]) for row in TROUBLED])
def test_what_does_not(text: str, expected: list[tuple[str, int, str]], words: str | None) -> None:
    leaf, troubles, _ = resolve(text)
    assert [(each.kind, each.at, each.name) for each in troubles] == expected
    assert words is None or troubles[0].text == words
    assert "s3cret" not in "".join(each.text for each in troubles)
    if expected[0][0] in {"syntax", "expression"}:
        assert leaf == Leaf((Segment(text, text),))


def test_a_stretch_without_a_value_keeps_its_text() -> None:
    leaf, _, _ = resolve("a ${UNSET:?x} b ${SET}")
    assert [segment.value for segment in leaf.segments] == ["a ", "${UNSET:?x}", " b ", "value"]


def test_provenance() -> None:
    leaf, _, _ = resolve("https://${SET}/$${x}/${UNSET:-${API_KEY}}?n=${N}")
    assert leaf.segments == (
        Segment("https://", "https://"),
        Segment("${SET}", "value", ("SET",)),
        Segment("/${x}/", "/${x}/"),
        Segment("${UNSET:-${API_KEY}}", "s3cret", ("UNSET", "API_KEY")),
        Segment("?n=", "?n="),
        Segment("${N}", "640", ("N",)),
    )
    secret = {"SET": False, "N": False, "UNSET": False, "API_KEY": True}
    assert leaf.is_secret(secret)
    assert leaf.reference(secret) == "https://value/${x}/${UNSET:-${API_KEY}}?n=640"
    assert leaf.reference({}) == "https://${SET}/${x}/${UNSET:-${API_KEY}}?n=${N}"
    assert "s3cret" not in repr(leaf)


@pytest.mark.parametrize(
    ("text", "troubled"),
    [
        pytest.param("${A:-" * 64 + "x" + "}" * 64, False, id="as-deep-as-may-be"),
        pytest.param("${A:-" * 65 + "x" + "}" * 65, True, id="too-deep"),
        pytest.param("${A:-" * 100_000, True, id="a-bomb"),
        pytest.param("${" * 100_000, True, id="openings"),
        pytest.param("$${" * 100_000, False, id="escapes"),
    ],
)
def test_depth_is_bounded(text: str, troubled: bool) -> None:
    assert bool(resolve(text).troubles) == troubled


def test_what_comes_of_it_is_bounded() -> None:
    text = "${BIG}" * 10
    found = interpolate(text, lambda name: "x" * 1000, room=20_000)
    assert (found.troubles, found.cost) == ([], len(text) + 10 * (1000 + 32))
    (trouble,) = interpolate(text, lambda name: "x" * 1000, room=found.cost - 1).troubles
    assert trouble.kind == "size"


NAMES = st.sampled_from(["A", "B_1", "_c", "UNSET"])
PIECES = st.recursive(
    st.one_of(st.text("ab $\n{é:-?+", max_size=4), st.just("$${")),
    lambda inner: st.builds(
        lambda name, sign, word: f"${{{name}{sign}{word if sign else ''}}}",
        NAMES, st.sampled_from(["", ":-", "-", ":+", "+", ":?", "?"]), inner,
    ),
    max_leaves=4,
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=5).map("".join)
SETTINGS = st.dictionaries(st.sampled_from(["A", "B_1", "_c"]), st.text("xy${}A:-\n", max_size=6))


@given(TEXTS | st.text("${}A:-?+ b", max_size=12), SETTINGS)
@example("$$${", {})
def test_it_never_raises_and_segments_join_to_the_value(text: str, values: dict[str, str]) -> None:
    leaf, troubles, cost = interpolate(text, values.get)
    assert cost >= 0
    assert all(segment.value or segment.variables for segment in leaf.segments)
    assert leaf.variables <= {"A", "B_1", "_c", "UNSET"} | set(re.findall(r"\w+", text))
    literal = [segment for segment in leaf.segments if not segment.variables]
    assert all(segment.written == segment.value for segment in literal)
    if not any(trouble.kind in {"syntax", "expression"} for trouble in troubles):
        # As written, with the escapes put back, the stretches are the text again.
        written = [each.written if each.variables else each.written.replace("${", "$${") for each in leaf.segments]
        assert "".join(written) == text


@given(TEXTS, SETTINGS)
def test_a_value_is_never_looked_at_again(text: str, values: dict[str, str]) -> None:
    """Were a value's `${x}` read again, a variable would be asked for that the text does not name."""
    asked: list[str] = []

    def find(name: str) -> str | None:
        asked.append(name)
        return values.get(name)

    interpolate(text, find)
    assert set(asked) <= set(re.findall(r"[A-Za-z_]\w*", text))


@given(st.text(), st.text(), st.text())
def test_any_value_arrives_whole(before: str, inserted: str, after: str) -> None:
    before, after = before.replace("$", ""), after.replace("${", "")
    leaf, troubles, _ = interpolate(f"{before}${{V}}{after}", {"V": inserted}.get)
    assert (value(leaf), troubles) == (before + inserted + after, [])
    assert leaf.reference({"V": True}) == before + "${V}" + after
    assert leaf.reference({"V": False}) == before + inserted + after


@given(TEXTS, SETTINGS)
def test_a_reference_never_holds_a_secret(text: str, values: dict[str, str]) -> None:
    canary = {name: f"<{name}-canary>" for name in values}
    leaf, troubles, _ = interpolate(text, canary.get)
    assert "canary" not in leaf.reference(dict.fromkeys(canary, True))
    assert "canary" not in "".join(trouble.text for trouble in troubles) + repr(leaf)
