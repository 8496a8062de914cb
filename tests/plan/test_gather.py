"""Planning against a real state file: what is recorded comes back as the same story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.gather import build
from sieve_jobs.plan.make import Known, make_plan
from sieve_jobs.plan.plan import Plan, PlanOptions
from sieve_jobs.plan.survey import survey
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.state.sqlite import SqliteStore, open_store
from sieve_jobs.state.writes import PutEntry, PutIntent, PutPast, Write
from sieve_jobs.wire import Status
from tests.plan.world import KEY, WHERE, World, asks, doubt, earlier, pushed, rows, variable


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(tmp_path / "t.db")
    yield opened
    opened.close()


def planned(store: SqliteStore, *specs: Detail, options: PlanOptions | None = None) -> Plan:
    return build(World(specs), store, store.load(), WHERE, options or PlanOptions(key=KEY))


def record(store: SqliteStore, *writes: Write) -> None:
    store.commit(writes, store.load().header.serial)


def test_what_was_recorded_is_unchanged_and_nothing_else_is_read(store: SqliteStore) -> None:
    specs = [asks("a", {"n": 1.5}), asks("b", env={"TOKEN": variable("TOKEN", "x"), "PLACE": variable("PLACE", "y")})]
    record(store, *(PutEntry(pushed(spec)) for spec in specs))
    world = World(specs)
    plan = build(world, store, store.load(), WHERE, PlanOptions(key=KEY))
    assert (rows(plan), world.read, plan.summary.unchanged) == ([], [], 2)
    found = survey(world.wanted, store.load(), PlanOptions(key=KEY))
    assert plan == make_plan(WHERE, Known(found), PlanOptions(key=KEY)), "the short way says what the long one says"


def test_a_change_is_found_field_by_field_in_what_was_recorded(store: SqliteStore) -> None:
    record(store, PutEntry(pushed(asks("a", {"n": 1.5, "deep": {"list": [1, None]}}))))
    (change,) = planned(store, asks("a", {"n": 2.5, "deep": {"list": [1, None]}})).changes
    assert [(d.path, d.before, d.after) for d in change.diff] == [("inputs.n", 1.5, 2.5)]


def test_tags_survive_so_that_env_changes_and_rotations_are_told(store: SqliteStore) -> None:
    def spec(token: str, place: str) -> Detail:
        return asks("a", env={"TOKEN": variable("TOKEN", token), "PLACE": variable("PLACE", place)})

    record(store, PutEntry(pushed(spec("one", "here"))), PutPast(earlier(spec("one", "there"), "old")))
    assert [notice.reason for notice in planned(store, spec("two", "here")).notices] == [Reason.SECRET_ROTATED]
    assert rows(planned(store, spec("one", "elsewhere"))) == [("a", Action.PUSH, Reason.ENV_CHANGED)]
    assert rows(planned(store, spec("one", "there"))) == [("a", Action.REUSE, Reason.REUSED)]


def test_history_orphans_and_doubts_survive(store: SqliteStore) -> None:
    record(
        store,
        PutEntry(pushed(asks("a", {"n": 2}))),
        PutPast(earlier(asks("a", {"n": 1}), "first")),
        PutEntry(pushed(asks("gone", {"n": 9}, protect=True), orphaned=True)),
        PutEntry(pushed(asks("runs", {"n": 8}), Status.PROCESSING)),
        PutIntent(doubt(asks("unsure", {"n": 7}))),
    )
    specs = [asks("a", {"n": 1}), asks("runs", {"n": 8}), asks("unsure", {"n": 7})]
    plan = planned(store, *specs, options=PlanOptions(key=KEY, prune="forget"))
    assert rows(plan) == [("a", Action.REUSE, Reason.REUSED), ("unsure", Action.RESOLVE, Reason.IN_DOUBT)]
    assert list(plan.running) == ["runs"]
    assert [notice.text for notice in plan.notices] == ["'gone' is protected: its entry is kept"]


def test_an_empty_state_makes_everything_new(tmp_path: Path) -> None:
    store = open_store(tmp_path / "none.db", read_only=True)
    try:
        assert rows(planned(store, asks("a"))) == [("a", Action.PUSH, Reason.NEW)]
    finally:
        store.close()


def test_refreshed_entries_make_the_next_plan_plain(store: SqliteStore) -> None:
    old, new = (
        asks("a", secret_inputs={"u": variable("HOST", "far", before="https://")}, secret=secret)
        for secret in (("HOST",), ())
    )
    record(store, PutEntry(pushed(old)))
    plan = planned(store, new)
    record(store, *(PutEntry(entry) for entry in plan.refresh))
    world = World([new])
    again = build(world, store, store.load(), WHERE, PlanOptions(key=KEY))
    assert (rows(plan), rows(again), world.read, again.refresh) == ([], [], [], ())
    assert replace(plan.refresh[0], job_id="x").digest == new.digest
