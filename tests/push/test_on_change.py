"""`on_change`: a changed spec's running job is cancelled first where that is asked for, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.wire import Status
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.plan.world import KEY, asks
from tests.push.scene import Scene

ONE, TWO = asks("a", {"width": 1}), asks("a", {"width": 2})
CANCEL = PlanOptions(key=KEY, on_change="cancel")


@pytest.fixture
def running(scene: Scene) -> str:
    """The id of a job of ONE that does not end by itself."""
    scene.cloud.script.outcomes = [Outcome(polls=-1)]
    scene.apply([ONE], detach=True)
    return scene.entries()["a"].job_id


def routes(scene: Scene) -> list[str]:
    """What came in order, but for the looks at jobs."""
    return [request.route for request in scene.cloud.requests if request.route in {"push", "cancel"}]


def statuses(scene: Scene) -> dict[str, str]:
    return {job.id: job.status for job in scene.cloud.jobs}


def test_the_running_job_is_cancelled_before_the_new_one_is_pushed(scene: Scene, running: str) -> None:
    ran = scene.apply([TWO], CANCEL, detach=True)
    assert routes(scene) == ["push", "cancel", "push"]
    assert statuses(scene)[running] == "cancelled"
    assert ran.exit_code == 0
    assert [(event.kind, event.job_id) for event in ran.events if event.kind == "cancelled"] == [("cancelled", running)]
    with_state = scene.state()
    assert running not in {job.job_id for job in with_state.superseded}
    assert scene.entries()["a"].job_id != running


def test_its_end_is_no_failure_of_the_run(scene: Scene, running: str) -> None:
    scene.cloud.script.outcomes = []
    ran = scene.apply([TWO], CANCEL)
    assert ran.exit_code == 0
    assert "failed" not in ran.kinds()
    assert scene.apply([TWO]).kinds() == []


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        pytest.param(TWO, PlanOptions(key=KEY), id="apply keeps"),
        pytest.param(asks("a", {"width": 2}, on_change="keep"), CANCEL, id="the spec says keep"),
        pytest.param(ONE, PlanOptions(key=KEY, on_change="cancel", rerun=frozenset({"a"})), id="a rerun is no change"),
        pytest.param(ONE, CANCEL, id="nothing changed"),
    ],
)
def test_it_is_kept(scene: Scene, running: str, spec, options) -> None:
    scene.apply([spec], options, detach=True)
    assert "cancel" not in routes(scene)
    assert statuses(scene)[running] == "queued"


def test_a_spec_says_so_for_apply(scene: Scene, running: str) -> None:
    scene.apply([asks("a", {"width": 2}, on_change="cancel")], detach=True)
    assert routes(scene) == ["push", "cancel", "push"]


def test_a_job_that_is_over_by_then_is_no_problem(scene: Scene, running: str) -> None:
    scene.cloud.finish(running)
    ran = scene.apply([TWO], CANCEL, detach=True)
    assert ran.exit_code == 0
    assert routes(scene) == ["push", "cancel", "push"]
    scene.cloud.script.outcomes = []
    scene.apply([ONE], CANCEL)
    assert scene.entries()["a"].job_id == running, "it had finished: taking the change back uses it again"


def test_a_queued_job_that_cannot_be_cancelled_is_kept_and_followed(scene: Scene, running: str) -> None:
    scene.cloud.script.faults = [Fault(status=400, route="cancel")]
    ran = scene.apply([TWO], CANCEL, detach=True)
    assert ran.exit_code == 0
    assert len(scene.cloud.jobs) == 2
    assert statuses(scene)[running] != "cancelled"
    assert [job.job_id for job in scene.state().superseded] == [running]


def test_without_an_answer_nothing_is_pushed(scene: Scene, running: str) -> None:
    scene.cloud.script.faults = [Fault(status=500, route="cancel", times=-1)]
    ran = scene.apply([TWO], CANCEL, detach=True)
    assert ran.exit_code == 1
    assert "which is to be replaced" in (ran.result.results[0].error or "")
    assert len(scene.cloud.pushes) == 1
    assert scene.entries()["a"].job_id == running
    scene.cloud.script.faults = []
    assert scene.apply([TWO], CANCEL, detach=True).exit_code == 0
    assert len(scene.cloud.pushes) == 2


def test_a_job_the_far_side_does_not_know_is_as_good_as_cancelled(scene: Scene, running: str) -> None:
    scene.cloud.forget(running)
    assert scene.apply([TWO], CANCEL, detach=True).exit_code == 0
    assert len(scene.cloud.pushes) == 2


def test_a_refused_push_after_it_leaves_the_spec_to_be_pushed(scene: Scene, running: str) -> None:
    """Not "its job was cancelled, that is final": nobody but this run cancelled it."""
    scene.cloud.script.faults = [Fault(status=422, route="push")]
    assert scene.apply([TWO], CANCEL, detach=True).exit_code == 1
    assert "a" not in scene.entries()
    ran = scene.apply([ONE], CANCEL, detach=True)
    assert ran.result.summary.pushed == 1
    assert scene.entries()["a"].digest == ONE.digest


def test_a_change_that_is_taken_back_cancels_what_it_began(scene: Scene, running: str) -> None:
    scene.apply([TWO], detach=True)
    second = scene.entries()["a"].job_id
    ran = scene.apply([ONE], CANCEL, detach=True)
    assert ran.result.summary.reused == 1
    assert scene.entries()["a"].job_id == running
    assert statuses(scene) == {running: "queued", second: "cancelled"}
    assert len(scene.cloud.pushes) == 2


def test_the_plan_says_what_becomes_of_the_job(scene: Scene, running: str) -> None:
    texts = {goes: scene.plan([TWO], options).notices[0].text for goes, options in
             (("keep", PlanOptions(key=KEY)), ("cancel", CANCEL))}  # fmt: skip
    assert running in texts["keep"]
    assert "kept and followed" in texts["keep"]
    assert "cancelled first" in texts["cancel"]


def test_it_is_no_part_of_the_digest() -> None:
    with_it = asks("a", {"width": 1}, on_change="cancel")
    assert (with_it.digest, with_it.fingerprint) == (ONE.digest, ONE.fingerprint)


def test_a_killed_run_between_the_two_pushes_once(tmp_path: Path) -> None:
    """The state after the cancel, as a crash before the push leaves it."""
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        scene.apply([ONE], detach=True)
        cloud.script.faults = [Fault(status=401, route="push")]
        assert scene.apply([TWO], CANCEL, detach=True).exit_code == 1
        cloud.script.faults = []
        scene.apply([TWO], CANCEL, detach=True)
        assert len(cloud.jobs) == 2
        assert scene.entries()["a"].status is not Status.CANCELLED
