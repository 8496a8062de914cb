"""Figures about jobs: seconds used, chunks of concurrency, workers and limits. Rows and values, no engine."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sieve_jobs.engine import edits, jobs, logbook, metrics, replicas, usage, vault
from sieve_jobs.engine.catalog import Function, Module
from sieve_jobs.engine.census import Open, Place, Stage, concurrency, worker_counts
from sieve_jobs.engine.records import Ended, Hook, NewJob, Run
from sieve_jobs.engine.replicas import Replicas
from sieve_jobs.engine.store import Store
from sieve_jobs.engine.usage import Timed, Version
from sieve_jobs.wire import Event, Status

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ADD, GROW = Version("me", "add", "version-add"), Version("me", "grow", "version-grow")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def open_and_close(path: Path) -> None:
    Store(path, asyncio.get_running_loop()).close()


@pytest.fixture
def db(tmp_path: Path):
    asyncio.run(open_and_close(tmp_path / "engine.db"))
    with closing(sqlite3.connect(tmp_path / "engine.db")) as database:
        database.row_factory = sqlite3.Row
        yield database


def ran(db: sqlite3.Connection, job_id: str, version: Version, created: float, started: float, ended: float | None):  # noqa: PLR0917 -- a row of a table
    """A job of *version*; with *ended* None it runs still."""
    new = NewJob(job_id, f"{job_id}-1", version.id, version.owner, version.name, False, {}, {}, (), "api")
    jobs.create(db, new, after(created))
    jobs.claim(db, job_id, version.id, after(started))
    if ended is not None:
        jobs.finish(db, Run(job_id, f"{job_id}-1"), Ended(0, ""), after(ended))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(-100, 1000, {ADD: 12.5, GROW: 50}, id="all"),
        pytest.param(5, 1000, {ADD: 7.5, GROW: 50}, id="began-before"),
        pytest.param(-100, 60, {ADD: 12.5, GROW: 10}, id="ends-while-one-runs"),
        pytest.param(200, 1000, {}, id="nothing"),
    ],
)
def test_seconds_used_are_those_within_the_time_asked_for(
    db: sqlite3.Connection, start: float, end: float, expected: dict[Version, float]
):
    ran(db, "first", ADD, -5, 0, 10)
    ran(db, "second", ADD, 0, 10, 12.5)
    ran(db, "running", GROW, 0, 50, None)
    jobs.create(db, NewJob("queued", "queued-1", ADD.id, "me", "add", False, {}, {}, (), "api"), NOON)
    assert usage.seconds_used(db, after(start), after(end), now=after(100)) == expected


def test_usage_is_filed_by_machine_and_by_function():
    used = {ADD: 2.5, GROW: 4.0, Version("me", "grow", "older"): 1.0}
    machines = {ADD.id: "cpu", GROW.id: "a100-20gb", "older": "h100"}
    found = usage.by_function(used, machines.__getitem__)
    assert found["me/grow"] == {
        "total_compute_seconds": 5.0,
        "total_cost_dollars": 0.0,
        "cpu": None,
        "a100": None,
        "a100-20gb": {"compute_seconds": 4.0, "cost_dollars": 0.0},
        "v100": None,
        "l4": None,
        "t4": None,
        "other": {"compute_seconds": 1.0, "cost_dollars": 0.0},
    }
    assert set(found) == {"me/add", "me/grow"}


def test_chunks_hold_the_jobs_pushed_in_them():
    jobs_of_a_morning = [
        Timed(int(after(at).timestamp()) * 1_000_000, seconds)
        for at, seconds in ((0, 60), (1799, 120), (1800, None), (3660, 30))
    ]
    found = usage.chunks(jobs_of_a_morning, NOON, after(3720), timedelta(minutes=30))
    assert found == [
        {
            "chunk_start": "2026-01-02T12:00:00.000000",
            "chunk_end": "2026-01-02T12:30:00.000000",
            "num_jobs": 2,
            "median_processing_time_seconds": 90.0,
            "average_concurrency": 0.1,
        },
        {
            "chunk_start": "2026-01-02T12:30:00.000000",
            "chunk_end": "2026-01-02T13:00:00.000000",
            "num_jobs": 1,
            "median_processing_time_seconds": 0.0,
            "average_concurrency": 0.0,
        },
        {
            "chunk_start": "2026-01-02T13:00:00.000000",
            "chunk_end": "2026-01-02T13:02:00.000000",
            "num_jobs": 1,
            "median_processing_time_seconds": 30.0,
            "average_concurrency": 0.25,
        },
    ]


def test_jobs_for_chunks_are_narrowed_by_time_status_and_function(db: sqlite3.Connection):
    ran(db, "early", ADD, -1, 0, 1)
    ran(db, "done", ADD, 0, 1, 3)
    ran(db, "other", GROW, 1, 2, 5)
    ran(db, "running", ADD, 2, 3, None)
    ran(db, "late", ADD, 10, 11, 12)

    def seconds(status: Status | None, function: tuple[str, str] | None) -> list[float | None]:
        return [job.seconds for job in usage.timed_jobs(db, NOON, after(10), status, function)]

    assert seconds(Status.FINISHED, None) == [2.0, 3.0]
    assert seconds(Status.FINISHED, ("me", "grow")) == [3.0]
    assert seconds(None, ("me", "add")) == [2.0, None]


@pytest.mark.parametrize(
    ("its", "limits", "limited"),
    [
        pytest.param(Open(5, 2), Replicas(0, 0), 0, id="no-maximum"),
        pytest.param(Open(5, 2), Replicas(0, 2), 5, id="at-its-maximum"),
        pytest.param(Open(5, 2), Replicas(0, 4), 3, id="below-it"),
        pytest.param(Open(1, 0), Replicas(0, 4), 0, id="room-for-all"),
        pytest.param(Open(5, 3), Replicas(0, 2), 5, id="lowered-while-they-run"),
    ],
)
def test_limited_jobs_are_those_that_wait_for_their_versions_maximum(its: Open, limits: Replicas, limited: int):
    assert its.limited(limits) == limited
    figures = concurrency({"one": its, "two": Open(1, 1)}, {"one": limits}, capacity=8)
    assert figures["num_limited"] == limited
    assert figures["num_queued"] == its.queued + 1 - limited
    assert figures["num_current"] == its.queued + its.processing + 2


def test_workers_are_counted_for_the_version_they_serve():
    def function(name: str, file: str = "a.py") -> Function:
        return Function("me", name, f"id-{name}", name, False, Module(Path(file), file, (), ()), "")

    add, grow, other = function("add"), function("grow"), function("other", "b.py")
    places = [
        Place(add.module, "id-add", Stage.ACTIVE),
        Place(add.module, "id-grow", Stage.SETUP),
        Place(add.module, None, Stage.IDLE),
        Place(other.module, None, Stage.STARTING),
    ]
    of_add = worker_counts(places, 4, add, Open(3, 1), Replicas(0, 2))
    assert of_add == {"starting": 0, "setup": 0, "active": 1, "idle": 1, "awaiting_resources": 1}
    assert worker_counts(places, 5, grow, Open(3, 1), Replicas())["awaiting_resources"] == 0
    assert worker_counts(places, 4, other, Open(), Replicas())["starting"] == 1


@pytest.mark.parametrize(("minimum", "maximum"), [(-1, 0), (0, -1), (3, 2), (0, 1025), (2**70, 0)])
def test_replicas_that_cannot_be_met_are_refused(minimum: int, maximum: int):
    with pytest.raises(ValueError, match="replicas"):
        Replicas(minimum, maximum)


def test_edits_and_replicas_are_kept_and_the_rest_stays(db: sqlite3.Connection):
    hook: dict[str, object] = {"type": "job.complete", "url": "http://h/?a=1"}
    assert edits.hooks_of(db, "me", "add") == ()
    edits.add(db, "me", "add", {"title": "Sum", "webhooks": [hook]})
    assert edits.add(db, "me", "add", {"title": "Sums"}) == {"title": "Sums", "webhooks": [hook]}
    assert edits.hooks_of(db, "me", "add") == (Hook(Event.COMPLETE, "http://h/?a=1"),)
    assert edits.edit_of(db, "you", "add") == {}
    assert list(edits.all_edits(db)) == [("me", "add")]
    replicas.set_replicas(db, "v", Replicas(1, 2))
    replicas.set_replicas(db, "v", Replicas(2, 3))
    assert (replicas.replicas_of(db, "v"), replicas.replicas_of(db, "w")) == (Replicas(2, 3), Replicas())
    assert replicas.all_replicas(db) == {"v": Replicas(2, 3)}


def test_a_secret_is_shown_by_its_beginning_and_read_only_by_name(db: sqlite3.Connection):
    made = vault.create(db, "TOKEN", "sesame-open", NOON)
    assert made is not None
    assert made.as_json() == {
        "name": "TOKEN",
        "value": "se***",
        "created_at": "2026-01-02T12:00:00.000000",
        "last_modified": "2026-01-02T12:00:00.000000",
    }
    assert vault.create(db, "TOKEN", "other", NOON) is None
    assert vault.values(db, ["TOKEN", "OTHER"]) == {"TOKEN": "sesame-open"}
    changed = vault.put(db, "TOKEN", "short", after(1))
    assert (changed.masked, changed.created_at < changed.last_modified) == ("***", True)
    assert vault.remove(db, "TOKEN")
    assert not vault.remove(db, "TOKEN")


def test_lines_of_a_build_belong_to_a_version(db: sqlite3.Connection):
    logbook.add_build_lines(db, "v", [(10, "resolving"), (20, "installing")])
    found = logbook.build_lines(db, "v", 11, 30, 100)
    page = logbook.page_json(found, None, "v", "org", 11)
    labels = {"run_id": None, "job_id": None, "organization_id": "org", "function_id": "v", "stage": "build"}
    assert page["data"] == [{"logs": [{"message": "installing", "timestamp": "20"}], "labels": labels}]
    assert page["next_start_time"] == 21


def test_metrics_hold_what_was_counted_and_no_job(db: sqlite3.Connection):
    ran(db, "done", ADD, 0, 1, 2)
    hooks = (Hook(Event.COMPLETE, "http://h"),)
    jobs.create(db, NewJob("waits", "waits-1", GROW.id, "me", "grow", False, {}, {}, hooks, "api"), NOON)
    jobs.create(db, NewJob("leaves", "leaves-1", ADD.id, "me", "add", False, {}, {}, hooks, "api"), NOON)
    jobs.cancel(db, "leaves", NOON)
    latency = metrics.Latency()
    for seconds in (0.001, 0.02, 9.0):
        latency.observe(seconds)
    places = [Place(Module(Path("a.py"), "a", (), ()), None, Stage.IDLE)]
    text, media_type = metrics.page(metrics.Figures(metrics.count(db), latency, places, 4))
    lines = text.decode().splitlines()
    assert {
        'sieve_jobs_jobs{status="queued"} 1.0',
        'sieve_jobs_jobs{status="finished"} 1.0',
        'sieve_jobs_jobs{status="error"} 0.0',
        'sieve_jobs_queue_length{function="me/grow"} 1.0',
        'sieve_jobs_webhook_events{state="pending"} 1.0',
        'sieve_jobs_workers{stage="idle"} 1.0',
        "sieve_jobs_workers_limit 4.0",
        'sieve_jobs_push_seconds_bucket{le="0.001"} 1.0',
        'sieve_jobs_push_seconds_bucket{le="2.5"} 2.0',
        "sieve_jobs_push_seconds_count 3.0",
    } <= set(lines)
    assert media_type.startswith("text/plain")
    assert not any("waits" in line or "done" in line for line in lines)
