"""A killed apply is finished by the next one, with exactly one job for each spec."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from sieve_jobs.push.resolve import Adopt, Drop, PushAgain
from tests.cloud import Cloud, Fault, Script
from tests.forked import forked
from tests.project import REPOSITORY
from tests.push import driver
from tests.push.scene import Scene, clips

COUNT = 4


def killed(scene: Scene, cloud: Cloud, *, at: str = "-", count: int = COUNT) -> None:
    """Runs an apply as a process and waits for its death, which the push of clip-1 brings where *at* does not."""
    arguments = (str(scene.folder), cloud.url, str(count), at)
    with forked(REPOSITORY, arguments, os.environ, program=driver.main) as process:
        try:
            if at == "-":
                cloud.wait_for(lambda seen: any(b'"width":1' in push.body for push in seen.pushes))
                process.kill()
            assert process.wait(30) == -signal.SIGKILL
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("at", "fault"),
    [
        pytest.param("pushing:clip-1", None, id="between-intent-and-push"),
        pytest.param("-", Fault("hang", match='"width":1'), id="sent-but-not-applied"),
        pytest.param("-", Fault("hang", match='"width":1', created=True), id="applied-but-not-answered"),
        pytest.param("pushed:clip-1", None, id="answered-but-not-recorded"),
        pytest.param("pushing:clip-0", None, id="the-very-first-push"),
    ],
)
@pytest.mark.parametrize("lag", [0.0, 30.0], ids=["list-at-once", "list-lags"])
@pytest.mark.parametrize("engine", [False, True], ids=["cloud", "engine"])
def test_with_settle_the_next_apply_finishes_it(
    tmp_path: Path, at: str, fault: Fault | None, lag: float, engine: bool
) -> None:
    with Cloud.running(Script(faults=[fault] if fault else [], lag_seconds=lag, engine=engine)) as cloud:
        scene = Scene(tmp_path, cloud)
        killed(scene, cloud, at=at)
        assert scene.state().intents
        # On the engine no time has to pass: it knows every push by its key.
        ran = scene.apply(clips(COUNT), settle=None if engine else 60.0)
        assert ran.exit_code == 0, ran.result.problems
        assert scene.pushed() == [*range(COUNT)]
        assert not scene.state().intents
        assert {entry.job_id for entry in scene.entries().values()} == {job.id for job in cloud.jobs}
        assert scene.apply(clips(COUNT)).kinds() == []


@pytest.mark.parametrize(
    "how",
    ["push", "drop", "adopt"],
)
def test_without_settle_it_is_held_and_resolve_ends_it(tmp_path: Path, how: str) -> None:
    created = how == "adopt"
    fault = Fault("hang", match='"width":1', created=created)
    with Cloud.running(Script(faults=[fault], lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        killed(scene, cloud, count=2)
        held = scene.apply(clips(COUNT))
        assert held.exit_code == 5
        assert len([1 for job in cloud.jobs if job.pushed["inputs"]["width"] == 1]) == int(created)
        answer = {"push": PushAgain(), "drop": Drop()}.get(how) or Adopt(
            next(job.id for job in cloud.jobs if job.pushed["inputs"]["width"] == 1)
        )
        resolved = scene.resolve(clips(COUNT), {"clip-1": answer})
        assert resolved.exit_code == 0, resolved.result.problems
        assert scene.apply(clips(COUNT)).exit_code == 0
        assert scene.pushed() == [*range(COUNT)]
        assert not scene.state().intents
