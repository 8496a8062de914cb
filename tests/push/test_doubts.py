"""Doubts between runs: the spec changed meanwhile, twins, lists that cannot be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.spec.tags import TagKey
from tests.cloud import ORGANIZATION, OTHER_ORGANIZATION, Cloud, Fault, Script
from tests.plan.world import OTHER_KEY, asks, variable
from tests.push.scene import KEY, Scene, clips


def lost_answer(created: bool) -> Script:
    """Every push of width 0 goes unanswered, once."""
    return Script(faults=[Fault(match='"width":0', created=created)], lag_until_told=True)


@pytest.mark.parametrize("created", [False, True], ids=["never-arrived", "arrived"])
def test_a_spec_that_changed_meanwhile_is_settled_first_then_pushed_as_it_is(tmp_path: Path, created: bool) -> None:
    with Cloud.running(lost_answer(created)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply([asks("a", {"width": 0})]).exit_code == 5
        cloud.reveal()
        changed = [asks("a", {"width": 5})]
        ran = scene.apply(changed, settle=10.0)
        assert ran.exit_code == 0, ran.result.problems
        assert scene.pushed() == ([0, 5] if created else [5])
        entry = scene.entries()["a"]
        assert entry.digest == changed[0].digest
        assert scene.apply([asks("a", {"width": 0})]).kinds()[0] == ("reused" if created else "pushing")


def under(key: TagKey, value: str = "canary") -> tuple[list[Detail], PlanOptions]:
    """Two specs as a clone with *key* reads them, the second with a secret input, and how it plans."""
    secret = {"token": variable("TOKEN", value)}
    specs = [asks("open", {"width": 0}, key=key), asks("shut", {"width": 1}, secret_inputs=secret, key=key)]
    return specs, PlanOptions(key=key)


@pytest.mark.parametrize("continued", [False, True])
def test_under_another_key_what_is_not_secret_is_pushed_again_and_a_secret_is_held(
    tmp_path: Path, continued: bool
) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":', times=2)], lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(*under(KEY)).exit_code == 5
        assert len(cloud.pushes) == 2
        cloud.reveal()
        ran = scene.apply(*under(OTHER_KEY), settle=10.0, key=OTHER_KEY, continue_only=continued)
        assert ran.exit_code == 5
        assert "dropped" not in ran.kinds()
        assert "it holds a secret, and was made with another SIEVE_JOBS_STATE_KEY" in str(ran.row("shut")["error"])
        assert scene.pushed() == [0]
        assert [intent.name for intent in scene.state().intents] == ["shut"]
        assert scene.apply(*under(KEY), settle=10.0, continue_only=continued).exit_code == 0
        assert scene.pushed() == [0, 1]
        assert not scene.state().intents


def test_under_another_key_a_push_that_arrived_is_found(tmp_path: Path) -> None:
    with Cloud.running(lost_answer(created=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(*under(KEY)).exit_code == 5
        cloud.reveal()
        assert scene.apply(*under(OTHER_KEY), key=OTHER_KEY, continue_only=True).exit_code == 0
        assert scene.pushed() == [0, 1]


def test_a_secret_that_is_another_one_under_the_same_key_is_pushed_as_it_is(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":1')], lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(*under(KEY)).exit_code == 5
        assert scene.apply(*under(KEY, "rotated"), settle=10.0).exit_code == 0
        assert [job.pushed["inputs"].get("token") for job in cloud.jobs] == [None, "rotated"]


def test_under_another_key_twins_of_a_doubt_still_wait_for_it(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"N":"0"')], lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(twins()[:1]).exit_code == 5
        ran = scene.apply(twins(), key=OTHER_KEY)
        assert ran.exit_code == 5
        assert "looks the same" in str(ran.row("t-1")["error"])
        assert len(cloud.pushes) == 1


@pytest.mark.parametrize("created", [False, True], ids=["never-arrived", "arrived"])
def test_a_spec_that_was_removed_meanwhile_is_settled_and_not_pushed(tmp_path: Path, created: bool) -> None:
    with Cloud.running(lost_answer(created)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply([asks("a", {"width": 0})]).exit_code == 5
        cloud.reveal()
        ran = scene.apply([], settle=10.0)
        assert ran.exit_code == 0, ran.result.problems
        assert len(cloud.pushes) == 1
        assert not scene.state().intents
        assert list(scene.entries()) == (["a"] if created else [])
        assert ran.row("a")["error"] is None


@pytest.mark.parametrize("created", [False, True], ids=["never-arrived", "arrived"])
def test_a_spec_that_was_changed_back_meanwhile_is_not_paid_for_again(tmp_path: Path, created: bool) -> None:
    with Cloud.running(lost_answer(created)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply([asks("a", {"width": 5})]).exit_code == 0
        assert scene.apply([asks("a", {"width": 0})]).exit_code == 5
        cloud.reveal()
        ran = scene.apply([asks("a", {"width": 5})], settle=10.0)
        assert ran.exit_code == 0, ran.result.problems
        assert len(cloud.pushes) == 2
        assert scene.entries()["a"].job_id == cloud.jobs[0].id
        assert scene.apply([asks("a", {"width": 5})]).kinds() == []


def test_one_job_for_two_pushes_is_a_decision(tmp_path: Path) -> None:
    answer = {
        "id": "same",
        "run_id": "r",
        "status": "queued",
        "organization_id": "7f6f8b1e-3f3c-4b5c-9d5e-111111111111",
    }
    with Cloud.running(Script(faults=[Fault(status=200, body=answer, times=2)])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(2), detach=True)
        assert ran.exit_code == 5
        assert "which is that of 'clip-0'" in ran.result.problems[0].message
        assert [intent.name for intent in scene.state().intents] == ["clip-1"]
        assert list(scene.entries()) == ["clip-0"]


def test_a_twin_of_a_push_that_was_answered_with_another_s_job_waits_too(tmp_path: Path) -> None:
    answer = {"id": "same", "run_id": "r", "status": "queued", "organization_id": ORGANIZATION}
    with Cloud.running(Script(faults=[Fault(status=200, body=answer, times=2)])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(twins(), detach=True)
        assert ran.exit_code == 5
        assert len(cloud.pushes) == 2
        assert "looks the same" in str(ran.row("t-2")["error"])


def test_a_job_that_a_broken_answer_named_is_found_although_no_list_shows_it(tmp_path: Path) -> None:
    broken = Fault("cut", match='"width":1', created=True)
    with Cloud.running(Script(faults=[broken, Fault(route="job", times=8)], lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(2), detach=True).exit_code == 5
        (intent,) = scene.state().intents
        assert intent.confirmed_job in {job.id for job in cloud.jobs}
        cloud.script.faults = []
        ran = scene.apply(clips(2))
        assert ran.exit_code == 0, ran.result.problems
        assert scene.pushed() == [0, 1]
        assert scene.entries()["clip-1"].job_id == intent.confirmed_job
        assert not scene.state().intents


def test_a_named_job_that_cannot_be_the_push_settles_nothing(tmp_path: Path) -> None:
    stranger = {"function": "sieve/dubbing", "inputs": {"width": 7}}
    with Cloud.running(Script(lag_until_told=True)) as cloud:
        job = cloud.add_job(stranger)
        cloud.script.faults = [Fault(status=200, body=f'{{"id": "{job.id}", "run'.encode(), match='"width":1')]
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(2), new_state=True, detach=True)
        assert ran.exit_code == 5
        assert [intent.confirmed_job for intent in scene.state().intents] == [job.id]
        assert "clip-1" not in scene.entries()


def test_a_doubt_whose_secret_is_not_set_any_more_is_held_and_the_run_ends(tmp_path: Path) -> None:
    with Cloud.running(lost_answer(created=False)) as cloud:
        scene = Scene(tmp_path, cloud)
        env = {"TOKEN": variable("TOKEN", "canary")}
        assert scene.apply([asks("a", {"width": 0}, env=env)]).exit_code == 5
        cloud.reveal()
        unset = asks("a", {"width": 0}, env={"TOKEN": variable("TOKEN", "")}, missing=("TOKEN",))
        ran = scene.apply([unset, *clips(2)[1:]], settle=10.0)
        assert ran.exit_code == 5
        assert "'a' cannot be pushed: ${TOKEN} is not set" in str(ran.row("a")["error"])
        assert scene.pushed() == [1]
        assert scene.apply([asks("a", {"width": 0}, env=env), *clips(2)[1:]], settle=10.0).exit_code == 0
        assert scene.pushed() == [0, 1]


def test_a_doubt_does_not_stop_the_others(tmp_path: Path) -> None:
    with Cloud.running(lost_answer(created=False)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(4)).exit_code == 5
        assert scene.pushed() == [1, 2, 3]


def twins(count: int = 3) -> list[Detail]:
    """Specs that look the same in a list: only their env differs."""
    return [asks(f"t-{i}", {"width": 0}, env={"N": str(i)}) for i in range(count)]


@pytest.mark.parametrize("created", [False, True], ids=["never-arrived", "arrived"])
def test_of_twins_one_at_a_time_is_unanswered(tmp_path: Path, created: bool) -> None:
    script = Script(faults=[Fault(match='"N":"1"', created=created)], lag_until_told=True)
    with Cloud.running(script) as cloud:
        scene = Scene(tmp_path, cloud)
        specs = twins()
        held = scene.apply(specs)
        assert held.exit_code == 5
        assert [push.json["env"]["N"] for push in cloud.pushes] == ["0", "1"]
        assert "looks the same" in str(held.row("t-2")["error"])
        cloud.reveal()
        ran = scene.apply(specs, settle=10.0)
        assert ran.exit_code == 0, ran.result.problems
        assert sorted(job.pushed["env"]["N"] for job in cloud.jobs) == ["0", "1", "2"]
        by_job = {job.id: job.pushed["env"]["N"] for job in cloud.jobs}
        assert {name: by_job[entry.job_id] for name, entry in scene.entries().items()} == {
            f"t-{i}": str(i) for i in range(3)
        }


def test_twins_are_pushed_one_after_the_other_where_nothing_goes_wrong(scene: Scene) -> None:
    unanswered: list[int] = []
    ran = scene.apply(twins(4), on_event=lambda _: unanswered.append(len(scene.state().intents)))  # type: ignore[arg-type]
    assert ran.exit_code == 0
    assert max(unanswered) == 1
    assert len(scene.cloud.pushes) == 4


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        pytest.param("another-like-it", "2 jobs could be it", id="several-matches"),
        pytest.param("mixed", "no clear order", id="no-order"),
    ],
)
def test_what_cannot_be_told_is_held_even_with_settle(tmp_path: Path, prepare: str, words: str) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0', created=True)], lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(1)).exit_code == 5
        if prepare == "another-like-it":
            cloud.add_job(cloud.pushes[0].json)
        else:
            cloud.script.order = "mixed"
            for i in range(600):
                cloud.add_job({"function": "other/thing", "inputs": {"n": i}})
        cloud.reveal()
        ran = scene.apply(clips(1), settle=1.0)
        assert ran.exit_code == 5
        assert words in ran.result.problems[0].message
        assert len(cloud.pushes) == 1


def test_a_job_without_a_time_is_found_too(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0', created=True)], created_at=False)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(2)).exit_code == 0
        assert scene.pushed() == [0, 1]


def test_older_jobs_and_other_organisations_are_no_match(tmp_path: Path) -> None:
    with Cloud.running(Script()) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply([asks("z", {"width": 9})]).exit_code == 0
        body = {"function": "sieve/dubbing", "inputs": clips(1)[0].spec.inputs}
        cloud.add_job(body, organization=OTHER_ORGANIZATION)
        cloud.add_job(body, at=cloud.jobs[0].at - 3600)
        cloud.script.faults = [Fault(match='"width":0')]
        ran = scene.apply([*clips(1), asks("z", {"width": 9})])
        assert ran.exit_code == 5
        assert "not in the far side's list" in ran.result.problems[0].message


def test_a_long_list_is_read_back_to_the_push_and_no_further(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0', created=True)], lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        now = cloud.script.now
        for i in range(1700):
            cloud.add_job({"function": "other/thing", "inputs": {"n": i}}, at=now - 10_000 + i)
        scene.apply(clips(1), new_state=True)
        for i in range(700):
            cloud.add_job({"function": "other/thing", "inputs": {"n": i}})
        cloud.reveal()
        before = len(cloud.requests)
        ran = scene.apply(clips(1))
        assert ran.exit_code == 0, ran.result.problems
        listed = [request for request in cloud.requests[before:] if request.route == "jobs"]
        assert [request.query["offset"] for request in listed if request.query["limit"] == "500"] == ["0", "450"]


def test_the_settle_time_is_not_cut_short(tmp_path: Path) -> None:
    """Until it is over the list is looked at after 2, 4, 8 … seconds; then the push is made again."""
    with Cloud.running(Script(faults=[Fault(match='"width":0')])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(1), settle=120.0)
        assert ran.exit_code == 0
        waits = [event.seconds for event in ran.events if event.kind == "waiting"]  # type: ignore[union-attr]
        assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
        assert sum(waits) >= 29.0
        assert len(cloud.pushes) == 2
        keys = {push.headers["idempotency-key"] for push in cloud.pushes}
        assert len(keys) == 1


def test_attempts_end(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0', times=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(1), settle=2.0)
        assert ran.exit_code == 5
        assert len(cloud.pushes) == 3
        assert "3 attempts went unanswered" in ran.result.problems[-1].message


@pytest.mark.parametrize("created", [False, True], ids=["not-created", "created"])
@pytest.mark.parametrize("fault", ["500", "reset", "409"])
def test_our_engine_settles_a_doubt_by_its_key_at_once(tmp_path: Path, created: bool, fault: str) -> None:
    broken = Fault("reset", created=created, match='"width":1')
    if fault != "reset":
        broken = Fault(status=int(fault), created=created, match='"width":1')
    with Cloud.running(Script(faults=[broken], engine=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(3))
        assert ran.exit_code == 0, ran.result.problems
        assert scene.pushed() == [0, 1, 2]
        if not created:
            keys = [push.headers["idempotency-key"] for push in cloud.pushes if push.json["inputs"]["width"] == 1]
            assert len(keys) == 2
            assert len(set(keys)) == 1


def test_a_narrowed_run_takes_over_what_it_finds_of_others_but_pushes_nothing_for_them(tmp_path: Path) -> None:
    script = Script(faults=[Fault(match='"width":0', created=True), Fault(match='"width":1')], lag_until_told=True)
    with Cloud.running(script) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(3)).exit_code == 5
        cloud.reveal()
        options = PlanOptions(key=KEY, selected=frozenset({"clip-2"}))
        ran = scene.apply(clips(3), options, settle=1.0)
        assert ran.exit_code == 0
        assert sorted(scene.entries()) == ["clip-0", "clip-2"]
        assert [intent.name for intent in scene.state().intents] == ["clip-1"]
        assert len(cloud.pushes) == 3


def test_continue_starts_no_change(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0')])) as cloud:
        scene = Scene(tmp_path, cloud)
        scene.apply(clips(1))
        ran = scene.apply(clips(3), settle=1.0, continue_only=True)
        assert ran.exit_code == 0
        assert scene.pushed() == [0]
