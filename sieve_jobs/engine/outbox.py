"""Webhook events waiting to be sent, as changes and questions to the database.

An event is a reference to its job, not a body: what it says is read when it is sent. Events of one job to one
URL are a lane and go one after the other; lanes do not wait for each other.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Collection
from datetime import datetime

from sieve_jobs.engine.records import Delivery
from sieve_jobs.wire import Event


def add(
    db: sqlite3.Connection, job_id: str, events: Collection[Event], now: datetime, place: int | None = None
) -> None:
    """Queues *events* for those hooks of the job that want them, in the order the hooks were given."""
    row = db.execute("SELECT hooks FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None or row[0] is None:
        return
    db.executemany(
        "INSERT INTO outbox (job_id, type, place, url, message_id, due) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (job_id, event, place, url, f"msg_{uuid.uuid4().hex}", now.timestamp())
            for event, url in json.loads(row[0])
            if event in events
        ],
    )


def due(db: sqlite3.Connection, now: float, limit: int) -> list[Delivery]:
    """The first pending event of each lane, where its time has come, the longest due first."""
    rows = db.execute(
        "SELECT id, job_id, type, place, url, message_id, attempts FROM lane_heads"
        " WHERE due <= ? ORDER BY due, id LIMIT ?",
        (now, limit),
    )
    return [Delivery(row[0], row[1], Event(row[2]), *row[3:]) for row in rows]


def next_due(db: sqlite3.Connection, without: Collection[int]) -> float | None:
    """When the first event of any lane is due, those *without* left out, as a Unix time; None if there is none."""
    row = db.execute(
        "SELECT min(due) FROM lane_heads WHERE id NOT IN (SELECT value FROM json_each(?))",
        (json.dumps(list(without)),),
    ).fetchone()
    return None if row[0] is None else float(row[0])


def settle(db: sqlite3.Connection, delivery_id: int, *, delivered: bool, last: str) -> None:
    """Ends an event, delivered or given up; its URL is erased. *last* is what the last attempt met."""
    db.execute(
        "UPDATE outbox SET state = ?, url = NULL, attempts = attempts + 1, last = ? WHERE id = ?",
        ("delivered" if delivered else "dead", last, delivery_id),
    )


def postpone(db: sqlite3.Connection, delivery_id: int, due_at: float, last: str) -> None:
    """Records a failed attempt and when the next one is made."""
    db.execute("UPDATE outbox SET attempts = attempts + 1, due = ?, last = ? WHERE id = ?", (due_at, last, delivery_id))
