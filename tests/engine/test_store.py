"""The engine's store: steps of a job's life, the fence around an attempt, and changes that share a commit."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sieve_jobs.engine import jobs, outbox
from sieve_jobs.engine.records import Ended, Hook, NewJob, Run
from sieve_jobs.engine.schema import SCHEMA_STEPS
from sieve_jobs.engine.store import APPLICATION_ID, IDLE, Store, StoreError
from sieve_jobs.wire import FINAL, NEXT, Event, Status
from tests.engine.farside import until

OUTPUTS_APART = 6
"""The schema from which values stand in a table of their own rows."""
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = Run("job", "job-1")


def new_job(name: str = "job", *, hooks: tuple[Hook, ...] = (), env: dict[str, str] | None = None) -> NewJob:
    return NewJob(name, f"{name}-1", "function", "me", "add", False, {}, env or {}, hooks, "api")


async def open_and_close(path: Path) -> None:
    Store(path, asyncio.get_running_loop()).close()


@pytest.fixture
def db(tmp_path: Path):
    asyncio.run(open_and_close(tmp_path / "engine.db"))
    database = sqlite3.connect(tmp_path / "engine.db")
    database.row_factory = sqlite3.Row
    yield database
    database.close()


STEPS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "claim": lambda db: jobs.claim(db, "job", "function", NOW),
    "output": lambda db: jobs.record(db, RUN, {0: {"data": 1}}, None, NOW),
    "finish": lambda db: jobs.finish(db, RUN, Ended(0, ""), NOW),
    "fail": lambda db: jobs.finish(db, RUN, Ended(0, "broken"), NOW),
    "fail-queued": lambda db: jobs.fail_queued(db, "job", "gone", NOW),
    "requeue": lambda db: jobs.requeue(db, RUN, "job-2", ("error", "died"), NOW),
    "cancel": lambda db: jobs.cancel(db, "job", NOW),
}


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("step", list(STEPS))
def test_every_step_from_every_status_is_one_of_the_lifecycle(db: sqlite3.Connection, status: Status, step: str):
    jobs.create(db, new_job(), NOW)
    db.execute("UPDATE jobs SET status = ?", (status,))
    before = jobs.get(db, "job")
    STEPS[step](db)
    after = jobs.get(db, "job")
    assert before is not None
    assert after is not None
    assert after.status == status or Status(after.status) in NEXT[status]
    if status in FINAL:
        assert after == before


def test_steps_that_lead_somewhere_do(db: sqlite3.Connection):
    jobs.create(db, new_job(), NOW)
    seen = []
    for step in ("claim", "output", "requeue", "claim"):
        STEPS[step](db)
        seen.append(jobs.status_of(db, "job"))
    assert seen == [Status.PROCESSING, Status.PROCESSING, Status.QUEUED, Status.PROCESSING]


def test_an_attempt_that_is_over_changes_nothing(db: sqlite3.Connection):
    jobs.create(db, new_job(), NOW)
    jobs.claim(db, "job", "function", NOW)
    jobs.record(db, RUN, {0: {"data": "first"}}, None, NOW)
    jobs.record(db, RUN, {1: {"data": "second"}}, None, NOW)
    jobs.requeue(db, RUN, "job-2", ("error", "died"), NOW)
    jobs.claim(db, "job", "function", NOW + timedelta(seconds=1))
    assert jobs.record(db, RUN, {0: {"data": "late"}}, None, NOW) is False
    assert jobs.finish(db, RUN, Ended(1, ""), NOW) is False
    second = Run("job", "job-2")
    assert jobs.record(db, second, {0: {"data": "again"}}, None, NOW)
    assert jobs.finish(db, second, Ended(1, ""), NOW)
    row = jobs.get(db, "job")
    assert row is not None
    assert [output["data"] for output in row.outputs] == ["again"]
    assert row.started_at == "2026-01-02T03:04:05.000000"


def test_the_end_of_a_job_erases_its_env_and_leaves_its_events_in_order(db: sqlite3.Connection):
    hooks = (Hook(Event.COMPLETE, "http://a/"), Hook(Event.START, "http://a/"), Hook(Event.COMPLETE, "http://b/"))
    jobs.create(db, new_job(hooks=hooks, env={"A": "secret"}), NOW)
    jobs.claim(db, "job", "function", NOW)
    jobs.finish(db, RUN, Ended(0, ""), NOW)
    assert tuple(db.execute("SELECT env, hooks FROM jobs").fetchone()) == (None, None)
    due = outbox.due(db, NOW.timestamp(), 10)
    assert [(it.type, it.url) for it in due] == [(Event.START, "http://a/"), (Event.COMPLETE, "http://b/")]
    now, later = NOW.timestamp(), NOW.timestamp() + 5
    assert [it.origin for it in outbox.due(db, now, 10, ["http://a:80"])] == ["http://b:80"]
    outbox.freeze(db, due[0].id, b"{}")
    outbox.postpone(db, due[0], later, now, "answered 500")
    outbox.settle(db, due[1].id, delivered=True, now=now, met="answered 200")
    assert outbox.due(db, now, 10) == []
    assert outbox.next_due(db, []) == later
    assert outbox.next_due(db, [due[0].id]) is None
    (again,) = outbox.due(db, later, 10)
    assert (again.body, again.message_id, again.attempts) == (b"{}", due[0].message_id, 1)
    outbox.settle(db, due[0].id, delivered=False, now=later, met="answered 500")
    assert [(it.type, it.url) for it in outbox.due(db, later, 10)] == [(Event.COMPLETE, "http://a/")]
    dead, _ = outbox.page(db, outbox.DEAD, 10, 0)
    assert [(it.url, it.tried) for it in dead] == [("http://a/", ((now, "answered 500"), (later, "answered 500")))]
    assert outbox.replay(db, "msg_unknown", later) == 0
    assert [outbox.replay(db, due[0].message_id, later) for _ in range(2)] == [1, 0]
    replayed = outbox.due(db, later, 10)[0]
    assert (replayed.message_id, replayed.attempts, replayed.body) == (due[0].message_id, 0, None)


def test_an_output_is_told_once_whatever_a_later_attempt_makes_of_it(db: sqlite3.Connection):
    hooks = (Hook(Event.NEW_OUTPUT, "http://a/"), Hook(Event.NEW_OUTPUT, "http://a/"), Hook(Event.START, "http://b/"))
    jobs.create(db, new_job(hooks=hooks), NOW)
    runs = [RUN, Run("job", "job-2"), Run("job", "job-3")]
    seen = []
    for run, following in zip(runs, [*runs[1:], None], strict=True):
        jobs.claim(db, "job", "function", NOW)
        for place in range(2):
            jobs.record(db, run, {place: {"data": f"{place} of {run.run_id}"}}, None, NOW)
        while due := outbox.due(db, NOW.timestamp(), 10):
            seen += [(it.url, it.place, it.message_id) for it in due]
            for it in due:
                outbox.settle(db, it.id, delivered=it.place != 1, now=NOW.timestamp(), met="answered")
        if following:
            jobs.requeue(db, run, following.run_id, ("error", "died"), NOW)
    events = [("http://a/", place) for place in (0, 0, 1, 1)]
    assert sorted((url, place) for url, place, _ in seen if place is not None) == events
    assert [url for url, place, _ in seen if place is None] == ["http://b/"]
    assert len({message_id for _, _, message_id in seen}) == 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("msg_00aa", ["msg_00aa1"], id="how one begins"),
        pytest.param("msg_00aa1", ["msg_00aa1"], id="all of it"),
        pytest.param("msg_00bb", ["msg_00bb1", "msg_00bb12"], id="how two begin"),
        pytest.param("msg_00bb1", ["msg_00bb1"], id="all of one and how another begins"),
        pytest.param("msg_00a", [], id="too little"),
        pytest.param("msg_00cc", [], id="none"),
        pytest.param("%%%%%%%%", [], id="no pattern"),
    ],
)
def test_an_event_is_named_by_how_its_id_begins(db: sqlite3.Connection, text: str, found: list[str]):
    jobs.create(db, new_job(), NOW)
    for each in ("msg_00aa1", "msg_00bb1", "msg_00bb12"):
        db.execute("INSERT INTO outbox (job_id, type, message_id, due) VALUES ('job', 'job.start', ?, 0)", (each,))
    assert outbox.beginning_with(db, text) == found
    asked = "EXPLAIN QUERY PLAN SELECT message_id FROM outbox WHERE message_id >= 'a' AND message_id < 'b'"
    assert "SEARCH" in db.execute(asked).fetchone()["detail"]


def test_events_to_be_sent_are_found_without_a_look_at_those_that_wait(db: sqlite3.Connection):
    plan = db.execute("EXPLAIN QUERY PLAN SELECT id FROM lane_heads WHERE due <= 1 ORDER BY due, id LIMIT 1").fetchall()
    assert "outbox_due" in plan[0]["detail"]
    assert not any("TEMP B-TREE" in row["detail"] for row in plan)


def test_changes_that_share_a_commit_stand_or_fall_alone(tmp_path: Path):
    async def write_together() -> list[object]:
        store = Store(tmp_path / "engine.db", asyncio.get_running_loop())
        try:
            names = [*(f"job-{number}" for number in range(50)), "job-7"]
            changes = [store.write(lambda db, name=name: jobs.create(db, new_job(name), NOW)) for name in names]
            return await asyncio.gather(*changes, return_exceptions=True)
        finally:
            store.close()

    *made, twice = asyncio.run(write_together())
    assert sorted(made) == list(range(1, 51))  # type: ignore[type-var]
    assert isinstance(twice, sqlite3.IntegrityError)


def test_no_change_waits_behind_a_long_question(tmp_path: Path):
    written = threading.Event()

    def look_for_long(db: sqlite3.Connection) -> bool:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM jobs").fetchone()
        return written.wait(5)

    async def write_meanwhile() -> bool:
        store = Store(tmp_path / "engine.db", asyncio.get_running_loop())
        try:
            await store.write(lambda db: jobs.create(db, new_job("first"), NOW))
            studying = asyncio.create_task(store.study(look_for_long))
            await asyncio.sleep(2 * IDLE)  # the store is idle and empties its log, which the reader hinders
            await store.write(lambda db: jobs.create(db, new_job("second"), NOW))
            written.set()
            return await studying
        finally:
            store.close()

    assert asyncio.run(write_meanwhile())


def test_what_is_insisted_on_waits_for_room_and_keeps_nothing_else_out(tmp_path: Path):
    """`max_page_count` makes SQLite say what it says of a full disk."""

    def room(db: sqlite3.Connection, pages: int) -> None:
        db.execute(f"PRAGMA max_page_count = {pages}")

    async def check() -> None:
        store = Store(tmp_path / "engine.db", asyncio.get_running_loop())
        eased = asyncio.Event()
        store.eased = eased.set
        try:
            pages = await store.write(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
            await store.write(lambda db: room(db, pages + 20))
            large = {"text": "x" * 1_000_000}
            kept = store.insist(lambda db: jobs.create(db, replace(new_job("large"), inputs=large), NOW))
            refused = store.write(lambda db: jobs.create(db, replace(new_job("too"), inputs=large), NOW))
            assert await store.write(lambda db: jobs.create(db, new_job("small"), NOW)) == 1
            with pytest.raises(sqlite3.OperationalError, match="full"):
                await refused
            assert (store.stuck, kept.done()) == (1, False)
            await store.write(lambda db: room(db, 100_000))
            assert await kept == 2
            await eased.wait()
            assert store.stuck == 0
            await store.write(lambda db: room(db, 1))
            lost = store.insist(lambda db: jobs.create(db, replace(new_job("lost"), inputs=large), NOW))
            await store.write(lambda _: None)
            assert (store.stuck, lost.done()) == (1, False)
            store.give_up()
            with pytest.raises(sqlite3.OperationalError, match="full"):
                await lost
        finally:
            store.close()

    asyncio.run(check())


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        pytest.param("application_id = 7", "not one of an engine", id="foreign"),
        pytest.param("user_version = 99", "has version 99", id="newer"),
    ],
)
def test_a_database_of_another_kind_is_refused(tmp_path: Path, db: sqlite3.Connection, pragma: str, message: str):
    db.execute(f"PRAGMA {pragma}")
    with pytest.raises(StoreError, match=message):
        asyncio.run(open_and_close(tmp_path / "engine.db"))


@pytest.mark.parametrize("version", range(1, len(SCHEMA_STEPS) + 1))
def test_a_database_of_an_earlier_schema_becomes_like_a_new_one(tmp_path: Path, db: sqlite3.Connection, version: int):
    earlier = sqlite3.connect(tmp_path / "earlier.db")
    earlier.executescript("\n".join(SCHEMA_STEPS[:version]))
    earlier.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}")
    earlier.execute("INSERT INTO meta VALUES ('organization_id', 'as it was')")
    if version < OUTPUTS_APART:
        earlier.execute("INSERT INTO outputs VALUES ('a', 1, 'run', '[1]'), ('a', 0, 'run', '\"0\"')")
    earlier.commit()
    asyncio.run(open_and_close(tmp_path / "earlier.db"))
    shape = "SELECT type, name FROM sqlite_schema ORDER BY type, name"
    assert earlier.execute(shape).fetchall() == [tuple(row) for row in db.execute(shape)]
    assert earlier.execute("SELECT value FROM meta WHERE key = 'organization_id'").fetchone() == ("as it was",)
    kept = earlier.execute("SELECT place, run_id, size, value FROM outputs ORDER BY place").fetchall()
    assert kept == ([(0, "run", 3, '"0"'), (1, "run", 3, "[1]")] if version < OUTPUTS_APART else [])
    earlier.close()


def test_a_database_whose_engine_is_killed_while_it_is_brought_along_loses_nothing(tmp_path: Path):
    path = tmp_path / "engine.db"
    with contextlib.closing(sqlite3.connect(path)) as earlier:
        earlier.executescript("\n".join(SCHEMA_STEPS[: OUTPUTS_APART - 1]))
        earlier.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {OUTPUTS_APART - 1}")
        text = json.dumps("x" * 1_000_000)
        earlier.executemany("INSERT INTO outputs VALUES ('a', ?, 'run', ?)", [(place, text) for place in range(30)])
        earlier.commit()
    script = (
        "import asyncio, pathlib, sys; from sieve_jobs.engine.store import Store\n"
        "async def main(): Store(pathlib.Path(sys.argv[1]), asyncio.get_running_loop())\n"
        "asyncio.run(main())"
    )
    engine = subprocess.Popen([sys.executable, "-c", script, str(path)])
    log = tmp_path / "engine.db-wal"
    until(lambda: (log.exists() and log.stat().st_size > 1_000_000) or engine.poll() is not None)
    engine.kill()
    engine.wait()
    asyncio.run(open_and_close(path))
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT place, size, value = ? FROM outputs ORDER BY place", (text,)).fetchall()
    assert rows == [(place, len(text), 1) for place in range(30)]


def test_values_are_not_where_an_output_is_looked_for(db: sqlite3.Connection):
    """A large value in what is searched would be read whole by every search that comes past it."""
    asked = "SELECT sum(size) FROM outputs WHERE job_id = 'a' AND place < 5"
    (step,) = db.execute(f"EXPLAIN QUERY PLAN {asked}").fetchall()
    assert "USING INDEX outputs_by_place (job_id=? AND place<?)" in step["detail"]
    columns = [row["name"] for row in db.execute("PRAGMA index_xinfo(outputs_by_place)")]
    assert columns == ["job_id", "place", None]


def test_a_page_of_large_jobs_ends_early_and_the_next_one_goes_on(db: sqlite3.Connection):
    third = "x" * (jobs.PAGE_ROOM // 3)
    sizes = {"a": 1, "b": 4, "c": 2, "d": 0, "e": 2}
    for name, outputs in sizes.items():
        jobs.create(db, new_job(name), NOW)
        jobs.claim(db, name, "function", NOW)
        values = {place: {"data": third} for place in range(outputs)}
        jobs.record(db, Run(name, f"{name}-1"), values, Ended(outputs, ""), NOW)
    pages, offset, more = [], 0, True
    while more:
        rows, more = jobs.page(db, None, 500, offset)
        pages.append("".join(row.id for row in rows))
        assert [len(row.outputs) for row in rows] == [sizes[row.id] for row in rows]
        offset += len(rows)
    assert pages == ["ed", "c", "b", "a"]
    assert [[row.id for row in jobs.page(db, None, 2, start)[0]] for start in (0, 3)] == [["e", "d"], ["b"]]
