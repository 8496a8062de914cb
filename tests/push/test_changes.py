"""What a plan says besides pushes is carried out: reuse, moves, orphans, pruning, an empty state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sieve_jobs.errors import GuardedError, InvalidError
from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.wire import Status
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.plan.world import asks, variable
from tests.push.scene import KEY, Ran, Scene, clips

ONE, TWO = asks("a", {"width": 1}), asks("a", {"width": 2})


def ends(scene: Scene, specs: Sequence[Detail], options: PlanOptions | None = None, **changes: object) -> Ran:
    ran = scene.apply(specs, options, **changes)
    assert ran.exit_code == 0, ran.result.problems
    return ran


def test_a_revert_takes_the_earlier_job_again(scene: Scene) -> None:
    ends(scene, [ONE])
    first = scene.entries()["a"].job_id
    ends(scene, [TWO])
    second = scene.entries()["a"].job_id
    ran = ends(scene, [ONE])
    assert len(scene.cloud.pushes) == 2
    assert ran.result.summary.reused == 1
    assert ran.row("a")["job_id"] == first
    assert ran.row("a")["reason"] == "reused"
    assert scene.entries()["a"].job_id == first
    ends(scene, [TWO])
    assert scene.entries()["a"].job_id == second
    assert len(scene.cloud.pushes) == 2


def test_a_result_that_is_gone_is_pushed_again(scene: Scene) -> None:
    ends(scene, [ONE])
    first = scene.entries()["a"].job_id
    ends(scene, [TWO])
    scene.cloud.forget(first)
    ran = ends(scene, [ONE])
    assert ran.row("a")["reason"] == "result_gone"
    assert ran.row("a")["action"] == "push"
    assert len(scene.cloud.pushes) == 3
    assert ran.result.summary.pushed == 1


def test_a_reuse_that_cannot_be_checked_is_left_for_the_next_run(scene: Scene) -> None:
    ends(scene, [ONE])
    ends(scene, [TWO])
    scene.cloud.script.faults = [Fault(status=500, route="job", times=4)]
    ran = scene.apply([ONE])
    assert ran.exit_code == 1
    assert len(scene.cloud.pushes) == 2
    ends(scene, [ONE])
    assert len(scene.cloud.pushes) == 2


def test_a_rename_moves_the_entry(scene: Scene) -> None:
    ends(scene, [ONE])
    ran = ends(scene, [asks("b", {"width": 1})])
    assert ran.kinds() == ["moved"]
    assert list(scene.entries()) == ["b"]
    assert ran.result.summary.moved == 1
    assert len(scene.cloud.pushes) == 1


def test_a_removed_spec_is_an_orphan_once_and_its_job_goes_on(scene: Scene) -> None:
    scene.cloud.script.outcomes = [Outcome(polls=-1)]
    ends(scene, [ONE, *clips(1)], detach=True)
    assert ends(scene, clips(1), detach=True).kinds() == ["orphaned"]
    assert ends(scene, clips(1), detach=True).kinds() == []
    assert scene.entries()["a"].orphaned
    assert not [request for request in scene.cloud.requests if request.method == "DELETE"]
    assert ends(scene, [ONE, *clips(1)], detach=True).kinds() == ["reused"]
    assert not scene.entries()["a"].orphaned
    assert len(scene.cloud.pushes) == 2


def test_pruning_forgets_what_ended_and_it_can_still_come_back(scene: Scene) -> None:
    ends(scene, [ONE, *clips(1)])
    assert "pruned" in ends(scene, clips(1), PlanOptions(key=KEY, prune="forget")).kinds()
    assert list(scene.entries()) == ["clip-0"]
    assert ends(scene, [ONE, *clips(1)]).kinds() == ["reused"]
    assert len(scene.cloud.pushes) == 2


def test_pruning_with_cancel_ends_the_job(scene: Scene) -> None:
    scene.cloud.script.outcomes = [Outcome(match='"width":1', polls=-1)]
    ends(scene, [ONE, *clips(1)], detach=True)
    ran = ends(scene, clips(1), PlanOptions(key=KEY, prune="cancel"))
    assert "pruned" in ran.kinds()
    assert [request.method for request in scene.cloud.requests].count("DELETE") == 1
    assert {job.pushed["inputs"]["width"]: job.status for job in scene.cloud.jobs}[1] == "cancelled"
    assert list(scene.entries()) == ["clip-0"]


def test_a_job_that_cannot_be_cancelled_keeps_its_entry(scene: Scene) -> None:
    scene.cloud.script.outcomes = [Outcome(match='"width":1', polls=-1)]
    ends(scene, [ONE, *clips(1)], detach=True)
    scene.cloud.script.faults = [Fault(status=400, route="cancel", body={"detail": "Job is not processing."})]
    ran = scene.apply(clips(1), PlanOptions(key=KEY, prune="cancel"))
    assert "could not be cancelled yet" in str(ran.row("a")["error"])
    assert sorted(scene.entries()) == ["a", "clip-0"]


def test_a_rerun_makes_another_job(scene: Scene) -> None:
    ends(scene, [ONE])
    ran = ends(scene, [ONE], PlanOptions(key=KEY, rerun=frozenset({"a"})))
    assert ran.row("a")["reason"] == "rerun"
    assert len(scene.cloud.pushes) == 2


def test_the_entry_says_what_was_pushed(scene: Scene) -> None:
    ends(scene, [ONE], commit="c0ffee")
    entry = scene.entries()["a"]
    job = scene.cloud.jobs[0]
    assert (entry.job_id, entry.run_id, entry.status) == (job.id, job.run_id, Status.FINISHED)
    assert (entry.digest, entry.fingerprint, entry.reason) == (ONE.digest, ONE.fingerprint, "new")
    assert (entry.path, entry.line, entry.commit) == ("jobspecs/a.yaml", 1, "c0ffee")
    header = scene.state().header
    assert (header.endpoint, header.organization_id) == (scene.where, scene.cloud.organization)


def test_an_empty_state_that_meets_its_own_jobs_pushes_nothing(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        scene = Scene(tmp_path, cloud)
        ends(scene, clips(3))
        (tmp_path / "lost").mkdir(mode=0o700)
        lost = replace(scene, folder=tmp_path / "lost")
        with pytest.raises(GuardedError) as caught:
            lost.apply(clips(3))
        (problem,) = caught.value.diagnostics
        assert problem.code == "SJ147"
        assert "'clip-0', 'clip-1', 'clip-2'" in problem.message
        assert "--new-state" in str(problem.hint)
        assert len(cloud.pushes) == 3
        assert not lost.state().intents
        ends(lost, clips(3), new_state=True)
        assert len(cloud.pushes) == 6


def test_an_empty_state_among_other_jobs_goes_on(scene: Scene) -> None:
    scene.cloud.add_job({"function": "sieve/dubbing", "inputs": {"width": 77}})
    scene.cloud.add_job({"function": "other/thing", "inputs": dict(ONE.spec.inputs)})  # type: ignore[arg-type]
    ends(scene, [ONE])


def test_a_local_target_is_not_asked_for_forgotten_jobs(scene: Scene) -> None:
    scene.cloud.add_job({"function": "sieve/dubbing", "inputs": dict(ONE.spec.inputs)})  # type: ignore[arg-type]
    ends(scene, [ONE], PlanOptions(key=KEY, local=True))


def test_a_state_of_another_endpoint_is_refused(scene: Scene) -> None:
    ends(scene, [ONE])
    elsewhere = replace(scene, where="https://elsewhere.example")
    before = len(scene.cloud.requests)
    with pytest.raises(GuardedError) as caught:
        elsewhere.apply([TWO])
    assert caught.value.diagnostics[0].code == "SJ146"
    assert len(scene.cloud.requests) == before


def test_an_unset_secret_stops_everything_before_anything_is_sent(scene: Scene) -> None:
    unset = asks("b", secret_inputs={"k": variable("TOKEN", "${TOKEN}")}, missing=("TOKEN",))
    with pytest.raises(InvalidError) as caught:
        scene.apply([ONE, unset])
    (problem,) = caught.value.diagnostics
    assert problem.message == "'b' cannot be pushed: ${TOKEN} is not set"
    assert not scene.cloud.requests


def test_the_lock_is_given_back_when_pushing_is_over(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=3)])) as cloud:
        scene = Scene(tmp_path, cloud)
        order: list[str] = []
        scene.apply(
            clips(3),
            unlock=lambda: order.append("unlock"),
            on_event=lambda event: order.append(event.kind) if event.kind == "pushed" else None,
        )
        assert order.count("unlock") == 1
        assert order[:4] == ["pushed", "pushed", "pushed", "unlock"]
