"""The life of a job as changes and questions to the database. Each change is one step of `wire.NEXT`.

A `run_id` names one attempt and is the fence: whoever writes for an attempt that is over changes nothing.
Status, output and the webhook events they cause are written in one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime

from sieve_jobs.engine import outbox
from sieve_jobs.engine.children import children_of
from sieve_jobs.engine.pairs import OBJECT
from sieve_jobs.engine.records import Claimed, Ended, Hooked, JobRow, Line, NewJob, Remembered, Run, Waiting
from sieve_jobs.engine.settings import MEBIBYTE
from sieve_jobs.wire import Event, Json, Status, format_time

OPEN = (Status.QUEUED, Status.PROCESSING)
PAGE_ROOM = 16 * MEBIBYTE
"""Of a page of jobs as JSON: whoever asks for 500 jobs has to hold what comes."""
_SIZE = (
    "length(inputs) + length(error) + length(restarts)"
    " + (SELECT coalesce(sum(outputs.size), 0) FROM outputs WHERE outputs.job_id = shown_jobs.id) AS size"
)
"""What a job takes of a page, about."""


def create(db: sqlite3.Connection, job: NewJob, now: datetime) -> int:
    """Queues *job*; its sequence number."""
    hooks = json.dumps([[hook.type, hook.url, hook.shape or OBJECT] for hook in job.hooks]) if job.hooks else None
    cursor = db.execute(
        "INSERT INTO jobs (id, run_id, function_id, owner, name, pinned, status, created_at, inputs, env, hooks,"
        " source, parent, depth) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job.id,
            job.run_id,
            job.function_id,
            job.owner,
            job.name,
            job.pinned,
            Status.QUEUED,
            format_time(now),
            json.dumps(job.inputs),
            json.dumps(job.env) if job.env else None,
            hooks,
            job.source,
            job.parent,
            job.depth,
        ),
    )
    return int(cursor.lastrowid or 0)


def remember(db: sqlite3.Connection, key: str, push: Remembered, at: float) -> None:
    db.execute("INSERT INTO pushes VALUES (?, ?, ?, ?, ?)", (key, push.fingerprint, push.job_id, push.answer, at))


def recall(db: sqlite3.Connection, key: str) -> Remembered | None:
    row = db.execute("SELECT fingerprint, job_id, answer FROM pushes WHERE key = ?", (key,)).fetchone()
    return Remembered(*row) if row else None


def forget_pushes(db: sqlite3.Connection, before: float) -> None:
    db.execute("DELETE FROM pushes WHERE at < ?", (before,))


def claim(db: sqlite3.Connection, job_id: str, function_id: str, now: datetime) -> Claimed | None:
    """Starts an attempt on a queued job with the version *function_id*; None if it is not queued any more."""
    row = db.execute(
        "UPDATE jobs SET status = ?, started_at = coalesce(started_at, ?), function_id = ?"
        " WHERE id = ? AND status = ? RETURNING run_id, inputs, env, hooks",
        (Status.PROCESSING, format_time(now), function_id, job_id, Status.QUEUED),
    ).fetchone()
    if row is None:
        return None
    run_id, inputs, env, hooks = row
    outbox.add(db, Hooked(job_id, hooks), (Event.START, Event.LEGACY_START), now)
    env = json.loads(env) if env else {}
    return Claimed(Run(job_id, run_id), function_id, json.loads(inputs), env, has_hooks=hooks is not None)


def record(db: sqlite3.Connection, run: Run, outputs: Mapping[int, Json], ended: Ended | None, now: datetime) -> bool:
    """Records *outputs* of an attempt by their numbers, over those of an earlier attempt, and its end if it has come.

    False, and nothing recorded, if the attempt is over. Outputs beyond its own are an earlier one's.
    """
    found = _running(db, run)
    if found is None:
        return False
    job, restarts = found
    for place, value in outputs.items():
        text = json.dumps(value)  # ASCII: as many bytes as characters
        db.execute(
            "INSERT INTO outputs (job_id, place, run_id, size, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET run_id = excluded.run_id, size = excluded.size, value = excluded.value",
            (run.job_id, place, run.run_id, len(text), text),
        )
        outbox.add(db, job, (Event.NEW_OUTPUT,), now, place)
    if ended is None:
        return True
    if restarts:
        db.execute("DELETE FROM outputs WHERE job_id = ? AND place >= ?", (run.job_id, ended.outputs))
    _end(db, job, Status.ERROR if ended.error else Status.FINISHED, ended.error, now)
    return True


def finish(db: sqlite3.Connection, run: Run, ended: Ended, now: datetime) -> bool:
    """Ends an attempt and its job; False if the attempt was over."""
    return record(db, run, {}, ended, now)


def fail_queued(db: sqlite3.Connection, job_id: str, error: str, now: datetime) -> bool:
    """Ends a job that cannot be started; False if it is not queued."""
    row = db.execute("SELECT hooks FROM jobs WHERE id = ? AND status = ?", (job_id, Status.QUEUED)).fetchone()
    if row:
        _end(db, Hooked(job_id, row[0]), Status.ERROR, error, now)
    return row is not None


def cancel(db: sqlite3.Connection, job_id: str, now: datetime) -> bool | None:
    """Cancels an open job, outputs so far kept. False if it is at its end, None if there is no such job."""
    row = db.execute("SELECT status, hooks FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        return None
    if row[0] not in OPEN:
        return False
    _end(db, Hooked(job_id, row[1]), Status.CANCELLED, "", now)
    return True


def requeue(db: sqlite3.Connection, run: Run, following: str, why: tuple[str, str], now: datetime) -> bool:
    """Queues a running job again under the run id *following*; *why* is (type, reason) as `restarts` shows it."""
    found = _running(db, run)
    if found is None:
        return False
    entry = {"timestamp": format_time(now), "reason": why[1], "type": why[0], "run_id": run.run_id}
    db.execute(
        "UPDATE jobs SET status = ?, run_id = ?, restarts = ? WHERE id = ?",
        (Status.QUEUED, following, json.dumps([*found[1], entry]), run.job_id),
    )
    return True


def processing(db: sqlite3.Connection) -> list[Run]:
    """The run of every job that is being processed, or was when the engine was killed."""
    rows = db.execute("SELECT id, run_id FROM jobs WHERE status = ? ORDER BY seq", (Status.PROCESSING,))
    return [Run(row[0], row[1]) for row in rows]


def queued(db: sqlite3.Connection) -> list[Waiting]:
    """All queued jobs, oldest first."""
    rows = db.execute(
        "SELECT seq, id, owner, name, function_id, pinned, depth FROM jobs WHERE status = ? ORDER BY seq",
        (Status.QUEUED,),
    )
    return [Waiting(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6]) for row in rows]


def add_lines(db: sqlite3.Connection, job_id: str, lines: Iterable[Line]) -> None:
    db.executemany(
        "INSERT OR IGNORE INTO logs VALUES (?, ?, ?, ?, ?)",
        [(job_id, line.at, line.run_id, line.stage, line.message) for line in lines],
    )


def get(db: sqlite3.Connection, job_id: str) -> JobRow | None:
    row = db.execute("SELECT * FROM shown_jobs WHERE id = ?", (job_id,)).fetchone()
    return _rows(db, [row])[0] if row else None


def get_without_outputs(db: sqlite3.Connection, job_id: str) -> JobRow | None:
    """For whoever needs a job's own facts: outputs may be hundreds of megabytes."""
    row = db.execute("SELECT * FROM shown_jobs WHERE id = ?", (job_id,)).fetchone()
    return _row(row, [], {}) if row else None


