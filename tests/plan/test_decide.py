"""What is done with one spec: every row of the design's table, by what was asked for and what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import FieldDiff
from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.wire import Status
from tests.plan.world import KEY, OTHER_KEY, World, asks, doubt, earlier, only, pushed, rows, variable

DUB = asks("dub", {"width": 640})
WIDE = asks("dub", {"width": 1280})
PUSH, REUSE, RESOLVE = Action.PUSH, Action.REUSE, Action.RESOLVE


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(World([DUB]), [("dub", PUSH, Reason.NEW)], id="new"),
        pytest.param(World([DUB], [pushed(DUB)]), [], id="finished and unchanged"),
        pytest.param(World([DUB], [pushed(DUB, Status.QUEUED)]), [], id="queued and unchanged"),
        pytest.param(World([DUB], [pushed(DUB, Status.ERROR)]), [], id="failed is final for its digest"),
        pytest.param(World([DUB], [pushed(DUB, Status.CANCELLED)]), [], id="cancelled is final for its digest"),
        pytest.param(World([WIDE], [pushed(DUB)]), [("dub", PUSH, Reason.INPUTS_CHANGED)], id="input edited"),
        pytest.param(
            World([WIDE], [pushed(DUB, Status.ERROR)]), [("dub", PUSH, Reason.INPUTS_CHANGED)], id="edited after error"
        ),
        pytest.param(
            World([asks("dub", {"width": 640}, function="sieve/other")], [pushed(DUB)]),
            [("dub", PUSH, Reason.FUNCTION_CHANGED)],
            id="function edited",
        ),
        pytest.param(
            World(
                [asks("dub", {"width": 640}, source="b" * 64)], [pushed(asks("dub", {"width": 640}, source="a" * 64))]
            ),
            [("dub", PUSH, Reason.FUNCTION_CHANGED)],
            id="source of a local function edited",
        ),
        pytest.param(
            World([asks("dub", files={"clip": "bb"})], [pushed(asks("dub", files={"clip": "aa"}))]),
            [("dub", PUSH, Reason.FILE_CHANGED)],
            id="content of a local file changed",
        ),
        pytest.param(
            World([asks("dub", env={"MODE": "slow"})], [pushed(asks("dub", env={"MODE": "fast"}))]),
            [("dub", PUSH, Reason.ENV_CHANGED)],
            id="literal env value edited",
        ),
        pytest.param(
            World([asks("dub", env={"A": "1", "B": "2"})], [pushed(asks("dub", env={"A": "1"}))]),
            [("dub", PUSH, Reason.ENV_CHANGED)],
            id="env name added",
        ),
        pytest.param(
            World([asks("dub", rerun="2")], [pushed(asks("dub"))]), [("dub", PUSH, Reason.RERUN)], id="rerun salt"
        ),
        pytest.param(
            World([asks("dub", {"width": 1}, rerun="2")], [pushed(asks("dub", {"width": 2}))]),
            [("dub", PUSH, Reason.INPUTS_CHANGED)],
            id="rerun salt beside an edit",
        ),
        pytest.param(World([DUB], intents=[doubt(DUB)]), [("dub", RESOLVE, Reason.IN_DOUBT)], id="push in doubt"),
        pytest.param(
            World([WIDE], [pushed(DUB)], intents=[doubt(WIDE)]),
            [("dub", RESOLVE, Reason.IN_DOUBT)],
            id="doubt over a change",
        ),
        pytest.param(
            World([DUB], [pushed(DUB)], intents=[doubt(WIDE)]),
            [("dub", RESOLVE, Reason.IN_DOUBT)],
            id="doubt over a change that was taken back",
        ),
        pytest.param(
            World([], intents=[doubt(DUB)]), [("dub", RESOLVE, Reason.IN_DOUBT)], id="doubt over a removed spec"
        ),
    ],
)
def test_a_spec_gets_its_action_and_reason(world: World, expected: list[tuple[str, Action, Reason]]) -> None:
    assert rows(world.plan()) == expected


class TestLost:
    def test_on_a_remote_target_a_person_must_decide(self) -> None:
        plan = World([DUB], [pushed(DUB, Status.PROCESSING, lost=True)]).plan()
        assert rows(plan) == [("dub", RESOLVE, Reason.LOST)]
        assert plan.notices[0].hint == "to run it again: sieve-jobs rerun dub -t prod"
        assert plan.pending

    def test_once_reported_it_is_a_notice(self) -> None:
        plan = World([DUB], [pushed(DUB, Status.PROCESSING, lost=True, reported=True)]).plan()
        assert rows(plan) == []
        assert [notice.reason for notice in plan.notices] == [Reason.LOST]
        assert not plan.running

    def test_on_the_local_engine_it_is_pushed_again(self) -> None:
        plan = World([DUB], [pushed(DUB, Status.PROCESSING, lost=True)]).plan(PlanOptions(local=True, key=KEY))
        assert rows(plan) == [("dub", PUSH, Reason.LOST)]


class TestReuse:
    def test_a_change_taken_back_uses_its_earlier_job(self) -> None:
        change = only(World([DUB], [pushed(WIDE, job="wide")], [earlier(DUB, "old")]).plan())
        assert (change.action, change.reason) == (REUSE, Reason.REUSED)
        assert change.reuses is not None
        assert change.reuses.job_id == "old"
        assert change.moved_from is None

    @pytest.mark.parametrize("status", [Status.ERROR, Status.CANCELLED])
    def test_a_job_that_ended_badly_is_not_used_again(self, status: Status) -> None:
        plan = World([DUB], [pushed(WIDE)], [earlier(DUB, "old", status)]).plan()
        assert rows(plan) == [("dub", PUSH, Reason.INPUTS_CHANGED)]

    def test_a_finished_job_goes_before_a_newer_one_that_runs(self) -> None:
        past = [earlier(DUB, "running", Status.PROCESSING, hours_ago=1), earlier(DUB, "done", hours_ago=2)]
        change = only(World([DUB], [pushed(WIDE)], past).plan())
        assert change.reuses == past[1]

    def test_a_job_that_still_runs_is_followed_instead_of_pushed(self) -> None:
        change = only(World([DUB], [pushed(WIDE)], [earlier(DUB, "running", Status.QUEUED)]).plan())
        assert change.action is REUSE

    def test_a_job_of_a_spec_that_is_still_there_is_not_taken(self) -> None:
        twin = asks("twin", {"width": 640})
        plan = World(
            [DUB, asks("twin", {"width": 1})], [pushed(asks("twin", {"width": 1}))], [earlier(twin, "t")]
        ).plan()
        assert rows(plan) == [("dub", PUSH, Reason.NEW)]

    def test_a_job_of_a_forgotten_spec_is_taken_by_one_spec_only(self) -> None:
        gone = asks("gone", {"width": 640})
        plan = World([DUB, asks("twin", {"width": 640})], past_jobs=[earlier(gone, "g")]).plan()
        assert rows(plan) == [("dub", REUSE, Reason.REUSED), ("twin", PUSH, Reason.NEW)]

    def test_its_own_earlier_job_goes_before_anothers(self) -> None:
        own, other = earlier(DUB, "own", hours_ago=9), earlier(asks("gone", {"width": 640}), "other", hours_ago=1)
        change = only(World([DUB], [pushed(WIDE)], [other, own]).plan())
        assert change.reuses == own

    def test_a_removed_spec_that_comes_back_uses_its_own_job(self) -> None:
        change = only(World([DUB], [pushed(DUB, orphaned=True)]).plan())
        assert (change.action, change.reason) == (REUSE, Reason.REUSED)
        assert change.reuses is not None
        assert change.reuses.job_id == "job-dub"

    def test_a_removed_spec_that_failed_stays_failed_when_it_comes_back(self) -> None:
        plan = World([DUB], [pushed(DUB, Status.ERROR, orphaned=True)]).plan()
        assert rows(plan) == []
        assert [entry.orphaned for entry in plan.refresh] == [False]

    def test_the_job_of_an_orphan_is_taken_over_with_its_entry(self) -> None:
        gone = asks("gone", {"width": 640})
        change = only(World([DUB], [pushed(gone, orphaned=True)]).plan())
        assert (change.action, change.moved_from) == (REUSE, "gone")

    def test_an_earlier_job_that_ran_with_another_env_value_is_not_used(self) -> None:
        def place(value: str, width: int = 640):
            return asks("dub", {"width": width}, env={"PLACE": variable("PLACE", value)})

        world = World([place("here")], [pushed(place("here", 1))], [earlier(place("there"), "old")])
        assert rows(world.plan()) == [("dub", PUSH, Reason.INPUTS_CHANGED)]

    def test_an_env_value_taken_back_uses_the_job_that_ran_with_it(self) -> None:
        def place(value: str):
            return asks("dub", env={"PLACE": variable("PLACE", value)})

        world = World([place("here")], [pushed(place("there"))], [earlier(place("here"), "old")])
        assert rows(world.plan()) == [("dub", REUSE, Reason.REUSED)]

    def test_who_asks_for_a_rerun_gets_a_new_job(self) -> None:
        world = World([DUB], [pushed(WIDE)], [earlier(DUB, "old")])
        assert rows(world.plan(PlanOptions(rerun=frozenset({"dub"})))) == [("dub", PUSH, Reason.INPUTS_CHANGED)]


class TestRerun:
    @pytest.mark.parametrize("status", list(Status))
    def test_pushes_what_has_not_changed(self, status: Status) -> None:
        plan = World([DUB], [pushed(DUB, status)]).plan(PlanOptions(rerun=frozenset({"dub"})))
        assert rows(plan) == [("dub", PUSH, Reason.RERUN)]

    def test_says_new_of_what_never_ran(self) -> None:
        assert rows(World([DUB]).plan(PlanOptions(rerun=frozenset({"dub"})))) == [("dub", PUSH, Reason.NEW)]


class TestBesideTheDigest:
    def test_a_rotated_secret_is_a_notice_and_no_change(self) -> None:
        old, new = (asks("dub", env={"TOKEN": variable("TOKEN", value)}) for value in ("a", "b"))
        plan = World([new], [pushed(old)]).plan()
        assert rows(plan) == []
        (notice,) = plan.notices
        assert (notice.name, notice.reason) == ("dub", Reason.SECRET_ROTATED)
        assert "env.TOKEN" in notice.text
        assert notice.hint is None
        assert plan.refresh == (), "the entry keeps the tag its job ran with, so that the notice stays"

    def test_a_rotated_secret_of_a_failed_job_comes_with_the_command(self) -> None:
        old, new = (asks("dub", env={"TOKEN": variable("TOKEN", value)}) for value in ("a", "b"))
        notices = World([new], [pushed(old, Status.ERROR)]).plan().notices
        hints = [notice.hint for notice in notices if notice.reason is Reason.SECRET_ROTATED]
        assert hints == ["its last job failed; to run it with the new value: sieve-jobs rerun dub -t prod"]

    def test_a_rotated_secret_is_a_change_for_who_wants_it(self) -> None:
        old, new = (
            asks("dub", secret_inputs={"key": variable("TOKEN", value)}, rerun_on=frozenset({"secrets"}))
            for value in ("a", "b")
        )
        change = only(World([new], [pushed(old)]).plan())
        assert (change.action, change.reason) == (PUSH, Reason.SECRET_ROTATED)
        assert change.diff == (FieldDiff("inputs.key", None, None, masked=True),)

    @pytest.mark.parametrize("key", [None, OTHER_KEY], ids=["no key", "another key"])
    def test_without_the_key_nothing_is_called_changed_and_one_line_says_so(self, key) -> None:
        def both(name: str, value: str, key):
            leaves = {"TOKEN": variable("TOKEN", value), "PLACE": variable("PLACE", value)}
            return asks(name, env=leaves, key=key)

        world = World(
            [both("a", "new", key), both("b", "new", key)], [pushed(both(name, "old", KEY)) for name in ("a", "b")]
        )
        plan = world.plan(PlanOptions(key=key))
        assert rows(plan) == []
        (notice,) = plan.notices
        assert notice.name is None
        assert notice.text.startswith("2 specs were recorded under a key that is not this one")
        assert plan.refresh == ()

    def test_without_the_key_rerun_on_secrets_needs_a_person(self) -> None:
        old, new = (
            asks("dub", env={"TOKEN": variable("TOKEN", "a")}, rerun_on=frozenset({"secrets"}), key=key)
            for key in (KEY, OTHER_KEY)
        )
        plan = World([new], [pushed(old)]).plan(PlanOptions(key=OTHER_KEY))
        assert rows(plan) == [("dub", RESOLVE, Reason.SECRET_ROTATED)]

    def test_an_unset_secret_is_not_a_rotated_one(self) -> None:
        old = asks("dub", env={"TOKEN": variable("TOKEN", "a")}, rerun_on=frozenset({"secrets"}))
        new = asks(
            "dub", env={"TOKEN": variable("TOKEN", "${TOKEN}")}, missing=("TOKEN",), rerun_on=frozenset({"secrets"})
        )
        plan = World([new], [pushed(old)]).plan()
        assert rows(plan) == []
        assert [notice.reason for notice in plan.notices] == [None]
        assert "cannot be told" in plan.notices[0].text

    def test_an_env_value_that_is_not_secret_is_a_change(self) -> None:
        old, new = (asks("dub", env={"PLACE": variable("PLACE", value)}) for value in ("here", "there"))
        change = only(World([new], [pushed(old)]).plan())
        assert (change.action, change.reason) == (PUSH, Reason.ENV_CHANGED)
        assert change.diff == (FieldDiff("env.PLACE", None, None, masked=True),)

    def test_changed_webhooks_are_a_notice(self) -> None:
        old, new = asks("dub", hook="https://a.example"), asks("dub", hook="https://b.example")
        plan = World([new], [pushed(old)]).plan()
        assert rows(plan) == []
        assert [notice.reason for notice in plan.notices] == [Reason.WEBHOOKS_CHANGED]

    def test_changed_webhooks_are_a_change_for_who_wants_it(self) -> None:
        old, new = (asks("dub", hook=f"https://{host}", rerun_on=frozenset({"webhooks"})) for host in ("a", "b"))
        assert rows(World([new], [pushed(old)]).plan()) == [("dub", PUSH, Reason.WEBHOOKS_CHANGED)]

    @pytest.mark.parametrize("secret_then", [True, False], ids=["secret then", "secret now"])
    def test_what_counts_as_secret_is_no_change_of_the_spec(self, secret_then: bool) -> None:
        old, new = (
            asks("dub", secret_inputs={"url": variable("HOST", "far", before="https://")}, secret=("HOST",) * flag)
            for flag in (secret_then, not secret_then)
        )
        assert old.digest != new.digest
        plan = World([new], [pushed(old)]).plan()
        assert rows(plan) == []
        assert [entry.digest for entry in plan.refresh] == [new.digest]

    def test_what_counts_as_secret_does_not_touch_webhooks(self) -> None:
        old, new = (
            asks("dub", env={"A": variable("HOST", "x")}, hook=f"https://{hook}", secret=secret)
            for hook, secret in (("a", ()), ("b", ("HOST",)))
        )
        assert World([new], [pushed(old)]).plan().notices == ()


class TestSuperseded:
    def test_the_old_job_is_named_when_a_spec_changes_while_it_runs(self) -> None:
        plan = World([WIDE], [pushed(DUB, Status.PROCESSING, "old-job")]).plan()
        assert rows(plan) == [("dub", PUSH, Reason.INPUTS_CHANGED)]
        assert "old-job" in plan.notices[0].text

    def test_a_bad_end_is_told_and_handed_on_until_it_is_reported(self) -> None:
        plan = World([DUB], [pushed(DUB, Status.ERROR)]).plan()
        assert [entry.reported for entry in plan.failed.values()] == [False]
        assert plan.notices[0].hint == "to run it again: sieve-jobs rerun dub -t prod"

    def test_a_running_job_is_handed_on_to_be_followed(self) -> None:
        plan = World([DUB], [pushed(DUB, Status.PROCESSING)]).plan()
        assert list(plan.running) == ["dub"]
        assert plan.summary.unchanged == 1


def test_a_name_that_a_shell_would_read_is_quoted_in_the_command() -> None:
    odd = asks("dub[lang=es]")
    notice = World([odd], [pushed(odd, Status.ERROR)]).plan().notices[0]
    assert notice.hint == "to run it again: sieve-jobs rerun 'dub[lang=es]' -t prod"


def test_a_doubt_goes_before_a_rerun() -> None:
    world = World([DUB], [pushed(DUB)], intents=[doubt(replace(DUB))])
    assert rows(world.plan(PlanOptions(rerun=frozenset({"dub"})))) == [("dub", RESOLVE, Reason.IN_DOUBT)]
