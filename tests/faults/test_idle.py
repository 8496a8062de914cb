"""Kept connections that the far side closes whenever it likes: no push is ever made over one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud import Cloud, Outcome
from tests.faults.named import script_of
from tests.push.scene import Scene, clips


@pytest.mark.parametrize("specs", [40, pytest.param(1000, marks=pytest.mark.soak)])
def test_connections_closed_at_random_while_idle_leave_nothing_in_doubt(tmp_path: Path, specs: int) -> None:
    script = script_of(["idle-closed"])
    script.outcomes = [Outcome(polls=2)]
    with Cloud.running(script) as cloud:
        scene = Scene(tmp_path, cloud, speed=20.0)
        ran = scene.apply(clips(specs), concurrency=4)
        assert ran.exit_code == 0, ran.result.problems
        assert "in_doubt" not in ran.kinds()
        assert len(cloud.pushes) == len(cloud.jobs) == specs
        assert {request.headers["connection"] for request in cloud.pushes} == {"close"}
        assert any(request.headers["connection"] == "keep-alive" for request in cloud.requests)
