"""A state that an earlier release wrote is up to date for this one: a new release runs no job again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sieve_jobs.state.schema import SCHEMA
from sieve_jobs.state.sqlite import open_store
from tests.faults.made import ENVIRON, write
from tests.project import ran
from tests.state.samples import NOON

RELEASES = sorted((Path(__file__).parent / "releases").iterdir())


@pytest.fixture(params=RELEASES, ids=[path.name for path in RELEASES])
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The project with the state and the key of one release. Nobody is at its endpoint."""
    (tmp_path / ".git").mkdir()
    write(tmp_path)
    folder = tmp_path / ".sieve-jobs"
    folder.mkdir(mode=0o700)
    for name in ("prod.db", "key"):
        shutil.copyfile(request.param / name, folder / name)
        (folder / name).chmod(0o600)
    return tmp_path


def test_a_state_of_each_schema_is_there() -> None:
    assert [path.name for path in RELEASES] == [f"schema-{number + 1}" for number in range(SCHEMA.version)]


def test_nothing_is_changed_for_a_later_release(root: Path) -> None:
    plan = ran(root, "plan", "-t", "prod", "--json", "--detailed-exitcode", environ=ENVIRON)
    assert plan.code == 0, plan.all
    assert (plan.document["changes"], plan.document["summary"]["unchanged"]) == ([], 10)
    # Brought to today's schema it says the same, and nothing is read anew or pushed by an apply.
    open_store(root / ".sieve-jobs" / "prod.db", now=lambda: NOON).close()
    assert ran(root, "plan", "-t", "prod", "--json", "--detailed-exitcode", environ=ENVIRON).document["changes"] == []
    applied = ran(root, "apply", "-t", "prod", "--yes", "--json", environ=ENVIRON | {"SIEVE_API_KEY": "k"})
    assert (applied.code, applied.document["summary"]["pushed"]) == (0, 0), applied.all


def test_what_an_author_changes_is_still_seen(root: Path) -> None:
    (root / "jobspecs" / "empty.yaml").write_text("function: a/b\ninputs: {x: 1}\n")
    changed = ENVIRON | {"MODE": "slow", "A_KEY": "rotated"}
    plan = ran(root, "plan", "-t", "prod", "--json", environ=changed)
    found = {change["name"]: change["reason"] for change in plan.document["changes"]}
    assert found == {"empty": "inputs_changed", "variables": "env_changed"}
    assert {notice["reason"] for notice in plan.document["notices"]} == {"secret_rotated"}
