"""Variables in a spec: types, unset and secret ones, the tree's shape, limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import Document
from sieve_jobs.spec.reading import ParseSettings, Reading
from sieve_jobs.spec.templates import fill
from sieve_jobs.spec.variables import Variables
from tests.spec.loading import detail, parse, problems

RUN = "function: a/b\n"
ENVIRON = {
    "N": "640", "F": "1.5", "T": "true", "Z": "00123", "EMPTY": "", "TEXT": "two words", "YAML": "{a: [1]}\nb: 2",
    "API_KEY": "s3cret", "PIN_KEY": "640", "AWS_SECRET_ACCESS_KEY": "denied", "AWS_REGION": "eu", "URL": "https://h/a",
}  # fmt: skip
VARIABLES = Variables(environ=ENVIRON)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("${N}", 640, id="integer"),
        pytest.param("${F}", 1.5, id="float"),
        pytest.param("${T}", True, id="boolean"),
        pytest.param("${Z}", "00123", id="does-not-round-trip"),
        pytest.param("${EMPTY}", "", id="empty"),
        pytest.param("${UNSET:-null}", None, id="null"),
        pytest.param("${UNSET:-5}", 5, id="default"),
        pytest.param("${UNSET:-${N}}", 640, id="nested-default"),
        pytest.param("${T:+7}", 7, id="alternative"),
        pytest.param("'${N}'", "640", id="quoted"),
        pytest.param('"${N}"', "640", id="double-quoted"),
        pytest.param("!!str ${N}", "640", id="tagged"),
        pytest.param("|-\n    ${N}", "640", id="block"),
        pytest.param("${N}${N}", "640640", id="two-are-text"),
        pytest.param("${N}px", "640px", id="with-text-behind"),
        pytest.param("1${N}", "1640", id="with-text-before"),
        pytest.param("${PIN_KEY}", "640", id="secret-stays-text"),
        pytest.param("${YAML}", "{a: [1]}\nb: 2", id="a-value-is-no-yaml"),
        pytest.param("$${N}", "${N}", id="escaped"),
        pytest.param("['${N}', {a: '${T}'}]", ["640", {"a": "true"}], id="flow"),
    ],
)
def test_values_in_inputs(tmp_path: Path, written: str, expected: object) -> None:
    spec = detail(tmp_path, f"{RUN}inputs:\n  v: {written}\n", variables=VARIABLES).spec
    assert isinstance(spec.inputs, dict)
    assert (type(spec.inputs["v"]), spec.inputs["v"]) == (type(expected), expected)


def test_env_labels_and_texts_stay_text(tmp_path: Path) -> None:
    text = "function: a/b${N}\nname: n-${N}\nenv: {A: '${N}'}\nlabels: {l: '${T}'}\ndescription: ${N}\nrerun: ${N}\n"
    spec = detail(tmp_path, text, variables=VARIABLES).spec
    assert (spec.function, spec.name, spec.env, spec.labels) == ("a/b640", "n-640", {"A": "640"}, {"l": "true"})
    assert (spec.description, spec.rerun) == ("640", "640")


def test_plain_texts_outside_inputs_take_no_type(tmp_path: Path) -> None:
    text = f"{RUN}env:\n  A: ${{N}}\nlabels:\n  l: ${{T}}\ndescription: ${{N}}\nrerun: ${{N}}\nprotect: ${{T}}\n"
    spec = detail(tmp_path, text, variables=VARIABLES).spec
    assert (spec.env, spec.labels, spec.description, spec.rerun) == ({"A": "640"}, {"l": "true"}, "640", "640")
    assert spec.protect is True


def test_keys_are_never_interpolated(tmp_path: Path) -> None:
    assert detail(tmp_path, f"{RUN}inputs:\n  ${{N}}: 1\n", variables=VARIABLES).spec.inputs == {"${N}": 1}


def test_a_spec_knows_its_variables_and_what_is_missing(tmp_path: Path) -> None:
    text = f"{RUN}inputs:\n  a: ${{N}}\n  b: ${{GONE_KEY}} x\n  c: ${{UNSET:-${{TEXT}}}}\nenv:\n  K: ${{API_KEY}}\n"
    spec = detail(tmp_path, text, variables=VARIABLES).spec
    assert spec.variables == {"N": False, "GONE_KEY": True, "UNSET": False, "TEXT": False, "API_KEY": True}
    assert spec.missing == ("GONE_KEY",)
    assert spec.inputs == {"a": 640, "b": "${GONE_KEY} x", "c": "two words"}
    assert set(spec.leaves) == {("inputs", "a"), ("inputs", "b"), ("inputs", "c"), ("env", "K")}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("webhooks:\n  - {type: job.start, url: '${HOOK_TOKEN}'}", id="whole-url"),
        pytest.param("webhooks:\n  - {type: job.start, url: '${HOST_SECRET}/x'}", id="beginning-of-a-url"),
        pytest.param("env:\n  A: ${A_KEY:?needed}", id="demanded"),
        pytest.param("inputs:\n  a: ${UNSET:-${A_KEY}}", id="in-a-default"),
    ],
)
def test_an_unset_secret_is_fine_until_apply(tmp_path: Path, text: str) -> None:
    assert len(detail(tmp_path, f"{RUN}{text}\n").spec.missing) == 1


WRONG = [
    pytest.param("inputs:\n  a: ${UNSET}\n  b: x ${ALSO}\n", [("SJ120", 3, 6), ("SJ120", 4, 8)], id="all-unset-ones"),
    pytest.param("inputs:\n  a: $${X} ${X}\n", [("SJ120", 3, 12)], id="place-of-the-one-that-is-meant"),
    pytest.param("inputs:\n  a: ${XY:-} ${X}\n", [("SJ120", 3, 14)], id="not-of-one-that-begins-alike"),
    pytest.param("inputs:\n  a: |\n    one\n    two ${X}\n", [("SJ120", 5, 9)], id="within-a-block"),
    pytest.param("inputs:\n  a: ${AWS_REGION}\n", [("SJ122", 3, 6)], id="withheld"),
    pytest.param("env:\n  A: ${AWS_SECRET_ACCESS_KEY}\n", [("SJ122", 3, 6)], id="withheld-secret"),
    pytest.param("inputs:\n  a: ${X\n", [("SJ123", 3, 6)], id="unclosed"),
    pytest.param("inputs:\n  a: ${{ matrix.x }}\n", [("SJ203", 3, 6)], id="expression"),
    pytest.param("name: n-${API_KEY}\n", [("SJ170", 2, 9)], id="secret-in-name"),
    pytest.param("labels:\n  a: ${API_KEY}\n", [("SJ170", 3, 6)], id="secret-in-label"),
    pytest.param("description: ${API_KEY}\n", [("SJ170", 2, 14)], id="secret-in-description"),
    pytest.param("rerun: ${API_KEY}\n", [("SJ170", 2, 8)], id="secret-as-salt"),
    pytest.param("protect: ${API_KEY}\n", [("SJ170", 2, 10)], id="secret-as-flag"),
    pytest.param("rerun_on: ['${API_KEY}']\n", [("SJ170", 2, 13)], id="secret-as-word"),
    pytest.param("inputs: ${API_KEY}\n", [("SJ170", 2, 9)], id="secret-as-all-inputs"),
    pytest.param("env: ${API_KEY}\n", [("SJ170", 2, 6)], id="secret-as-all-env"),
    pytest.param("inputs: {a: {file: '${API_KEY}'}}\n", [("SJ170", 2, 21)], id="secret-in-a-path"),
    pytest.param("webhooks:\n  - {type: '${API_KEY}', url: 'https://h'}\n", [("SJ170", 3, 13)], id="secret-as-event"),
    pytest.param("protect: ${UNSET}\n", [("SJ120", 2, 10)], id="nothing-else-is-said-of-an-unset-flag"),
    pytest.param("webhooks:\n  - {type: '${X}', url: '${X}'}\n", [("SJ120", 3, 13), ("SJ120", 3, 26)], id="nor-hooks"),
    pytest.param("inputs: {a: {file: '${UNSET}'}}\n", [("SJ120", 2, 21)], id="nor-of-a-file"),
    pytest.param("inputs: ${UNSET}\n", [("SJ120", 2, 9)], id="nor-of-inputs"),
    pytest.param("inputs: ${TEXT}\n", [("SJ210", 2, 9)], id="inputs-from-a-text"),
    pytest.param("protect: ${TEXT}\n", [("SJ210", 2, 10)], id="a-flag-from-a-text"),
    pytest.param("name: ${TEXT}\n", [("SJ211", 2, 7)], id="a-name-from-a-text"),
    pytest.param("inputs:\n  a: &x ${UNSET}\n  b: *x\n", [("SJ120", 3, 9), ("SJ120", 4, 6)], id="through-an-alias"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_is_wrong_and_where(tmp_path: Path, text: str, expected: list[tuple[str, int, int]]) -> None:
    assert problems(tmp_path, RUN + text, variables=VARIABLES) == expected


def test_a_function_from_variables(tmp_path: Path) -> None:
    assert problems(tmp_path, "function: ${API_KEY}\n", variables=VARIABLES) == [("SJ170", 1, 11)]
    assert problems(tmp_path, "id: ${API_KEY}\n", variables=VARIABLES) == [("SJ170", 1, 5)]
    assert problems(tmp_path, "function: ${UNSET}\n", variables=VARIABLES) == [("SJ120", 1, 11)]
    assert problems(tmp_path, "function: ${TEXT}\n", variables=VARIABLES) == [("SJ212", 1, 11)]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param("a\0b", "SJ121", id="nul"),
        pytest.param("x" * (1024 * 1024 + 1), "SJ121", id="long"),
        pytest.param("x\udcff", "SJ121", id="not-utf-8"),
        pytest.param("x" * (1024 * 1024), None, id="as-long-as-may-be"),
        pytest.param("\x1b[2J\u202e\r\n", None, id="control-characters-are-data"),
    ],
)
@pytest.mark.parametrize("name", ["V", "V_KEY"])
def test_values_that_cannot_be_used(tmp_path: Path, value: str, code: str | None, name: str) -> None:
    found = parse(tmp_path, f"{RUN}inputs:\n  a: ${{{name}}}\n", variables=Variables(environ={name: value}))
    assert [problem.code for problem in found.problems] == ([code] if code else [])
    assert all(value[:20] not in repr(problem) and name in problem.message for problem in found.problems)


def test_interpolation_is_bounded(tmp_path: Path) -> None:
    big = Variables(environ={"BIG": "x" * 100_000})
    many = f"{RUN}inputs:\n  a: &a '{'${BIG}' * 10}'\n  b: [{'*a, ' * 50}]\n"
    assert {code for code, _, _ in problems(tmp_path, many, variables=big)} == {"SJ101"}
    small = f"{RUN}inputs:\n  a: '{'${BIG}' * 80}'\n"
    assert problems(tmp_path, small, variables=big) == []


YAML = st.sampled_from([": ", "\n- a", "}{", "]", "'", '"', "#", "*x", "&x", "<<: *x", "!!int 1"])
VALUE = st.text(min_size=1, max_size=30) | YAML
TREE = """\
a: ${V}
b: ["${V}", {c: 'x${V}y'}]
d: {<<: {e: "${V}"}, f: 1}
"""


def shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else "leaf"


@given(VALUE)
def test_a_value_never_changes_the_trees_shape(value: str) -> None:
    (document,) = read_documents(TREE)
    before = shape(document.value)
    filled(document, Variables(environ={"V": value}))
    assert shape(document.value) == before
    tree = document.value
    assert isinstance(tree, dict)
    assert (tree["b"], tree["d"]) == ([value, {"c": f"x{value}y"}], {"f": 1, "e": value})


@settings(max_examples=settings.default.max_examples // 5)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40) | YAML)
def test_any_value_arrives_whole_in_a_spec(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    text = f"{RUN}inputs: {{a: '${{V}}', b: [1, '-${{V}}']}}\nenv: {{E: '${{V}}'}}\n"
    spec = detail(tmp_path_factory.getbasetemp(), text, variables=Variables(environ={"V": value})).spec
    assert (spec.inputs, spec.env) == ({"a": value, "b": [1, f"-{value}"]}, {"E": value})


def filled(document: Document, variables: Variables) -> Reading:
    reading = Reading(ParseSettings(Path("/"), variables), "/a.yaml", lambda path, stamp: None)
    fill(document, reading)
    return reading
