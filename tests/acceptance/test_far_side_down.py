"""What a far side that says no, is busy, breaks or is away does to a run, as the user sees it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cloud import Cloud, Fault, Script
from tests.project import Project, spec


def five(root: Path, cloud: Cloud, settings: str = "") -> Project:
    project = Project(root / "p", cloud.url, settings)
    for index in range(5):
        project.write(f"clip-{index}.yaml", spec(width=index))
    return project


def test_a_wrong_key_is_one_request_and_is_not_shown(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        ran = five(tmp_path, cloud).apply(SIEVE_API_KEY="wr0ng-key-canary")
        assert ran.code == 1
        assert len(cloud.requests) == 1
        assert not cloud.jobs
        assert "wr0ng-key-canary" not in ran.all
        assert "SIEVE_API_KEY" in ran.err


def test_a_server_that_is_away_is_said_and_nothing_was_sent(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        project = Project(tmp_path / "p", f"http://127.0.0.1:{held.getsockname()[1]}", 'wait = "300ms"')
        project.write("a.yaml", spec(width=1))
        ran = project.apply()
    assert ran.code == 1
    assert "nothing was sent" in ran.err
    assert "Traceback" not in ran.all


def test_a_429_is_waited_for_and_then_pushed_once(tmp_path: Path) -> None:
    limited = Fault(status=429, times=1, headers={"Retry-After": "0"}, body={"detail": "slow down"})
    with Cloud.running(Script(faults=[limited])) as cloud:
        ran = five(tmp_path, cloud).apply("--json")
        assert ran.code == 0, ran.all
        assert (len(cloud.pushes), len(cloud.jobs)) == (6, 5)


@pytest.mark.parametrize("created", [False, True], ids=["before-the-job", "after-the-job"])
def test_a_500_is_never_repeated_blindly(tmp_path: Path, created: bool) -> None:
    broken = Fault(status=500, times=1, match='"width":3', created=created)
    with Cloud.running(Script(faults=[broken], lag_until_told=True)) as cloud:
        project = five(tmp_path, cloud)
        ran = project.apply("--json")
        assert ran.code == 5, ran.all
        assert len(cloud.pushes) == 5
        assert ran.document["summary"] | {"unchanged": 0} == ran.document["summary"]
        assert ran.document["summary"]["in_doubt"] == 1
        again = project.apply("--json")
        assert again.code == 5
        assert len(cloud.pushes) == 5
        held = project.remote("status", "--json", "--offline")
        assert held.code == 0
