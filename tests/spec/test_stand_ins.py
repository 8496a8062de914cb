"""Specs whose function another one runs in place of: what is hashed, pushed and remembered, and what is not touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.config.stand_ins import StandIn
from sieve_jobs.spec.digest import digest_under
from sieve_jobs.spec.request import push_body
from sieve_jobs.spec.variables import Variables
from tests.project import write
from tests.spec.cached import Cached
from tests.spec.loading import detail

SPEC = "function: sieve/dubbing:0a1b\ninputs: {text: hi, token: '${A_TOKEN}'}\n"
GIVEN = {"stand_ins": {"sieve/dubbing": "me/draft"}, "sources": {"me/draft": "s1"},
         "variables": Variables(environ={"A_TOKEN": "s3cret"})}  # fmt: skip


def test_the_stand_in_is_what_is_hashed_and_pushed_and_what_was_asked_for_is_remembered(tmp_path: Path) -> None:
    found = detail(tmp_path, SPEC, **GIVEN)
    assert found.spec.stand_in == StandIn("me/draft", "sieve/dubbing:0a1b")
    assert push_body(found.spec, file_url=lambda file: "")["function"] == "me/draft"
    assert found.parts["function"] == "me/draft"
    assert found.parts["source"] == "s1"
    assert found.parts["stands_in_for"] == "sieve/dubbing:0a1b"


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        pytest.param(SPEC, {"stand_ins": {}}, id="the stand-in is removed"),
        pytest.param(SPEC, {"stand_ins": {"sieve/dubbing": "me/other"}}, id="another stands in"),
        pytest.param(SPEC, {"sources": {"me/draft": "s2"}}, id="the stand-in is edited"),
        pytest.param(SPEC.replace("dubbing:0a1b", "dubbing"), {}, id="another version is asked for"),
        pytest.param(SPEC.replace("sieve/dubbing:0a1b", "me/draft"), {}, id="the local function is asked for"),
    ],
)
def test_what_is_a_change(tmp_path: Path, spec: str, changes: dict[str, object]) -> None:
    assert detail(tmp_path, spec, **(GIVEN | changes)).digest != detail(tmp_path, SPEC, **GIVEN).digest


@pytest.mark.parametrize("spec", ["function: sieve/captions\n", "id: 0a1b2c3d\n", "function: me/draft\n"])
def test_specs_that_nothing_stands_in_for_keep_their_digest(tmp_path: Path, spec: str) -> None:
    found = detail(tmp_path, spec, **GIVEN)
    assert found.digest == detail(tmp_path, spec, **(GIVEN | {"stand_ins": {}})).digest
    assert found.spec.stand_in is None


def test_the_digest_under_another_classification_holds_the_same_function(tmp_path: Path) -> None:
    found = detail(tmp_path, SPEC, **GIVEN)
    public = detail(tmp_path, SPEC, **(GIVEN | {"variables": Variables(environ={"A_TOKEN": "s3cret"}, secrets=())}))
    assert digest_under(found, {"A_TOKEN": False}) == public.digest


def test_the_parse_cache_forgets_when_the_stand_ins_change(tmp_path: Path) -> None:
    cached = Cached(tmp_path)
    write(tmp_path, {"jobspecs/a.yaml": "function: sieve/dubbing\n"})
    cached.settle()
    plain = cached.load().fingerprints["a"]
    stood = cached.load(stand_ins={"sieve/dubbing": "me/one"})
    assert stood.fingerprints["a"] != plain
    assert not cached.load(stand_ins={"sieve/dubbing": "me/one"}).parsed
    assert cached.load().fingerprints["a"] == plain
