"""What the far side can do to a push, and what is then true: never a second job, never a lost one."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from sieve_jobs.errors import GuardedError
from sieve_jobs.push.events import Refused, as_json
from tests.cloud import KEY, OTHER_ORGANIZATION, Cloud, Fault, Outcome, Script
from tests.faults.named import AFTER, BEFORE, Met, faults
from tests.plan.world import asks, variable
from tests.push.scene import Scene, clips, with_state

SPEED, SETTLE = 50.0, 30.0


UNCLEAR = faults(Met.DOUBT)
LATE = {"seconds": 0.4}
"""Real seconds: after the push was given up, before its settle time is over."""


def settled(folder: Path, befalling: Sequence[str]) -> None:
    """Applies a spec for each of *befalling*, which its push meets, and one more: each gets exactly one job."""
    for_late = {name: LATE for name in befalling if name.startswith("late")}
    played = [
        Fault(**{**UNCLEAR[name], **for_late.get(name, {})}, match=f'"width":{index}}}')
        for index, name in enumerate(befalling)
    ]
    with Cloud.running(Script(faults=played)) as cloud:
        scene, specs = Scene(folder, cloud, deadline=0.25, speed=SPEED), clips(len(befalling) + 1)
        ran = scene.apply(specs, settle=SETTLE)
        assert ran.exit_code == 0, ran.result.problems
        assert scene.pushed() == [*range(len(specs))]
        made = [name for name in befalling if UNCLEAR[name]["created"] or name in for_late]
        assert len(cloud.pushes) == len(specs) + len(befalling) - len(made)
        assert ran.result.summary.pushed == len(specs)
        assert not scene.state().intents
        assert {entry.job_id for entry in scene.entries().values()} == {job.id for job in cloud.jobs}
        assert scene.apply(specs).kinds() == []


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_unclear_answers_of_every_kind_at_once_are_settled_with_one_job_each(tmp_path: Path, when: str) -> None:
    settled(tmp_path, [name for name in UNCLEAR if name.endswith(when)])


@pytest.mark.soak
@pytest.mark.parametrize("name", UNCLEAR)
def test_an_unclear_answer_is_settled_with_exactly_one_job(tmp_path: Path, name: str) -> None:
    settled(tmp_path, [name])


@pytest.mark.parametrize("created", [False, True], ids=["not-created", "created"])
def test_the_very_first_push_may_go_unanswered_too(tmp_path: Path, created: bool) -> None:
    with Cloud.running(Script(faults=[Fault("hang", match='"width":0', created=created)])) as cloud:
        scene = Scene(tmp_path, cloud, deadline=0.25)
        ran = scene.apply(clips(3), settle=30.0)
        assert ran.exit_code == 0, ran.result.problems
        assert scene.pushed() == [0, 1, 2]
        assert scene.apply(clips(3)).kinds() == []


@pytest.mark.parametrize("created", [False, True], ids=["not-created", "created"])
def test_without_settle_absence_is_held_and_presence_adopted(tmp_path: Path, created: bool) -> None:
    with Cloud.running(Script(faults=[Fault(match='"width":1', created=created)])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(3))
        assert ran.exit_code == (0 if created else 5)
        assert len(cloud.pushes) == 3
        assert scene.pushed() == ([0, 1, 2] if created else [0, 2])
        again = scene.apply(clips(3))
        assert len(cloud.pushes) == 3
        assert again.exit_code == (0 if created else 5)
        if not created:
            assert "resolve clip-1" in str(again.result.problems[0].hint)
            assert again.result.problems[0].code == "SJ140"
            assert ran.result.summary.in_doubt == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param(
            Fault(status=401, body={"detail": "Unauthorized - valid API Key required."}), "Unauthorized", id="401"
        ),
        pytest.param(Fault(status=402, body={"detail": "No remaining credits"}), "No remaining credits", id="402"),
        pytest.param(Fault(status=403), "fault 403", id="403"),
        pytest.param(Fault(status=307, headers={"Location": "http://127.0.0.1:1/"}), "redirect", id="307"),
        pytest.param(Fault(status=301, headers={"Location": "http://127.0.0.1:1/"}), "redirect", id="301"),
    ],
)
def test_a_refusal_of_everything_ends_the_run_after_one_push(tmp_path: Path, fault: Fault, words: str) -> None:
    with Cloud.running(Script(faults=[fault])) as cloud:
        scene = Scene(tmp_path, cloud)
        with_state(scene)
        before = len(cloud.requests)
        ran = scene.apply(clips(100))
        # Whose key it is, then the one push.
        assert [request.method for request in cloud.requests[before:]] == ["GET", "POST"]
        assert ran.exit_code == 1
        assert [problem.code for problem in ran.result.problems] == ["SJ144"]
        assert words in ran.result.problems[0].message
        assert (ran.result.summary.pushed, ran.result.summary.refused, ran.result.summary.in_doubt) == (0, 1, 0)
        assert not scene.state().intents
        assert ran.row("clip-9")["error"] == "not pushed: the run ended before"
        assert scene.apply(clips(20)).exit_code == 0
        assert scene.pushed() == [*range(20)]


def test_a_wrong_key_is_one_request_and_shown_nowhere(scene: Scene) -> None:
    with_state(scene)
    scene.key = "wrong-canary-key"
    scene.cloud.script.faults = [Fault(status=401, body={"detail": "Unauthorized: wrong-canary-key"})]
    ran = scene.apply(clips(5))
    assert len(scene.cloud.requests) == 1
    assert ran.exit_code == 1
    shown = repr(ran.result) + repr(ran.events) + json.dumps([as_json(event) for event in ran.events])
    assert "canary" not in shown


@pytest.mark.parametrize("status", [400, 404, 406, 413, 422])
def test_a_refusal_of_one_spec_leaves_the_others_alone(tmp_path: Path, status: int) -> None:
    with Cloud.running(
        Script(faults=[Fault(status=status, match='"width":1', body={"detail": "no such thing"})])
    ) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(4))
        assert ran.exit_code == 1
        assert scene.pushed() == [0, 2, 3]
        assert ran.result.summary.refused == 1
        (problem,) = ran.result.problems
        assert problem.code == "SJ143"
        assert "no such thing" in problem.message
        assert problem.place is not None
        assert problem.place.path == "jobspecs/clip-1.yaml"
        assert not scene.state().intents
        assert scene.apply(clips(4)).exit_code == 0
        assert scene.pushed() == [0, 1, 2, 3]


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {}], ids=["said-how-long", "did-not-say"])
def test_a_429_is_waited_for(tmp_path: Path, headers: dict[str, str]) -> None:
    with Cloud.running(Script(faults=[Fault(status=429, match='"width":1', headers=headers, times=2)])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(3))
        assert ran.exit_code == 0
        assert scene.pushed() == [0, 1, 2]
        assert len(cloud.pushes) == 5
        assert any(seconds == pytest.approx(7.0, abs=0.5) for seconds in ran.slept) is bool(headers)
        assert not scene.state().intents


def test_a_429_that_never_ends_ends_the_run_and_leaves_no_doubt(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(status=429, times=-1)])) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(3))
        assert ran.exit_code == 1
        assert len(cloud.pushes) == 10
        assert not scene.state().intents


def test_a_refusal_after_an_unanswered_attempt_proves_nothing(tmp_path: Path) -> None:
    """Attempt 1 is applied and answered 500, the list lags, attempt 2 is refused: the doubt stays."""
    faults = [Fault(status=500, match='"width":0', created=True), Fault(status=422, match='"width":0')]
    with Cloud.running(Script(faults=faults, lag_until_told=True)) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(1), settle=5.0)
        assert ran.exit_code == 5
        assert [intent.attempt for intent in scene.state().intents] == [2]
        cloud.reveal()
        assert scene.apply(clips(1)).exit_code == 0
        assert scene.pushed() == [0]


def test_a_far_side_that_is_away_gets_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        with Cloud.running() as cloud:
            scene = Scene(tmp_path, cloud, url=f"http://127.0.0.1:{taken.getsockname()[1]}")
            with_state(scene)
            ran = scene.apply(clips(4))
            assert ran.exit_code == 1
            (problem,) = ran.result.problems
            assert problem.code == "SJ145"
            assert "nothing was sent" in str(problem.hint)
            assert ran.slept.count(0.5) == 1
            assert not scene.state().intents
            assert ran.result.summary.pushed == 0
            scene.url = cloud.url
            assert scene.apply(clips(4)).exit_code == 0


def test_a_key_of_another_organisation_pushes_once_and_never_again(scene: Scene) -> None:
    assert scene.apply(clips(2)).exit_code == 0
    scene.cloud.script.keys = {KEY: OTHER_ORGANIZATION}
    before = len(scene.cloud.pushes)
    ran = scene.apply(clips(6))
    assert ran.exit_code == 6
    assert len(scene.cloud.pushes) == before + 1
    (problem,) = ran.result.problems
    assert problem.code == "SJ146"
    assert scene.cloud.jobs[-1].id in problem.message
    assert scene.state().header.organization_id == scene.cloud.organization
    assert not scene.state().intents


def test_a_key_of_an_organisation_with_jobs_of_its_own_pushes_nothing(scene: Scene) -> None:
    assert scene.apply(clips(2)).exit_code == 0
    scene.cloud.script.keys = {KEY: OTHER_ORGANIZATION}
    for _ in range(20):
        scene.cloud.add_job({"function": "sieve/dubbing", "inputs": {}}, organization=OTHER_ORGANIZATION)
    before = len(scene.cloud.pushes)
    with pytest.raises(GuardedError) as caught:
        scene.apply(clips(6))
    assert caught.value.diagnostics[0].code == "SJ146"
    assert OTHER_ORGANIZATION in caught.value.diagnostics[0].message
    assert len(scene.cloud.pushes) == before


def test_the_first_push_goes_alone(tmp_path: Path) -> None:
    with Cloud.running(Script(faults=[Fault(kind="hang", match='"width":0')])) as cloud:
        scene = Scene(tmp_path, cloud, deadline=0.3)
        with_state(scene)
        seen: list[int] = []

        def watch(event: object) -> None:
            if getattr(event, "kind", "") == "in_doubt":
                seen.append(len(cloud.pushes))

        ran = scene.apply(clips(3), on_event=watch)
        assert seen == [1]
        assert ran.exit_code == 5


def test_the_intent_is_durable_before_its_push(scene: Scene) -> None:
    open_intents: list[int] = []

    def watch(event: object) -> None:
        if getattr(event, "kind", "") == "pushing":
            open_intents.append(len(scene.state().intents))

    assert scene.apply(clips(3), on_event=watch, concurrency=1).exit_code == 0
    assert open_intents == [1, 1, 1]


def test_requests_are_as_the_contract_says(scene: Scene) -> None:
    specs = [asks("a", {"f": {"url": "https://h/é.mp4"}}, env={"A": "b"}, hook="https://hooks.example.com/x")]
    assert scene.apply(specs).exit_code == 0
    (push,) = scene.cloud.pushes
    assert push.json == {
        "function": "sieve/dubbing", "inputs": {"f": {"url": "https://h/é.mp4"}}, "env": {"A": "b"},
        "webhooks": [{"type": "job.complete", "url": "https://hooks.example.com/x"}],
    }  # fmt: skip
    headers = push.headers
    assert headers["x-api-key"] == KEY
    assert headers["connection"] == "close"
    assert headers["accept-encoding"] == "identity"
    assert len(headers["idempotency-key"]) == 36


def test_what_the_far_side_quotes_of_a_secret_is_shown_and_kept_nowhere(tmp_path: Path) -> None:
    secret = "canary-value-7"
    detail = asks("a", env={"K": variable("TOKEN", secret)})
    error = f"Traceback …\nValueError: bad key {secret}"
    with Cloud.running(Script(outcomes=[Outcome(status="error", error=error, logs=[f"using {secret}"])])) as cloud:
        cloud.script.faults = [Fault(status=422, body={"detail": [{"loc": ["body", "env"], "msg": f"not {secret}"}]})]
        scene = Scene(tmp_path, cloud)
        refused = scene.apply([detail])
        failed = scene.apply([detail])
    assert refused.exit_code == 1
    assert failed.exit_code == 4
    assert isinstance(refused.events[-1], Refused)
    assert "(secret)" in refused.events[-1].problem.message
    assert "(secret)" in str(failed.row("a")["error"])
    assert failed.result.results[0].log == ("using (secret)",)
    shown = repr(refused) + repr(failed) + json.dumps([as_json(event) for event in (*refused.events, *failed.events)])
    assert secret not in shown
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        assert secret.encode() not in path.read_bytes()