def outputs_of(db: sqlite3.Connection, job_id: str) -> tuple[int, int]:
    """How many outputs a job has, and the bytes they take as JSON."""
    row = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM outputs WHERE job_id = ?", (job_id,)).fetchone()
    return row[0], row[1]


def status_of(db: sqlite3.Connection, job_id: str) -> Status | None:
    row = db.execute("SELECT status FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return Status(row[0]) if row else None


def page(
    db: sqlite3.Connection, status: Status | None, limit: int, offset: int, of: Mapping[str, str] | None = None
) -> tuple[list[JobRow], bool]:
    """Jobs newest first, and whether there are more after them. *of* names columns and the values they must have.

    Ends before *limit* where the next job would take it over PAGE_ROOM; one job is always there if there is any.
    No index serves *of*: each would cost every push. Ask for a page with `Store.study`.
    """
    wanted = {**({} if status is None else {"status": status.value}), **(of or {})}
    where = " AND ".join(f"{column} = ?" for column in wanted) or "true"
    question = f"SELECT *, {_SIZE} FROM shown_jobs WHERE {where} ORDER BY seq DESC LIMIT ? OFFSET ?"  # noqa: S608 -- our columns
    rows: list[sqlite3.Row] = []
    left, more = PAGE_ROOM, False
    for row in db.execute(question, [*wanted.values(), limit + 1, offset]):
        left -= row["size"]
        if rows and (left < 0 or len(rows) == limit):
            more = True
            break
        rows.append(row)
    return _rows(db, rows), more


def _rows(db: sqlite3.Connection, rows: list[sqlite3.Row]) -> list[JobRow]:
    outputs: dict[str, list[dict[str, Json]]] = {row["id"]: [] for row in rows}
    listed = json.dumps(list(outputs))
    found = db.execute(
        "SELECT job_id, value FROM outputs WHERE job_id IN (SELECT value FROM json_each(?)) ORDER BY job_id, place",
        (listed,),
    )
    for job_id, value in found:
        outputs[job_id].append(json.loads(value))
    children = children_of(db, listed)
    return [_row(row, outputs[row["id"]], children.get(row["id"], {})) for row in rows]


def _row(row: sqlite3.Row, outputs: list[dict[str, Json]], children: dict[str, list[Json]]) -> JobRow:
    return JobRow(
        id=row["id"],
        run_id=row["run_id"],
        function_id=row["function_id"],
        owner=row["owner"],
        name=row["name"],
        status=row["status"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        error=row["error"],
        inputs=json.loads(row["inputs"]),
        restarts=json.loads(row["restarts"]),
        outputs=tuple(outputs),
        children=children,
    )


def _running(db: sqlite3.Connection, run: Run) -> tuple[Hooked, list[Json]] | None:
    """The job and its restarts so far, if the attempt is the one that runs it."""
    row = db.execute(
        "SELECT hooks, restarts FROM jobs WHERE id = ? AND run_id = ? AND status = ?",
        (run.job_id, run.run_id, Status.PROCESSING),
    ).fetchone()
    return None if row is None else (Hooked(run.job_id, row[0]), json.loads(row[1]))


def _end(db: sqlite3.Connection, job: Hooked, status: Status, error: str, now: datetime) -> None:
    """The terminal write: status, the events it causes, and the erasure of env and hooks."""
    complete = (Event.COMPLETE, Event.COMPLETE_NO_OUTPUT, Event.LEGACY_COMPLETE)
    error = error.encode("utf-8", "backslashreplace").decode()  # SQLite takes no half of a surrogate pair
    outbox.add(db, job, complete, now)
    db.execute(
        "UPDATE jobs SET status = ?, error = ?, completed_at = ?, env = NULL, hooks = NULL WHERE id = ?",
        (status, error, format_time(now), job.job_id),
    )
