"""What is a change and what is not; digests of this release, for every later one."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sieve_jobs.spec.digest import canonical, digest_of, digest_under
from sieve_jobs.spec.tags import key_from
from sieve_jobs.spec.variables import Variables
from tests.project import write
from tests.spec.documents import VALUES
from tests.spec.loading import KEY, detail

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden_digests.json").read_text())["v1"]
BASE = """\
function: sieve/dubbing
inputs:
  source_file: {url: "https://cdn.example.com/a.mp4?v=1"}
  target_language: spanish
  width: 640
  flags: [true, null, 1.5]
env:
  MODE: fast
"""
VARIABLES = Variables(environ={"V": "value", "N": "5", "A_KEY": "s3cret", "EMPTY": ""})


def digest(root: Path, text: str, **changes: object) -> str:
    return detail(root, text, **({"variables": VARIABLES} | changes)).digest


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in GOLDEN])
def test_golden_digests(tmp_path: Path, row: Mapping[str, Any]) -> None:
    """These never change: a release that gives another digest would run every job again."""
    write(tmp_path, row.get("files", {}))
    found = detail(
        tmp_path, row["spec"], variables=Variables(environ=row.get("environ", {})), sources=row.get("sources"),
        ignore_query=tuple(row.get("ignore_query", ())),
    )  # fmt: skip
    assert found.digest == row["digest"]
    assert canonical(dict(found.parts)) == row["canonical"]
    assert found.digest == "v1:sha256:" + hashlib.sha256(row["canonical"].encode()).hexdigest()


SAME = [
    pytest.param(BASE.replace("function", "# a comment\nfunction") + "# end\n", id="comments"),
    pytest.param("inputs: {flags: [true, ~, 1.5], width: 0x280, target_language: 'spanish', source_file: {url: 'https://"
                 "cdn.example.com/a.mp4?v=1'}}\nenv: {MODE: fast}\nfunction: sieve/dubbing\n", id="order-and-style"),
    pytest.param("name: other\n" + BASE, id="name"),
    pytest.param(BASE + "labels: {team: video}\n", id="labels"),
    pytest.param(BASE + "description: anything\n", id="description"),
    pytest.param(BASE + "webhooks: [{type: job.complete, url: 'https://h.example'}]\n", id="webhooks"),
    pytest.param(BASE + "webhooks: []\n", id="no-webhooks"),
    pytest.param(BASE + "protect: true\n", id="protect"),
    pytest.param(BASE + "on_change: cancel\n", id="on_change"),
    pytest.param(BASE + "rerun_on: [secrets, webhooks]\n", id="rerun_on"),
    pytest.param(BASE + "save: out/x\n", id="save"),
    pytest.param(BASE + "id:\nname: ~\nwebhooks: null\ndescription: ~\nlabels: {}\nrerun: ~\nrerun_on: []\n"
                 "protect: false\n", id="spelled-out-defaults"),
    pytest.param(BASE.replace("?v=1", "?v=1&X-Amz-Signature=x&X-Amz-Date=d"), id="signature"),
    pytest.param(BASE.replace("//cdn", "//user:password@cdn"), id="userinfo"),
    pytest.param(BASE.replace("?v=1", "?v=1&token=t"), id="ignored-parameter"),
    pytest.param(BASE.replace("640", "${UNSET:-640}"), id="the-same-by-a-default"),
    pytest.param(BASE.replace("spanish", "span${EMPTY}ish"), id="the-same-by-a-variable"),
    pytest.param("---\n" + BASE.replace("\n", "\r\n"), id="line-ends"),
    pytest.param(BASE.replace("fast", '"fast"').replace("640", "0x280"), id="quotes-and-another-way-to-write-a-number"),
    pytest.param(BASE.replace("  MODE", "  <<: {MODE: slow}\n  MODE"), id="a-merge-that-changes-nothing"),
]  # fmt: skip


@pytest.mark.parametrize("text", SAME)
def test_what_is_no_change(tmp_path: Path, text: str) -> None:
    assert digest(tmp_path, text, ignore_query=("token",)) == digest(tmp_path, BASE)


CHANGED = [
    pytest.param("sieve/dubbing", "sieve/dubbing:v2", id="version"),
    pytest.param("function: sieve/dubbing", "id: sieve/dubbing", id="id"),
    pytest.param("spanish", "Spanish", id="letter"),
    pytest.param("  width: 640\n", "", id="left-out"),
    pytest.param("spanish", "'spanish '", id="space"),
    pytest.param("640", "641", id="number"),
    pytest.param("640", "640.0", id="one-is-not-1.0"),
    pytest.param("640", "'640'", id="number-as-text"),
    pytest.param("true", "1", id="true-is-not-one"),
    pytest.param("true", "'true'", id="true-as-text"),
    pytest.param("null", "false", id="null-is-not-false"),
    pytest.param("null, ", "", id="null-in-a-list-counts"),
    pytest.param("[true, null, 1.5]", "[null, true, 1.5]", id="order-of-a-list"),
    pytest.param("1.5", "-1.5", id="sign"),
    pytest.param("width: 640", "width: 640\n  extra: null", id="null-is-not-absence"),
    pytest.param("width: 640", "Width: 640", id="key"),
    pytest.param("?v=1", "?v=2", id="query"),
    pytest.param("?v=1", "", id="no-query"),
    pytest.param("https://", "http://", id="scheme"),
    pytest.param("a.mp4", "A.mp4", id="path"),
    pytest.param("MODE: fast", "MODE: slow", id="literal-env"),
    pytest.param("MODE: fast", "mode: fast", id="env-name"),
    pytest.param("MODE: fast", "MODE: fast\n  MORE: ''", id="more-env"),
    pytest.param("env:\n  MODE: fast\n", "", id="no-env"),
    pytest.param("MODE: fast", "MODE: ${V}", id="env-from-a-variable"),
    pytest.param("MODE: fast", "MODE: ${A_KEY}", id="env-from-a-secret"),
    pytest.param("spanish", "${V}", id="input-from-a-variable"),
    pytest.param("spanish", "${A_KEY}", id="input-from-a-secret"),
    pytest.param("function", "rerun: ''\nfunction", id="empty-salt"),
    pytest.param("function", "rerun: 2\nfunction", id="salt"),
    pytest.param("function", "rerun: again\nfunction", id="salt-of-text"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), CHANGED)
def test_what_is_a_change(tmp_path: Path, old: str, new: str) -> None:
    assert BASE.count(old) >= 1
    assert digest(tmp_path, BASE.replace(old, new, 1)) != digest(tmp_path, BASE)


def test_what_is_a_change_is_so_pairwise(tmp_path: Path) -> None:
    found = [digest(tmp_path, BASE.replace(*row.values, 1)) for row in CHANGED]  # type: ignore[arg-type]
    assert len(set(found)) == len(found)


def test_the_functions_source_counts_on_the_engine_alone(tmp_path: Path) -> None:
    def on(function: str, sources: Mapping[str, str] | None) -> str:
        return digest(tmp_path, f"function: {function}\n", sources=sources)

    remote = on("me/f", None)
    assert on("me/f", {}) == remote
    assert on("me/f", {"me/g": "1"}) == remote
    assert len({remote, on("me/f", {"me/f": "1"}), on("me/f", {"me/f": "2"}), on("me/f:v1", {"me/f": "1"})}) == 4
    assert on("me/f:v1", {"me/f": "1"}) != on("me/f:v1", None)
    assert digest(tmp_path, "id: me/f\n", sources={"me/f": "1"}) == digest(tmp_path, "id: me/f\n", sources=None)


def test_a_files_content_counts_and_its_name_and_time_do_not(tmp_path: Path) -> None:
    text = "function: a/b\ninputs: {clip: {file: clips/a.mp4}}\n"
    write(tmp_path, {"clips/a.mp4": "one", "clips/b.mp4": "one", "clips/c.mp4": "two"})
    first = digest(tmp_path, text)
    assert digest(tmp_path, text.replace("a.mp4", "b.mp4")) == first
    assert digest(tmp_path, text.replace("a.mp4", "c.mp4")) != first
    assert digest(tmp_path, "function: a/b\ninputs: {clip: null}\n") != first
    assert digest(tmp_path, "function: a/b\ninputs: {clip: {$file: clips/a.mp4}}\n") != first
    write(tmp_path, {"clips/a.mp4": "two"})
    assert digest(tmp_path, text) == digest(tmp_path, text.replace("a.mp4", "c.mp4"))


def test_keys_that_look_like_pointers_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, {"1": "one", "2": "two"})
    found = [
        digest(tmp_path, f"function: a/b\ninputs: {inputs}\n")
        for inputs in (
            "{a.b: {file: '1'}, a: {b: null}}", "{a.b: null, a: {b: {file: '1'}}}",
            "{a.b: {file: '1'}, a: {b: {file: '2'}}}", "{a.b: {file: '2'}, a: {b: {file: '1'}}}",
            "{'a[0]': {file: '1'}, a: [null]}", "{'a[0]': null, a: [{file: '1'}]}",
            "{'a[\"b\"]': {file: '1'}, a: {b: null}}",
        )
    ]  # fmt: skip
    assert len(set(found)) == len(found)


def test_a_secret_counts_by_its_reference(tmp_path: Path) -> None:
    text = "function: a/b\ninputs: {v: 'x ${A_KEY} ${V}'}\nenv: {K: '${A_KEY}', W: 'w${V}'}\n"
    found = detail(tmp_path, text, variables=VARIABLES)
    assert found.parts == {
        "function": "a/b", "inputs": {"v": "x ${A_KEY} value"}, "secrets": ["inputs.v"],
        "env": {"names": ["K", "W"], "references": {"K": "${A_KEY}"}},
    }  # fmt: skip
    rotated = Variables(environ={"A_KEY": "another", "V": "value"})
    assert digest(tmp_path, text, variables=rotated) == found.digest
    assert digest(tmp_path, text, variables=Variables(environ={"V": "value"})) == found.digest
    assert digest(tmp_path, text.replace("${A_KEY} $", "$${A_KEY} $")) != found.digest
    assert digest(tmp_path, text.replace("${A_KEY} $", "${B_KEY} $")) != found.digest
    assert digest(tmp_path, text, variables=Variables(environ={"A_KEY": "s3cret", "V": "other"})) != found.digest
    default = "function: a/b\ninputs: {t: '${A_TOKEN:-none}'}\n"
    assert digest(tmp_path, default, variables=Variables(environ={"A_TOKEN": "y"})) == digest(tmp_path, default)


def test_an_interpolated_env_value_counts_by_its_tag_alone(tmp_path: Path) -> None:
    text = "function: a/b\nenv: {W: 'w${V}', K: '${A_KEY}'}\n"
    one = detail(tmp_path, text, variables=Variables(environ={"V": "1", "A_KEY": "x"}))
    two = detail(tmp_path, text, variables=Variables(environ={"V": "2", "A_KEY": "x"}))
    three = detail(tmp_path, text, variables=Variables(environ={"V": "1", "A_KEY": "y"}))
    assert one.digest == two.digest == three.digest
    assert (set(one.tags.env), set(one.tags.secrets)) == ({"W"}, {"env.K"})
    assert one.tags.env != two.tags.env
    assert one.tags.secrets == two.tags.secrets
    assert (one.tags.env, one.tags.secrets == three.tags.secrets) == (three.tags.env, False)
    assert len({one.fingerprint, two.fingerprint, three.fingerprint}) == 3
    without = detail(tmp_path, text, variables=Variables(environ={"V": "1", "A_KEY": "x"}), key=None)
    assert (without.digest, without.tags.env, without.tags.secrets, without.tags.key) == (one.digest, {}, {}, "")
    other = detail(tmp_path, text, variables=Variables(environ={"V": "1", "A_KEY": "x"}), key=key_from(b"other" * 8))
    assert other.tags.key != one.tags.key == KEY.id
    assert not set(other.tags.env.values()) & set(one.tags.env.values())


def test_equal_secrets_in_two_places_have_unlike_tags(tmp_path: Path) -> None:
    text = "function: a/b\ninputs: {a: '${A_KEY}', b: '${A_KEY}'}\nenv: {K: '${A_KEY}', L: '${V}', M: '${V}'}\n"
    tags = detail(tmp_path, text, variables=VARIABLES).tags
    found = [*tags.secrets.values(), *tags.env.values()]
    assert len(set(found)) == len(found) == 5


def test_a_missing_secret_has_no_tag(tmp_path: Path) -> None:
    tags = detail(tmp_path, "function: a/b\nenv: {K: '${GONE_KEY}'}\n", variables=VARIABLES).tags
    assert tags.secrets == {}


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        pytest.param("labels: {a: b}\n", False, id="labels"),
        pytest.param("description: x\n", False, id="description"),
        pytest.param("webhooks: [{type: job.complete, url: 'https://h.example'}]\n", True, id="webhooks"),
        pytest.param("webhooks: []\n", True, id="silenced-webhooks"),
        pytest.param("rerun_on: [secrets]\n", True, id="rerun_on"),
        pytest.param("protect: true\n", True, id="protect"),
        pytest.param("save: out/x\n", True, id="save"),
        pytest.param("save: ~\n", False, id="no-save"),
    ],
)
def test_the_fingerprint_changes_with_all_that_plan_speaks_of(tmp_path: Path, more: str, changes: bool) -> None:
    one, other = detail(tmp_path, BASE), detail(tmp_path, BASE + more)
    assert one.digest == other.digest
    assert (one.fingerprint != other.fingerprint) == changes


def test_a_fingerprint_of_the_first_release(tmp_path: Path) -> None:
    """Without what came later a spec has the fingerprint it always had: its entry stays settled."""
    text = "function: a/b\ninputs: {x: 1}\nprotect: true\n"
    assert detail(tmp_path, text, key=None).fingerprint == "8c3198889fbb1085d44cc45a7fbf9762"


def test_a_digest_under_another_classification(tmp_path: Path) -> None:
    text = "function: a/b\ninputs: {v: '${A_KEY}', u: 'https://h/${V}?token=1'}\nenv: {W: '${V}'}\n"
    public = Variables(environ={"A_KEY": "x", "V": "y"}, secrets=[])
    secret = Variables(environ={"A_KEY": "x", "V": "y"}, secrets=["*"])
    for sources in (None, {"a/b": "1"}):
        options: dict[str, Any] = {"ignore_query": ("token",), "sources": sources}
        one, other = (detail(tmp_path, text, variables=each, **options) for each in (public, secret))
        assert one.digest != other.digest
        assert digest_under(one, other.spec.variables, ignore_query=("token",)) == other.digest
        assert digest_under(other, one.spec.variables, ignore_query=("token",)) == one.digest
        assert digest_under(one, one.spec.variables, ignore_query=("token",)) == one.digest
        # Names that the spec does not read change nothing; names that are not said keep today's class.
        assert digest_under(one, {"OTHER": True}, ignore_query=("token",)) == one.digest
        assert digest_under(other, {}, ignore_query=("token",)) == other.digest


@given(VALUES, VALUES)
def test_equal_digests_are_equal_values(one: Any, other: Any) -> None:
    same = canonical(one) == canonical(other)
    assert same == (digest_of({"inputs": one}) == digest_of({"inputs": other}))
    assert same == (repr(_sorted(one)) == repr(_sorted(other)))
    assert canonical(json.loads(canonical(one))) == canonical(one)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=settings.default.max_examples // 4)
@given(st.dictionaries(st.text("abc", min_size=1), VALUES, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_never_counts(tmp_path: Path, inputs: dict[str, Any], chance: random.Random) -> None:
    def text(tree: Any) -> str:
        # In quotes: a writer of YAML 1.1 leaves the key 0E0 without them, which is a number here.
        quoted = yaml.safe_dump(tree, default_flow_style=True, default_style='"', sort_keys=False)
        return "function: a/b\ninputs: " + quoted

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = [*value]
            chance.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    inputs = json.loads(json.dumps(inputs).replace("$", "S").replace("file", "elif"))
    assert digest(tmp_path, text(inputs)) == digest(tmp_path, text(shuffled(inputs)))
