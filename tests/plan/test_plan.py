"""What only shows over all specs: renames, orphans, pruning, narrowing, and what is read for it."""

from __future__ import annotations

import pytest

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.plan import PlanOptions, Summary
from sieve_jobs.plan.rename import pair
from sieve_jobs.wire import Status
from tests.plan.world import KEY, World, asks, doubt, earlier, only, pushed, rows, variable

MOVE, ORPHAN, PUSH, REUSE = Action.MOVE, Action.ORPHAN, Action.PUSH, Action.REUSE


class TestRenames:
    def test_a_renamed_spec_moves_and_runs_nothing(self) -> None:
        change = only(World([asks("intro")], [pushed(asks("start"))]).plan())
        assert (change.name, change.action, change.reason, change.moved_from) == (
            "intro",
            MOVE,
            Reason.RENAMED,
            "start",
        )
        assert change.entry is not None
        assert change.entry.job_id == "job-start"

    def test_a_running_job_is_followed_under_its_new_name(self) -> None:
        plan = World([asks("intro")], [pushed(asks("start"), Status.PROCESSING)]).plan()
        assert rows(plan) == [("intro", MOVE, Reason.RENAMED)]
        assert list(plan.running) == ["intro"]

    def test_a_renamed_and_edited_spec_is_new(self) -> None:
        plan = World([asks("intro", {"width": 2})], [pushed(asks("start", {"width": 1}))]).plan()
        assert rows(plan) == [("intro", PUSH, Reason.NEW), ("start", ORPHAN, Reason.REMOVED)]

    def test_a_renamed_spec_with_another_env_value_is_new(self) -> None:
        old, new = asks("a", env={"P": variable("P", "1")}), asks("b", env={"P": variable("P", "2")})
        assert rows(World([new], [pushed(old)]).plan()) == [("a", ORPHAN, Reason.REMOVED), ("b", PUSH, Reason.NEW)]

    def test_a_lost_job_moves_with_its_question(self) -> None:
        plan = World([asks("b")], [pushed(asks("a"), Status.PROCESSING, lost=True)]).plan()
        assert rows(plan) == [("b", MOVE, Reason.RENAMED)]
        assert [notice.reason for notice in plan.notices] == [Reason.LOST]

    def test_a_name_that_vanished_earlier_is_no_rename(self) -> None:
        plan = World([asks("b")], [pushed(asks("a"), orphaned=True)]).plan()
        assert rows(plan) == [("b", REUSE, Reason.REUSED)]

    def test_a_rename_survives_another_classification(self) -> None:
        old, new = (
            asks(name, secret_inputs={"u": variable("HOST", "x")}, secret=secret)
            for name, secret in (("a", ("HOST",)), ("b", ()))
        )
        assert rows(World([new], [pushed(old)]).plan()) == [("b", MOVE, Reason.RENAMED)]

    def test_a_twin_that_vanished_gives_its_job_once(self) -> None:
        plan = World([asks("b"), asks("c")], [pushed(asks("a"))]).plan()
        assert rows(plan) == [("b", MOVE, Reason.RENAMED), ("c", PUSH, Reason.NEW)]

    @pytest.mark.parametrize(
        ("gone", "new", "expected"),
        [
            pytest.param(["a/x", "a/y"], ["b/y", "b/x"], {"b/x": "a/x", "b/y": "a/y"}, id="by last component"),
            pytest.param(["a", "b"], ["c", "d"], {"c": "a", "d": "b"}, id="else by order"),
            pytest.param(["a/z", "k/x"], ["b/x", "b/q"], {"b/x": "k/x", "b/q": "a/z"}, id="component before order"),
            pytest.param(["a"], ["b", "c"], {"b": "a"}, id="more new than gone"),
            pytest.param(["a", "b"], ["c"], {"c": "a"}, id="more gone than new"),
        ],
    )
    def test_equals_are_paired(self, gone: list[str], new: list[str], expected: dict[str, str]) -> None:
        assert pair([(name, "d") for name in gone], {name: frozenset({"d"}) for name in new}) == expected

    def test_unlike_digests_are_never_paired(self) -> None:
        assert pair([("a", "1")], {"a2": frozenset({"2"})}) == {}


