"""The action on runners that are thrown away, with the state on the remote: merge, revert, and a look from outside."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.action.composite import Job, Runner
from tests.cloud import Cloud
from tests.project import KEY, remote_config, spec, write

SECRETS = {**KEY, "SIEVE_JOBS_STATE_KEY": "ab" * 32}
LINEAGE = "0123456789abcdef0123456789abcdef"


def git(folder: Path, *words: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    done = subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, env=os.environ | who
    )
    return done.stdout


class Repository:
    """A remote, its author's clone, and a fresh runner for every event."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.folder, self.runs = folder, 0
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder / "remote.git")], check=True)
        self.author = self._clone("author")
        write(
            self.author,
            {"sieve-jobs.toml": remote_config(cloud.url, f'state = "git"\nlineage = "{LINEAGE}"'), ".gitignore": ""},
        )

    def merge(self, **specs: str) -> None:
        write(self.author, {f"jobspecs/{name}.yaml": text for name, text in specs.items()})
        git(self.author, "add", "--all")
        git(self.author, "commit", "-q", "-m", "specs")
        git(self.author, "push", "-q", "origin", "HEAD:main")

    def happens(self, event: dict[str, Any], secrets: dict[str, str] | None = None, **inputs: str) -> Job:
        """A runner with an empty disk checks the default branch out, and runs the action."""
        self.runs += 1
        checkout = self._clone(f"checkout-{self.runs}")
        temp = self.folder / f"temp-{self.runs}"
        temp.mkdir()
        environ = SECRETS if secrets is None else secrets
        return Runner(checkout, temp, "http://127.0.0.1:9", event, dict(environ)).run(target="prod", **inputs)

    def _clone(self, name: str) -> Path:
        git(self.folder, "clone", "-q", str(self.folder / "remote.git"), name)
        return self.folder / name


PUSH = {
    "event_name": "push", "ref": "refs/heads/main", "repository": "octo/videos",
    "event": {"repository": {"default_branch": "main"}},
}  # fmt: skip
FORK = {
    "event_name": "pull_request", "ref": "refs/pull/7/merge", "repository": "octo/videos",
    "event": {"pull_request": {"number": 7, "head": {"repo": {"full_name": "m/videos"}}, "user": {"login": "m"}}},
}  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path, cloud: Cloud) -> Repository:
    return Repository(tmp_path, cloud)


def test_runners_that_are_thrown_away_buy_everything_once(repository: Repository, cloud: Cloud) -> None:
    repository.merge(a=spec(width=1), b=spec(width=2))
    refused = repository.happens(PUSH)
    assert refused.code != 0
    assert cloud.pushes == []
    first = repository.happens(PUSH, args="--new-state")
    assert (first.code, first.outputs["pushed"]) == (0, "2"), first.log
    assert repository.happens(PUSH).outputs["pushed"] == "0"
    repository.merge(a=spec(width=3))
    assert repository.happens(PUSH).outputs["pushed"] == "1"
    repository.merge(a=spec(width=1))
    reverted = repository.happens(PUSH)
    assert (reverted.code, reverted.outputs["pushed"]) == (0, "0"), reverted.log
    assert "1 reused" in reverted.summary
    assert len(cloud.pushes) == 3


def test_from_outside_the_state_is_read_where_anybody_may(repository: Repository, cloud: Cloud) -> None:
    repository.merge(a=spec(width=1))
    unknown = repository.happens(FORK, {}, artifact="")
    assert (unknown.code, unknown.outputs["push"]) == (0, "1"), unknown.log
    assert repository.happens(PUSH, args="--new-state").code == 0
    repository.merge(b=spec(width=2))
    job = repository.happens(FORK, {}, artifact="")
    assert (job.code, job.outputs["push"], job.outputs["unchanged"]) == (0, "1", "1"), job.log
    assert len(cloud.pushes) == 1
