"""Field by field: what people are shown of a change, and what never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.plan.action import Reason
from sieve_jobs.plan.change import FieldDiff
from sieve_jobs.plan.difference import changed_part, differences
from sieve_jobs.spec.digest import canonical
from tests.plan.world import asks, variable


def inputs(value: object) -> dict:
    return {"function": "a/b", "inputs": value}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(inputs({"w": 1}), inputs({"w": 1}), [], id="equal"),
        pytest.param(inputs({"w": 640}), inputs({"w": 1280}), [("inputs.w", 640, 1280, "changed")], id="changed"),
        pytest.param(inputs({}), inputs({"w": None}), [("inputs.w", None, None, "added")], id="null is not absent"),
        pytest.param(inputs({"w": 1, "h": 2}), inputs({"h": 2}), [("inputs.w", 1, None, "removed")], id="removed"),
        pytest.param({"function": "a/b"}, inputs({"w": 1}), [("inputs.w", None, 1, "added")], id="first input"),
        pytest.param(inputs({"w": 1}), inputs({"w": 1.0}), [("inputs.w", 1, 1.0, "changed")], id="1 is not 1.0"),
        pytest.param(inputs({"w": 1}), inputs({"w": True}), [("inputs.w", 1, True, "changed")], id="1 is not true"),
        pytest.param(
            inputs({"a": [1, {"b": 2}]}),
            inputs({"a": [1, {"b": 3}, 4]}),
            [("inputs.a[1].b", 2, 3, "changed"), ("inputs.a[2]", None, 4, "added")],
            id="in lists",
        ),
        pytest.param(inputs([1]), inputs({"a": 1}), [("inputs", [1], {"a": 1}, "changed")], id="positional to named"),
        pytest.param(
            {"function": "a/b"},
            {"id": "77"},
            [("function", "a/b", None, "removed"), ("id", None, "77", "added")],
            id="id",
        ),
        pytest.param(
            {"function": "a/b", "source": "aa"},
            {"function": "a/b", "source": "bb"},
            [("source", "aa", "bb", "changed")],
            id="source",
        ),
        pytest.param(
            {"function": "f", "inputs": {"c": [None]}, "files": {"inputs.c[0]": "aa"}},
            {"function": "f", "inputs": {"c": [None]}, "files": {"inputs.c[0]": "bb"}},
            [("inputs.c[0]", "sha256:aa", "sha256:bb", "changed")],
            id="file content",
        ),
        pytest.param(
            {"function": "f", "inputs": {"c": None}, "files": {"inputs.c": "aa"}},
            inputs({"c": {"url": "https://x"}}) | {"function": "f"},
            [("inputs.c", "sha256:aa", {"url": "https://x"}, "changed")],
            id="file to url",
        ),
        pytest.param({"function": "f"}, {"function": "f", "rerun": "2"}, [("rerun", None, "2", "added")], id="rerun"),
    ],
)
def test_fields(before: dict, after: dict, expected: list[tuple]) -> None:
    assert [(d.path, d.before, d.after, d.kind) for d in differences(before, after)] == expected
    assert not any(d.masked for d in differences(before, after))


class TestSecrets:
    def test_a_reference_is_shown_as_written(self) -> None:
        old, new = (
            asks("a", {}, secret_inputs={"k": variable(name, "canary")}).parts for name in ("TOKEN", "OTHER_TOKEN")
        )
        assert differences(old, new) == (FieldDiff("inputs.k", "${TOKEN}", "${OTHER_TOKEN}"),)

    @pytest.mark.parametrize("text", ["canary", "${TOKEN}"], ids=["its value", "text like the reference"])
    def test_text_that_becomes_a_secret_is_masked(self, text: str) -> None:
        old, new = asks("a", {"k": text}).parts, asks("a", {}, secret_inputs={"k": variable("TOKEN", "canary")}).parts
        for before, after in ((old, new), (new, old)):
            assert differences(before, after) == (FieldDiff("inputs.k", None, None, masked=True),)
            assert changed_part(before, after) is Reason.INPUTS_CHANGED

    def test_text_that_becomes_a_branch_with_a_secret_is_masked(self) -> None:
        old = {"function": "f", "inputs": {"k": "canary"}}
        new = {"function": "f", "inputs": {"k": {"v": "${T}"}}, "secrets": ["inputs.k.v"]}
        assert differences(old, new) == (FieldDiff("inputs.k", None, None, masked=True),)

    def test_a_neighbour_with_a_longer_name_is_not_masked(self) -> None:
        old = {"function": "f", "inputs": {"k": 1, "key": "${T}"}, "secrets": ["inputs.key"]}
        new = {"function": "f", "inputs": {"k": 2, "key": "text"}}
        assert [(d.path, d.masked) for d in differences(old, new)] == [("inputs.k", False), ("inputs.key", True)]

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            pytest.param("1", "2", FieldDiff("env.E", "1", "2"), id="literal to literal"),
            pytest.param(
                "1", variable("TOKEN", "x"), FieldDiff("env.E", None, None, masked=True), id="literal to secret"
            ),
            pytest.param(
                "1", variable("PLACE", "x"), FieldDiff("env.E", None, None, masked=True), id="literal to variable"
            ),
            pytest.param(
                variable("TOKEN", "x"),
                variable("OTHER_TOKEN", "x"),
                FieldDiff("env.E", "${TOKEN}", "${OTHER_TOKEN}"),
                id="secret to secret",
            ),
            pytest.param(None, "1", FieldDiff("env.E", None, "1", kind="added"), id="literal added"),
            pytest.param("1", None, FieldDiff("env.E", "1", None, kind="removed"), id="literal removed"),
            pytest.param(
                None, variable("TOKEN", "x"), FieldDiff("env.E", None, "${TOKEN}", kind="added"), id="secret added"
            ),
            pytest.param(
                None,
                variable("PLACE", "x"),
                FieldDiff("env.E", None, None, masked=True, kind="added"),
                id="variable added",
            ),
            pytest.param(
                variable("PLACE", "x"),
                None,
                FieldDiff("env.E", None, None, masked=True, kind="removed"),
                id="variable removed",
            ),
        ],
    )
    def test_env(self, before, after, expected: FieldDiff) -> None:
        old, new = (asks("a", env={} if value is None else {"E": value}).parts for value in (before, after))
        assert differences(old, new) == (expected,)
        assert changed_part(old, new) is Reason.ENV_CHANGED


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2, width=16) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@given(before=_json, after=_json)
def test_there_is_a_difference_just_where_the_digest_differs(before, after) -> None:
    same = canonical(before) == canonical(after)
    assert (differences(inputs(before), inputs(after)) == ()) == same


@given(_json, _json)
def test_a_difference_never_fails_and_names_its_places(before, after) -> None:
    assert all(diff.path.startswith("inputs") for diff in differences(inputs(before), inputs(after)))
