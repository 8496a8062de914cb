"""A person's answer to a push in doubt is carried out, unless it cannot be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sieve_jobs.errors import UsageError
from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.push.resolve import Adopt, Drop, PushAgain
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.spec.tags import TagKey
from tests.cloud import OTHER_ORGANIZATION, Cloud, Fault, Script
from tests.plan.world import OTHER_KEY, asks, variable
from tests.push.scene import KEY, Scene, clips


def held(folder: Path, cloud: Cloud) -> Scene:
    scene = Scene(folder, cloud)
    assert scene.apply(clips(2)).exit_code == 5
    return scene


def another_function(cloud: Cloud) -> str:
    return cloud.add_job({"function": "other/thing", "inputs": {}}).id


def another_organisation(cloud: Cloud) -> str:
    return cloud.add_job({"function": "sieve/dubbing", "inputs": {}}, organization=OTHER_ORGANIZATION).id


def of_another_spec(cloud: Cloud) -> str:
    return cloud.jobs[0].id


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        pytest.param(another_function, "runs 'other/thing', not 'sieve/dubbing'", id="another-function"),
        pytest.param(another_organisation, "404", id="another-organisation"),
        pytest.param(of_another_spec, "already belongs to a spec", id="a-job-the-state-holds"),
        pytest.param(lambda _: "no-such-job", "404", id="no-such-job"),
    ],
)
def test_a_job_that_cannot_be_it_is_not_taken(tmp_path: Path, choose: Callable[[Cloud], str], words: str) -> None:
    script = Script(faults=[Fault(match='"width":0')], lag_until_told=True)
    with Cloud.running(script) as cloud:
        scene = held(tmp_path, cloud)
        ran = scene.resolve(clips(2), {"clip-0": Adopt(choose(cloud))})
        assert ran.exit_code == 1
        assert words in ran.result.problems[0].message
        assert len(scene.state().intents) == 1
        assert len(cloud.pushes) == 2


def test_a_job_with_other_inputs_is_a_person_s_to_judge(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0')], lag_until_told=True)) as cloud:
        scene = held(tmp_path, cloud)
        job = cloud.add_job({"function": "sieve/dubbing", "inputs": {"width": "0 (as text)"}})
        ran = scene.resolve(clips(2), {"clip-0": Adopt(job.id)})
        assert ran.exit_code == 0
        assert scene.entries()["clip-0"].job_id == job.id


def test_push_again_uses_the_same_key_and_the_next_attempt(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0', times=2)], lag_until_told=True)) as cloud:
        scene = held(tmp_path, cloud)
        again = scene.resolve(clips(2), {"clip-0": PushAgain()})
        assert again.exit_code == 5
        assert [intent.attempt for intent in scene.state().intents] == [2]
        assert scene.resolve(clips(2), {"clip-0": PushAgain()}).exit_code == 0
        keys = [push.headers["idempotency-key"] for push in cloud.pushes if push.json["inputs"]["width"] == 0]
        assert len(keys) == 3
        assert len(set(keys)) == 1


def test_what_the_spec_does_not_ask_for_any_more_is_not_pushed_again(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0')], lag_until_told=True)) as cloud:
        scene = held(tmp_path, cloud)
        changed = [asks("clip-0", {"width": 50}), *clips(2)[1:]]
        ran = scene.resolve(changed, {"clip-0": PushAgain()})
        assert ran.exit_code == 1
        assert len(cloud.pushes) == 2
        assert scene.resolve(changed, {"clip-0": Drop()}).exit_code == 0
        assert scene.apply(changed).exit_code == 0
        assert scene.pushed() == [1, 50]


def test_a_removed_spec_s_doubt_can_be_dropped(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0')], lag_until_told=True)) as cloud:
        scene = held(tmp_path, cloud)
        assert scene.resolve(clips(2)[1:], {"clip-0": Drop()}).exit_code == 0
        assert not scene.state().intents


def test_only_what_was_asked_about_has_a_row(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":0')], lag_until_told=True)) as cloud:
        scene = held(tmp_path, cloud)
        ran = scene.resolve(clips(4), {"clip-0": Drop()})
        assert [row.name for row in ran.result.results] == ["clip-0"]
        assert len(cloud.pushes) == 2


def test_a_name_without_a_doubt_is_a_usage_error(scene: Scene) -> None:
    scene.apply(clips(2))
    with pytest.raises(UsageError, match="no push of 'clip-1' is in doubt"):
        scene.resolve(clips(2), {"clip-1": Drop()})


def test_a_person_may_push_again_what_another_key_cannot_compare(tmp_path: Path) -> None:
    def specs(key: TagKey) -> list[Detail]:
        token = {"token": variable("TOKEN", "canary")}
        return [asks(name, {"width": width}, secret_inputs=token, key=key) for width, name in enumerate("ab")]

    with Cloud.running(Script(faults=[Fault(match='"width":0', times=2)], lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(specs(KEY)).exit_code == 5
        assert scene.resolve(specs(OTHER_KEY), {"a": PushAgain()}, key=OTHER_KEY).exit_code == 5
        (intent,) = scene.state().intents
        assert (intent.attempt, intent.projection["key"]) == (2, OTHER_KEY.id)
        assert scene.apply(specs(OTHER_KEY), PlanOptions(key=OTHER_KEY), settle=1.0, key=OTHER_KEY).exit_code == 0
        assert scene.pushed() == [0, 1]
