"""The action on runners that are thrown away, with the state on the remote: merge, revert, and a look from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.action.repository import FORK, PUSH, Repository
from tests.cloud import Cloud
from tests.project import remote_config, spec

LINEAGE = "0123456789abcdef0123456789abcdef"


def specs(**texts: str) -> dict[str, str]:
    return {f"jobspecs/{name}.yaml": text for name, text in texts.items()}


def config(cloud: Cloud) -> str:
    return remote_config(cloud.url, f'state = "git"\nlineage = "{LINEAGE}"')


@pytest.fixture
def repository(tmp_path: Path, cloud: Cloud) -> Repository:
    repository = Repository(tmp_path)
    repository.merge({"sieve-jobs.toml": config(cloud)})
    return repository


@pytest.mark.soak
def test_runners_that_are_thrown_away_buy_everything_once(repository: Repository, cloud: Cloud) -> None:
    repository.merge(specs(a=spec(width=1), b=spec(width=2)))
    refused = repository.happens(PUSH)
    assert refused.code != 0
    assert cloud.pushes == []
    first = repository.happens(PUSH, args="--new-state")
    assert (first.code, first.outputs["pushed"]) == (0, "2"), first.log
    assert repository.happens(PUSH).outputs["pushed"] == "0"
    repository.merge(specs(a=spec(width=3)))
    assert repository.happens(PUSH).outputs["pushed"] == "1"
    repository.merge(specs(a=spec(width=1)))
    reverted = repository.happens(PUSH)
    assert (reverted.code, reverted.outputs["pushed"]) == (0, "0"), reverted.log
    assert "1 reused" in reverted.summary
    assert len(cloud.pushes) == 3


@pytest.mark.soak
def test_a_project_in_a_subfolder_is_bought_once(tmp_path: Path, cloud: Cloud) -> None:
    repository = Repository(tmp_path)
    files = {"sieve-jobs.toml": config(cloud), **specs(a=spec(width=1), b=spec(width=2))}
    repository.merge({f"videos/{path}": text for path, text in files.items()})
    inputs = {"working-directory": "videos"}
    assert repository.happens(PUSH, args="--new-state", **inputs).outputs["pushed"] == "2"
    again = repository.happens(PUSH, **inputs)
    assert (again.outputs["pushed"], again.outputs["unchanged"]) == ("0", "2"), again.log
    repository.merge({"videos/jobspecs/a.yaml": spec(width=3)})
    assert repository.happens(PUSH, **inputs).outputs["pushed"] == "1"
    last = repository.happens(PUSH, **inputs)
    assert (last.outputs["pushed"], last.outputs["unchanged"]) == ("0", "2"), last.log
    assert len(cloud.pushes) == 3


@pytest.mark.soak
def test_from_outside_the_state_is_read_where_anybody_may(repository: Repository, cloud: Cloud) -> None:
    repository.propose(specs(a=spec(width=1)))
    unknown = repository.happens(FORK, {}, artifact="")
    assert (unknown.code, unknown.outputs["push"]) == (0, "1"), unknown.log
    repository.merge({})
    assert repository.happens(PUSH, args="--new-state").code == 0
    repository.propose(specs(b=spec(width=2)))
    job = repository.happens(FORK, {}, artifact="")
    assert (job.code, job.outputs["push"], job.outputs["unchanged"]) == (0, "1", "1"), job.log
    assert len(cloud.pushes) == 1
