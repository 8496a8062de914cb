"""`${…}`: the whole grammar, one pass, provenance, and that a value can never change what a spec is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.spec.interpolate import interpolate
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.variables import Variables
from tests.language.world import detail, settings

ENVIRON = {"A": "1", "EMPTY": "", "NESTED": "${A}", "B": "b"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"), ("$5 and $A", "$5 and $A"), ("$", "$"), ("a$${A}b", "a${A}b"), ("${A}", "1"),
        ("x${A}y${B}", "x1yb"), ("${A:-d}", "1"), ("${UNSET:-d}", "d"), ("${EMPTY:-d}", "d"), ("${EMPTY-d}", ""),
        ("${UNSET-d}", "d"), ("${UNSET:-}", ""), ("${A:+yes}", "yes"), ("${EMPTY:+yes}", ""), ("${EMPTY+yes}", "yes"),
        ("${UNSET+yes}", ""), ("${A:?no}", "1"), ("${UNSET:-${A}}", "1"), ("${UNSET:-${UNSET:-z}}", "z"),
        ("${UNSET:-a $${b}", "a ${b"), ("${NESTED}", "${A}"), ("${UNSET:-a:b-c?d+e}", "a:b-c?d+e"),
        ("${A:+${UNSET:-q}}", "q"), ("${UNSET+${UNSET}}", ""),
    ],
)  # fmt: skip
def test_the_grammar(text: str, value: str) -> None:
    leaf, troubles, _ = interpolate(text, ENVIRON.get)
    assert "".join(segment.value for segment in leaf.segments) == value
    assert troubles == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("${UNSET}", ["unset"]), ("${UNSET} ${ALSO}", ["unset", "unset"]), ("${EMPTY:?say}", ["demanded"]),
        ("${UNSET?}", ["demanded"]), ("${A", ["syntax"]), ("${}", ["syntax"]), ("${1}", ["syntax"]),
        ("${A b}", ["syntax"]), ("${UNSET:-${A}", ["syntax"]), ("${{ name }}", ["expression"]),
        ("${UNSET:-${ALSO}}", ["unset"]), ("${A:-${UNSET}}", []),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, kinds: list[str]) -> None:
    _, troubles, _ = interpolate(text, ENVIRON.get)
    assert [trouble.kind for trouble in troubles] == kinds


@given(st.text(max_size=30), st.text(max_size=30), st.text(st.characters(exclude_characters="${"), max_size=10))
def test_a_value_is_taken_as_it_is(value: str, other: str, around: str) -> None:
    leaf, troubles, _ = interpolate(f"{around}${{V}}{around}${{W:-${{V}}}}", {"V": value}.get)
    assert "".join(segment.value for segment in leaf.segments) == f"{around}{value}{around}{value}"
    assert not troubles
    known = {"V": value, "W": other}
    leaf, *_ = interpolate("${V}${W}", known.get)
    assert leaf.reference({"V": True, "W": True}) == "${V}${W}"
    assert leaf.reference({"V": False, "W": False}) == value + other


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_a_value_never_changes_the_shape(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    root = tmp_path_factory.mktemp("p")
    found = detail(root, "function: a/b\ninputs: {a: '${V}', b: [1, '-${V}']}\nenv: {E: '${V}'}\n", {"V": value})
    assert found.spec.inputs == {"a": value, "b": [1, f"-{value}"]}
    assert found.spec.env == {"E": value}


def test_a_plain_scalar_takes_the_type_and_a_quoted_one_does_not(tmp_path: Path) -> None:
    text = "function: a/b\ninputs:\n  a: '${N}'\n  b: ${N}\n  c: x${N}\n  d: ${A_KEY}\nenv:\n  E: ${N}\n"
    spec = detail(tmp_path, text, {"N": "640", "A_KEY": "7"}).spec
    assert spec.inputs == {"a": "640", "b": 640, "c": "x640", "d": "7"}
    assert spec.env == {"E": "640"}


def test_all_unset_variables_are_told_in_one_run(tmp_path: Path) -> None:
    (tmp_path / "jobspecs").mkdir()
    for name in "ab":
        (tmp_path / "jobspecs" / f"{name}.yaml").write_text("function: a/b\ninputs: {a: '${ONE}', b: '${TWO}'}\n")
    tree = load_tree(settings(tmp_path), None)
    assert [problem.code for problem in tree.problems] == ["SJ120"] * 4


def test_an_unset_secret_is_fine_to_plan_and_has_the_digest_of_a_set_one(tmp_path: Path) -> None:
    text = "function: a/b\ninputs: {a: '${MY_KEY}', b: '${MY_TOKEN:-none}'}\n"
    unset, given_ = detail(tmp_path, text), detail(tmp_path, text, {"MY_KEY": "x", "MY_TOKEN": "y"})
    assert unset.spec.missing == ("MY_KEY",)
    assert given_.spec.missing == ()
    assert unset.digest == given_.digest


def test_where_values_come_from() -> None:
    variables = Variables(
        cli={"A": "cli"}, target={"A": "vars", "B": "vars"}, environ={"B": "env", "C": "env", "AWS_X": "env"},
        dotenv={"C": "dotenv", "D": "dotenv"}, secrets=("*_KEY",), public=("NO_KEY",),
    )  # fmt: skip
    assert [variables.find(name) for name in "ABCDE"] == [
        ("cli", "--var"), ("vars", "vars"), ("env", "environment"), ("dotenv", ".env"), None,
    ]  # fmt: skip
    assert variables.find("AWS_X") is None
    assert variables.is_withheld("AWS_X")
    assert (variables.is_secret("A_KEY"), variables.is_secret("NO_KEY"), variables.is_secret("KEYS")) == (
        True,
        False,
        False,
    )
    named = Variables(environ={"AWS_X": "env", "B": "env"}, allow=["AWS_*"])
    assert named.find("AWS_X") == ("env", "environment")
    assert named.find("B") is None


def test_no_secret_stands_in_what_is_shown_stored_or_hashed(tmp_path: Path) -> None:
    text = (
        "function: a/b\ninputs: {a: 'x${MY_KEY}y', b: {c: ['${MY_KEY}']}}\nenv: {MY_KEY: '${MY_KEY}', P: '${PLAIN}'}\n"
        "webhooks: [{type: job.start, url: 'https://h/${MY_KEY}'}]\n"
    )
    found = detail(tmp_path, text, {"MY_KEY": "c4nary", "PLAIN": "pl4in"})
    assert found.spec.inputs == {"a": "xc4naryy", "b": {"c": ["c4nary"]}}
    kept = repr(found) + json.dumps(dict(found.parts)) + repr(found.tags)
    assert "c4nary" not in kept
    assert "pl4in" not in kept
