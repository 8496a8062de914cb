"""Ctrl-C and SIGTERM: no new pushes, those in flight are recorded; a second one stops at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sieve_jobs.errors import ExitCode
from sieve_jobs.push.events import Event
from sieve_jobs.push.stop import Stop
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.push.scene import Scene, clips


def requesting(stop: Stop, kind: str, *codes: ExitCode) -> Callable[[Event], None]:
    """Watches for events of *kind*, and at each one asks the run to end, as often as there are *codes*."""

    def watch(event: Event) -> None:
        if event.kind == kind:
            for code in codes or (ExitCode.INTERRUPTED,):
                stop.request(code)

    return watch


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
def test_the_push_under_way_is_recorded_and_no_other_begins(tmp_path: Path, code: ExitCode) -> None:
    with Cloud.running() as cloud:
        scene, stop = Scene(tmp_path, cloud), Stop()
        ran = scene.apply(clips(10), on_event=requesting(stop, "pushing", code), stop=stop)
        assert ran.exit_code == code
        assert len(cloud.pushes) == 1
        assert list(scene.entries()) == ["clip-0"]
        assert not scene.state().intents
        assert ran.row("clip-9")["error"] == "not pushed: the run ended before"
        assert scene.apply(clips(10)).exit_code == 0
        assert scene.pushed() == [*range(10)]


@pytest.mark.parametrize("twice", [False, True], ids=["grace-is-over", "second-signal"])
def test_a_push_without_an_answer_leaves_its_intent(tmp_path: Path, twice: bool) -> None:
    with Cloud.running(Script(faults=[Fault("hang", created=True)])) as cloud:
        scene, stop = Scene(tmp_path, cloud), Stop()
        signals = [ExitCode.INTERRUPTED] * (1 + twice)
        ran = scene.apply(clips(3), on_event=requesting(stop, "pushing", *signals), stop=stop)
        assert ran.exit_code == 130
        assert twice or 5.0 in ran.slept
        assert [intent.name for intent in scene.state().intents] == ["clip-0"]
        assert ran.row("clip-0")["error"] == "its push was under way when the run ended: it is looked for next time"
        cloud.script.faults = []
        again = scene.apply(clips(3), settle=5.0)
        assert again.exit_code == 0
        assert scene.pushed() == [0, 1, 2]


def test_following_ends_at_once(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        scene, stop = Scene(tmp_path, cloud), Stop()
        scene.apply(clips(1), detach=True)
        cloud.jobs[0].status = "processing"
        ran = scene.apply(clips(1), on_event=requesting(stop, "status", ExitCode.TERMINATED), stop=stop)
        assert ran.exit_code == 143
        assert list(ran.result.still_running) == ["clip-0"]


def test_a_wait_for_a_429_ends_too(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(status=429, headers={"Retry-After": "300"}, times=-1)])) as cloud:
        scene, stop = Scene(tmp_path, cloud), Stop()
        ran = scene.apply(clips(2), on_event=requesting(stop, "waiting"), stop=stop)
        assert ran.exit_code == 130
        assert len(cloud.pushes) == 1
        assert not scene.state().intents


def test_the_settle_time_ends_too_and_the_doubt_stays(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault()])) as cloud:
        scene, stop = Scene(tmp_path, cloud), Stop()
        ran = scene.apply(clips(1), on_event=requesting(stop, "waiting"), stop=stop, settle=10_000.0)
        assert ran.exit_code == 130
        assert len(scene.state().intents) == 1