class TestOrphans:
    def test_a_removed_spec_is_an_orphan_and_no_change_for_exit_2(self) -> None:
        plan = World([], [pushed(asks("a"))]).plan()
        assert rows(plan) == [("a", ORPHAN, Reason.REMOVED)]
        assert not plan.pending
        assert plan.changes[0].prune is None

    def test_an_orphan_is_said_once(self) -> None:
        plan = World([], [pushed(asks("a"), orphaned=True)]).plan()
        assert rows(plan) == []
        assert plan.summary == Summary()

    def test_a_removed_spec_that_failed_is_not_said_to_have_failed(self) -> None:
        plan = World([], [pushed(asks("a"), Status.ERROR)]).plan()
        assert (rows(plan), dict(plan.failed), plan.notices) == ([("a", ORPHAN, Reason.REMOVED)], {}, ())

    @pytest.mark.parametrize(
        ("entry", "prune", "expected"),
        [
            pytest.param(pushed(asks("a")), "forget", "forget", id="finished is forgotten"),
            pytest.param(pushed(asks("a"), orphaned=True), "forget", "forget", id="and so is one said before"),
            pytest.param(pushed(asks("a"), Status.PROCESSING), "forget", None, id="running is kept"),
            pytest.param(pushed(asks("a"), Status.PROCESSING), "cancel", "cancel", id="unless it is cancelled"),
            pytest.param(pushed(asks("a"), Status.PROCESSING, lost=True), "forget", "forget", id="lost is forgotten"),
            pytest.param(pushed(asks("a", protect=True)), "cancel", None, id="protected is kept"),
        ],
    )
    def test_pruning(self, entry, prune, expected) -> None:
        plan = World([], [entry]).plan(PlanOptions(prune=prune, key=KEY))
        assert [(change.action, change.prune) for change in plan.changes] == [(ORPHAN, expected)]
        assert bool(plan.notices) == (expected is None)

    def test_a_protected_orphan_said_before_stays_silent_but_for_a_notice(self) -> None:
        plan = World([], [pushed(asks("a", protect=True), orphaned=True)]).plan(PlanOptions(prune="forget", key=KEY))
        assert rows(plan) == []
        assert [notice.text for notice in plan.notices] == ["'a' is protected: its entry is kept"]


class TestNarrowed:
    def test_says_nothing_of_other_specs(self) -> None:
        world = World([asks("a", {"w": 2}), asks("b", {"w": 2})], [pushed(asks(name, {"w": 1})) for name in "ab"])
        plan = world.plan(PlanOptions(selected=frozenset({"b"}), key=KEY))
        assert rows(plan) == [("b", PUSH, Reason.INPUTS_CHANGED)]
        assert plan.summary == Summary(push=1)

    def test_never_orphans_moves_or_prunes(self) -> None:
        world = World([asks("a"), asks("new")], [pushed(asks("a")), pushed(asks("gone", {"w": 1}))])
        plan = world.plan(PlanOptions(selected=frozenset({"a"}), prune="cancel", key=KEY))
        assert rows(plan) == []

    def test_does_not_pay_twice_for_a_rename(self) -> None:
        plan = World([asks("new")], [pushed(asks("gone"))]).plan(PlanOptions(selected=frozenset({"new"}), key=KEY))
        change = only(plan)
        assert (change.action, change.reason, change.moved_from) == (REUSE, Reason.REUSED, "gone")

    def test_leaves_doubts_of_others_alone(self) -> None:
        world = World([asks("a"), asks("b")], [pushed(asks("a"))], intents=[doubt(asks("b")), doubt(asks("gone"))])
        assert rows(world.plan(PlanOptions(selected=frozenset({"a"}), key=KEY))) == []


class TestWhatIsRead:
    def test_nothing_is_read_where_nothing_differs(self) -> None:
        details = [asks(f"s{number}") for number in range(5)]
        world = World(details, [pushed(d) for d in details[:3]] + [pushed(d, Status.QUEUED) for d in details[3:]])
        plan = world.plan()
        assert (rows(plan), world.read, plan.summary.unchanged) == ([], [], 5)

    def test_only_what_differs_is_read(self) -> None:
        details = [asks(f"s{number}") for number in range(5)]
        world = World([*details, asks("new", {"w": 1})], [pushed(detail) for detail in details])
        world.plan()
        assert world.read == ["new"]

    def test_a_plan_does_not_depend_on_the_order_of_things(self) -> None:
        specs = [asks("b"), asks("c", {"w": 2}), asks("d", {"w": 9}), asks("e", {"w": 9})]
        entries = [pushed(asks("a")), pushed(asks("c", {"w": 1})), pushed(asks("x", {"w": 8}), orphaned=True)]
        past = [earlier(asks("y", {"w": 9}), "job-y"), earlier(asks("z", {"w": 9}), "job-z")]
        first = World(specs, entries, past).plan()
        second = World(specs[::-1], entries[::-1], past[::-1]).plan()
        assert first == second
        assert rows(first) == [
            ("b", MOVE, Reason.RENAMED),
            ("c", PUSH, Reason.INPUTS_CHANGED),
            ("d", REUSE, Reason.REUSED),
            ("e", REUSE, Reason.REUSED),
        ]


def test_every_spec_is_counted_once() -> None:
    specs = [
        asks("same"),
        asks("new", {"n": 1}),
        asks("edited", {"n": 2}),
        asks("moved", {"n": 3}),
        asks("run", {"n": 4}),
    ]
    entries = [
        pushed(asks("same")),
        pushed(asks("edited", {"n": 0})),
        pushed(asks("was", {"n": 3})),
        pushed(asks("gone", {"n": 5})),
        pushed(asks("run", {"n": 4}), Status.QUEUED),
    ]
    plan = World(specs, entries, intents=[doubt(asks("unsure", {"n": 6}))]).plan()
    assert plan.summary == Summary(push=2, move=1, orphan=1, resolve=1, unchanged=2)
    assert [change.name for change in plan.changes] == ["edited", "gone", "moved", "new", "unsure"]
