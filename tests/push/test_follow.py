"""Jobs are followed to their end: by waiting where the far side lets us, by asking where it does not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sieve_jobs.push.events import Event, JobFailed, StatusChanged, Waiting
from sieve_jobs.wire import Status
from tests.cloud import KEY, OTHER_ORGANIZATION, Cloud, Fault, Outcome, Script
from tests.plan.world import asks
from tests.push.scene import Scene, clips


def test_the_end_of_a_job_is_waited_for_and_recorded(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)

        def watch(event: Event) -> None:
            if event.kind == "pushed":
                threading.Thread(target=end_when_awaited, args=(cloud,)).start()

        ran = scene.apply(clips(1), on_event=watch)
        assert ran.exit_code == 0
        assert ran.row("clip-0")["status"] == "finished"
        assert scene.entries()["clip-0"].status is Status.FINISHED
        assert scene.entries()["clip-0"].completed_at is not None


def end_when_awaited(cloud: Cloud) -> None:
    cloud.wait_for(lambda seen: bool(seen.jobs and seen.jobs[0].waiters))
    cloud.finish(cloud.jobs[0].id)


def test_every_status_on_the_way_is_told(tmp_path: Path) -> None:
    faults = [Fault(status=404, route="await", times=-1)]
    with Cloud.running(Script(faults=faults, outcomes=[Outcome(polls=4)])) as cloud:
        ran = Scene(tmp_path, cloud).apply(clips(1))
        told = [event.status.value for event in ran.events if isinstance(event, StatusChanged)]
        assert told == ["processing", "finished"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(status=404, route="await", times=-1), id="no-such-route"),
        pytest.param(Fault(status=405, route="await", times=-1), id="405"),
        pytest.param(Fault(status=501, route="await", times=-1), id="501"),
        pytest.param(Fault(status=504, route="await", times=-1), id="a-gateway-cuts-it"),
        pytest.param(Fault("reset", route="await", times=-1), id="a-proxy-resets-it"),
        pytest.param(Fault("close", route="await", times=-1), id="a-proxy-closes-it"),
        pytest.param(Fault(status=408, route="await", times=3), id="408-ask-again"),
        pytest.param(Fault(status=429, route="await", times=2), id="429"),
        pytest.param(Fault(status=500, route="any", skip=3, times=3), id="a-bad-moment"),
    ],
)
def test_where_waiting_does_not_work_asking_does(tmp_path: Path, fault: Fault) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=3)])) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(2), detach=True).exit_code == 0
        cloud.script.faults = [fault]
        ran = scene.apply(clips(2))
        assert ran.exit_code == 0, ran.result.problems
        assert {entry.status for entry in scene.entries().values()} == {Status.FINISHED}


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_a_bad_end_is_exit_4_once_and_a_notice_afterwards(tmp_path: Path, status: str) -> None:
    logs = [f"line {i}" for i in range(50)]
    outcome = Outcome(
        match='"width":1', status=status, error="Traceback\nValueError: no" * (status == "error"), logs=logs
    )
    with Cloud.running(Script(outcomes=[outcome])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(3))
        assert ran.exit_code == 4
        (failed,) = [event for event in ran.events if isinstance(event, JobFailed)]
        assert failed.name == "clip-1"
        assert failed.log == tuple(logs[-20:])
        assert ran.row("clip-1")["status"] == status
        again = scene.apply(clips(3))
        assert again.exit_code == 0
        assert len(cloud.pushes) == 3
        assert [notice.name for notice in again.result.notices] == ["clip-1"]


def test_a_bad_end_that_nobody_said_is_exit_4_for_the_run_that_finds_it(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(status="error", error="boom")])) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(1), detach=True).exit_code == 0
        found = scene.apply(clips(1))
        assert found.exit_code == 4
        assert scene.apply(clips(1)).exit_code == 0


def test_waiting_ends_after_wait_and_the_jobs_go_on(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(match='"width":1', polls=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(2), wait=30.0)
        assert ran.exit_code == 8
        assert list(ran.result.still_running) == ["clip-1"]
        assert not [request for request in cloud.requests if request.method == "DELETE"]
        cloud.finish(cloud.jobs[1].id)
        assert scene.apply(clips(2)).exit_code == 0
        assert len(cloud.pushes) == 2


def test_detach_returns_after_pushing(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        ran = Scene(tmp_path, cloud).apply(clips(2), detach=True)
        assert ran.exit_code == 0
        assert {request.route for request in cloud.requests} <= {"push", "jobs"}
        assert len(ran.result.still_running) == 2


def test_a_job_that_is_gone_is_lost_and_a_decision(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        scene.apply(clips(2), detach=True)
        cloud.forget(cloud.jobs[0].id)
        cloud.finish(cloud.jobs[1].id)
        ran = scene.apply(clips(2))
        assert ran.exit_code == 5
        assert [problem.code for problem in ran.result.problems] == ["SJ148"]
        entry = scene.entries()["clip-0"]
        assert entry.lost
        assert entry.reported
        again = scene.apply(clips(2))
        assert again.exit_code == 0
        assert len(cloud.pushes) == 2


def test_jobs_are_not_called_lost_by_another_organisation(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        scene.apply(clips(2), detach=True)
        cloud.script.keys = {KEY: OTHER_ORGANIZATION}
        cloud.add_job({"function": "a/b", "inputs": {}}, organization=OTHER_ORGANIZATION)
        for job in cloud.jobs[:2]:
            cloud.forget(job.id)  # what another organisation's key is told of them
        ran = scene.apply(clips(2))
        assert ran.exit_code == 6
        assert not any(entry.lost for entry in scene.entries().values())


def test_many_jobs_are_asked_for_by_list_without_a_storm(tmp_path: Path) -> None:
    faults = [Fault(status=405, route="await", times=-1)]
    with Cloud.running(Script(faults=faults, outcomes=[Outcome(polls=3)])) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(60), concurrency=4).exit_code == 0
        singles = [request for request in cloud.requests if request.route == "job"]
        lists = [request for request in cloud.requests if request.route == "jobs"]
        assert len(singles) < 60
        assert lists
        assert {entry.status for entry in scene.entries().values()} == {Status.FINISHED}


def test_a_job_that_was_superseded_is_followed_and_is_nobody_s_failure(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(match='"width":1', polls=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        scene.apply([asks("a", {"width": 1})], detach=True)
        old = cloud.jobs[0].id
        assert scene.apply([asks("a", {"width": 2})], detach=True).exit_code == 0
        assert [job.job_id for job in scene.state().superseded] == [old]
        cloud.finish(old, "error", "boom")
        ran = scene.apply([asks("a", {"width": 2})])
        assert ran.exit_code == 0
        assert [event.superseded for event in ran.events if isinstance(event, JobFailed)] == [True]
        assert not scene.state().superseded


def test_a_far_side_that_goes_away_ends_following_with_the_jobs_going_on(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        scene.apply(clips(2), detach=True)
        cloud.script.faults = [Fault("reset", route="any", times=-1)]
        ran = scene.apply(clips(2))
        assert ran.exit_code == 1
        (problem,) = ran.result.problems
        assert (problem.code, len(ran.result.still_running)) == ("SJ149", 2)
        assert "no good answer for 120 s" in problem.message
        assert "`sieve-jobs wait -t prod` follows them again" in (problem.hint or "")


def test_a_far_side_that_is_away_is_asked_less_and_less_often_and_said_so_once_each_time(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        scene.apply(clips(12), detach=True)
        cloud.script.faults = [Fault("reset", route="any", times=-1)]

        def back(event: Event) -> None:
            if isinstance(event, Waiting) and event.seconds >= 8.0:
                cloud.script.faults = []
                for job in cloud.jobs:
                    cloud.finish(job.id)

        ran = scene.apply(clips(12), concurrency=4, on_event=back)
        assert ran.exit_code == 0
        waits = [event for event in ran.events if isinstance(event, Waiting)]
        assert [event.seconds for event in waits] == [0.5, 1.0, 2.0, 4.0, 8.0]
        assert ["given up after 120 s" in event.why for event in waits] == [True, False, False, False, False]
