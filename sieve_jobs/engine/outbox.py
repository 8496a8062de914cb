"""Webhook events waiting to be sent, as changes and questions to the database.

An event is a reference to its job until its first attempt, which freezes what it says: every further attempt
sends the same bytes under the same id. A job that is run again tells nothing twice: its id is made of what an event
is about, and there is one of each. Events of one job to one URL are a lane and go one after the other; lanes do not
wait for each other.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection
from datetime import datetime

from sieve_jobs.engine.pairs import OBJECT
from sieve_jobs.engine.records import Delivery, Hooked, Letter
from sieve_jobs.engine.weburl import parse_web_url
from sieve_jobs.wire import Event

PENDING, DELIVERED, DEAD = STATES = ("pending", "delivered", "dead")
SHORTEST_ID = 8
"""Characters of an id that stand for the whole one, where no other begins so."""
_LANE = "state = 'pending' AND job_id = ? AND url = ?"


def add(
    db: sqlite3.Connection, job: Hooked, events: Collection[Event], now: datetime, place: int | None = None
) -> None:
    """Queues *events* for those hooks of the job that want them, in the order the hooks were given.

    One that an earlier attempt at the job has queued is left as it is, whatever became of it. Were it sent again,
    a receiver would act on it again: nothing in its body says which output it is about.
    """
    for number, (event, url, *rest) in enumerate(json.loads(job.hooks) if job.hooks else ()):
        if event not in events:
            continue
        # Behind an event that waits for its next attempt, this one waits as long: only what is due is looked at.
        (lane_due,) = db.execute(f"SELECT max(due) FROM outbox WHERE {_LANE}", (job.job_id, url)).fetchone()  # noqa: S608
        due_at = max(now.timestamp(), lane_due or 0.0)
        message_id = _message_id(job.job_id, number, event, place)
        values = (job.job_id, event, place, url, message_id, due_at, *(rest or [OBJECT]), _origin(url))
        db.execute(
            "INSERT INTO outbox (job_id, type, place, url, message_id, due, shape, origin)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) DO NOTHING",
            values,
        )


def due(db: sqlite3.Connection, now: float, limit: int, busy: Collection[str] = ()) -> list[Delivery]:
    """The first pending event of each lane, where its time has come, the longest due first; none to *busy* origins."""
    question = (
        "SELECT id, job_id, type, place, url, message_id, attempts, shape, origin, body, due FROM lane_heads"
        " WHERE due <= ? {} ORDER BY due, id LIMIT ?"
    )
    rows = [
        row for where, values in _open(db, busy) for row in db.execute(question.format(where), [now, *values, limit])
    ]
    rows.sort(key=lambda row: (row["due"], row["id"]))
    return [Delivery(row[0], row[1], Event(row[2]), *row[3:10]) for row in rows[:limit]]


def next_due(db: sqlite3.Connection, without: Collection[int], busy: Collection[str] = ()) -> float | None:
    """When the first event of any lane is due, as a Unix time; None if there is none.

    Those *without* and those to *busy* origins are left out: their end is news of its own.
    """
    question = "SELECT due FROM lane_heads WHERE id NOT IN (SELECT value FROM json_each(?)) {} ORDER BY due, id LIMIT 1"
    left_out = json.dumps(list(without))
    found = (db.execute(question.format(where), [left_out, *values]).fetchone() for where, values in _open(db, busy))
    return min((float(row[0]) for row in found if row is not None), default=None)


def count_pending(db: sqlite3.Connection) -> int:
    """How many events are to be sent, now or later."""
    return int(db.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone()[0])


def _open(db: sqlite3.Connection, busy: Collection[str]) -> list[tuple[str, list[str]]]:
    """What narrows a question about heads to origins that are not *busy*.

    One question each, so that what waits for a busy one, however much it is, is not looked at.
    """
    if not busy:
        return [("", [])]
    origins = db.execute(
        "WITH RECURSIVE known (origin) AS (SELECT min(origin) FROM outbox WHERE state = 'pending' UNION ALL"
        " SELECT (SELECT min(origin) FROM outbox WHERE state = 'pending' AND origin > known.origin) FROM known"
        " WHERE known.origin IS NOT NULL) SELECT origin FROM known WHERE origin IS NOT NULL"
    )
    return [("AND origin = ?", [origin]) for (origin,) in origins if origin not in busy]


def freeze(db: sqlite3.Connection, delivery_id: int, body: bytes) -> None:
    """Keeps what the first attempt is about to send: a further one must not say something else under its id."""
    db.execute("UPDATE outbox SET body = ? WHERE id = ?", (body, delivery_id))


def settle(db: sqlite3.Connection, delivery_id: int, *, delivered: bool, now: float, met: str) -> None:
    """Ends an event, delivered or given up, after an attempt that met *met*; what was sent is erased.

    So is the URL of a delivered one, which may hold a secret. A dead letter keeps its URL, to be replayed.
    """
    db.execute(
        "UPDATE outbox SET state = ?, url = iif(?, NULL, url), origin = iif(?, '', origin), body = NULL,"
        " attempts = attempts + 1, last = ?, tried = json_insert(tried, '$[#]', json_array(?, ?)) WHERE id = ?",
        (DELIVERED if delivered else DEAD, delivered, delivered, met, now, met, delivery_id),
    )


def postpone(db: sqlite3.Connection, delivery: Delivery, due_at: float, now: float, met: str) -> None:
    """Records a failed attempt and when the next one is made; what is behind it in its lane waits too."""
    db.execute(
        "UPDATE outbox SET attempts = attempts + 1, last = ?, tried = json_insert(tried, '$[#]', json_array(?, ?))"
        " WHERE id = ?",
        (met, now, met, delivery.id),
    )
    db.execute(f"UPDATE outbox SET due = max(due, ?) WHERE {_LANE}", (due_at, delivery.job_id, delivery.url))  # noqa: S608


def page(db: sqlite3.Connection, state: str | None, limit: int, offset: int) -> tuple[list[Letter], bool]:
    """Events newest first, of one state or of all; and whether there are more after them."""
    where, values = ("", []) if state is None else ("WHERE state = ?", [state])
    rows = db.execute(
        f"SELECT message_id, job_id, type, url, state, due, tried FROM outbox {where}"  # noqa: S608 -- our own text
        " ORDER BY id DESC LIMIT ? OFFSET ?",
        [*values, limit + 1, offset],
    ).fetchall()
    return [_letter(row) for row in rows[:limit]], len(rows) > limit


def beginning_with(db: sqlite3.Connection, text: str) -> list[str]:
    """Ids of events that begin with *text*, two at most: one that is *text* alone; none for less than SHORTEST_ID."""
    asked = "SELECT message_id FROM outbox WHERE message_id >= ? AND message_id < ? ORDER BY message_id LIMIT 2"
    found = [str(row[0]) for row in db.execute(asked, (text, text + "\U0010ffff"))]
    if text in found:
        return [text]
    return found if len(text) >= SHORTEST_ID else []


def replay(db: sqlite3.Connection, message_id: str | None, now: float) -> int:
    """Makes a dead letter pending again, or all of them (None), with all its attempts before it; how many.

    It keeps its id, and what it says is read anew.
    """
    return db.execute(
        "UPDATE outbox SET state = 'pending', attempts = 0, due = ? WHERE state = 'dead' AND url IS NOT NULL"
        " AND (? IS NULL OR message_id = ?)",
        (now, message_id, message_id),
    ).rowcount


def _message_id(job_id: str, hook: int, event: str, place: int | None) -> str:
    """Of an event: for a job of that id, which none else has, its hook number *hook*, and its output *place*."""
    about = json.dumps([job_id, hook, event, place]).encode()
    return f"msg_{hashlib.sha256(about).hexdigest()[:32]}"


def _letter(row: sqlite3.Row) -> Letter:
    return Letter(
        message_id=row["message_id"],
        job_id=row["job_id"],
        type=row["type"],
        url=row["url"],
        state=row["state"],
        due=row["due"],
        tried=tuple((at, met) for at, met in json.loads(row["tried"])),
    )


def _origin(url: str) -> str:
    try:
        return parse_web_url(url).origin
    except ValueError:  # queued by an engine that took such a URL: its attempts will say so
        return ""
