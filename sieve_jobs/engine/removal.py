"""Taking ended jobs, and what nothing belongs to any more, out of the database: questions and changes.

A job's row goes first, and with it all that is shown of it; its outputs and lines follow, and are found by whoever
looks again should the engine be killed between. Each change works for a few milliseconds and says how far it got:
pushes wait for the one writer there is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from sieve_jobs.engine.retention import Ended, ids_in, spared

T = TypeVar("T")
Change: TypeAlias = Callable[[sqlite3.Connection, Sequence[T], Callable[[], bool]], int]
"""Deals with the first of what it is given while there is time, one at least; with how many."""

PAGE = 20_000
"""Rows that are looked for at once."""
_ROWS = 500
"""Of one job's outputs or lines, in one step."""

# What is put into the questions below is the text here, never a value (S608).
_OPEN = "status IN ('queued', 'processing')"
_NEWS_UNTIL = "max(due, coalesce(json_extract(tried, '$[#-1][0]'), 0))"
"""When an event was last tried, or was to be: an engine that was off may have tried it long after it was due."""
_OLD_NEWS = f"state != 'pending' AND {_NEWS_UNTIL} < ?"
_FORGETTABLE = f"{_OLD_NEWS} AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = outbox.job_id AND {_OPEN})"  # noqa: S608
"""An open job that is run again must not tell again what it has told."""
PARTS = {"outputs": "place", "logs": "at"}
"""Tables of what belongs to jobs, and what tells the rows of one job apart."""


@dataclass(frozen=True, slots=True)
class Needed:
    """The ids that open jobs name, as far as jobs were looked at: up to the one numbered *seq*."""

    seq: int = 0
    ids: frozenset[str] = frozenset()


def needed(known: Needed, db: sqlite3.Connection) -> Needed:
    """*known*, and what the open jobs name that came since: in their inputs, their env, and as their parent."""
    (latest,) = db.execute("SELECT coalesce(max(seq), 0) FROM jobs").fetchone()
    rows = db.execute(
        f"SELECT inputs, coalesce(env, ''), coalesce(parent, '') FROM jobs WHERE {_OPEN} AND seq > ?",  # noqa: S608
        (known.seq,),
    )
    named = {found for row in rows for text in row for found in ids_in(text)}
    return Needed(latest, known.ids | named if named else known.ids)


def ended_jobs(after: int, before: str, before_news: float, db: sqlite3.Connection) -> list[Ended]:
    """A page of the jobs numbered above *after* that ended before *before* (wire time) and about which all is told.

    The newest job is none of them: the next one is numbered from it.
    """
    parent = "(SELECT above.id FROM jobs AS above WHERE above.id = jobs.parent)"
    child = f"EXISTS (SELECT 1 FROM jobs AS child WHERE child.parent = jobs.id AND child.{_OPEN})"  # noqa: S608
    told = f"id NOT IN (SELECT job_id FROM outbox WHERE NOT ({_OLD_NEWS}))"  # noqa: S608
    rows = db.execute(
        f"SELECT seq, id, {parent}, {child} FROM jobs WHERE seq > ? AND seq < (SELECT max(seq) FROM jobs)"  # noqa: S608
        f" AND NOT {_OPEN} AND completed_at < ? AND {told} ORDER BY seq LIMIT ?",
        (after, before, before_news, PAGE),
    )
    return [Ended(row[0], row[1], row[2], bool(row[3])) for row in rows]


def drop_jobs(
    db: sqlite3.Connection, jobs: Sequence[Ended], known: Needed, within: Callable[[], bool]
) -> tuple[int, int, Needed]:
    """Removes *jobs* while *within* says so: how many were dealt with, how many went, what is needed by now."""
    known = needed(known, db)
    kept = spared(jobs, known.ids)
    done = went = 0
    for job in jobs:
        if job.id not in kept:
            db.execute("DELETE FROM jobs WHERE seq = ? AND id = ?", (job.seq, job.id))
            went += 1
        done += 1
        if not within():
            break
    return done, went, Needed(known.seq, known.ids | kept) if kept else known


def orphaned(part: str, db: sqlite3.Connection) -> list[str]:
    """Ids under which *part*, `outputs` or `logs`, has rows although no such job is there."""
    rows = db.execute(
        f"WITH RECURSIVE ids (id) AS (SELECT min(job_id) FROM {part} UNION ALL"  # noqa: S608
        f" SELECT (SELECT min(job_id) FROM {part} WHERE job_id > ids.id) FROM ids WHERE ids.id IS NOT NULL)"
        " SELECT id FROM ids WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM jobs)"
    )
    return [row[0] for row in rows]


def drop_parts(part: str, db: sqlite3.Connection, job_ids: Sequence[str], within: Callable[[], bool]) -> int:
    """Removes the rows of *part* of jobs that are gone, some at a time; how many of *job_ids* have none left."""
    place = PARTS[part]
    step = (
        f"DELETE FROM {part} WHERE job_id = ? AND {place} IN"  # noqa: S608
        f" (SELECT {place} FROM {part} WHERE job_id = ? ORDER BY {place} LIMIT {_ROWS})"
    )
    done = 0
    while done < len(job_ids):
        if db.execute(step, (job_ids[done], job_ids[done])).rowcount < _ROWS:
            done += 1
        if not within():
            break
    return done


def old_events(db: sqlite3.Connection, before: float) -> list[int]:
    """Webhook events of ended jobs, delivered or given up before *before*, a Unix time; a page of them."""
    rows = db.execute(f"SELECT id FROM outbox WHERE {_FORGETTABLE} LIMIT ?", (before, PAGE))  # noqa: S608
    return [row[0] for row in rows]


def without_job(db: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """Those of *ids* that no job has."""
    rows = db.execute(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM jobs)", (json.dumps(ids),)
    )  # fmt: skip
    return [row[0] for row in rows]


def count_jobs(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM jobs").fetchone()[0])


def count_old_events(db: sqlite3.Connection, before: float) -> int:
    return int(db.execute(f"SELECT count(*) FROM outbox WHERE {_FORGETTABLE}", (before,)).fetchone()[0])  # noqa: S608


def drop_event(db: sqlite3.Connection, event: int, before: float) -> None:
    """Removes an event, unless it was replayed meanwhile."""
    db.execute(f"DELETE FROM outbox WHERE id = ? AND {_FORGETTABLE}", (event, before))  # noqa: S608


def old_versions(db: sqlite3.Connection, before: str, gone: Iterable[str] = ()) -> list[str]:
    """Versions first seen before *before* (wire time) that no job is of and for which nobody set replicas.

    Jobs that are *gone*, by their ids, do not count though they are there.
    """
    rows = db.execute(
        "SELECT id FROM seen_versions WHERE seen_at < ? AND id NOT IN (SELECT version_id FROM version_replicas)"
        " AND id NOT IN (SELECT function_id FROM jobs WHERE id NOT IN (SELECT value FROM json_each(?)))",
        (before, json.dumps(list(gone))),
    )
    return [row[0] for row in rows]


def drop_version(db: sqlite3.Connection, version_id: str) -> None:
    """Forgets a version. No job comes to be of one that is not in the catalog."""
    for table, column in (("seen_versions", "id"), ("versions", "id"), ("build_logs", "version_id")):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (version_id,))  # noqa: S608


def old_keys(db: sqlite3.Connection, before: float) -> list[str]:
    """Idempotency keys that were first used before *before*, a Unix time."""
    return [row[0] for row in db.execute("SELECT key FROM pushes WHERE at < ?", (before,))]


def drop_key(db: sqlite3.Connection, key: str, before: float) -> None:
    db.execute("DELETE FROM pushes WHERE key = ? AND at < ?", (key, before))


def drop_each(
    drop: Callable[[sqlite3.Connection, T], None],
    db: sqlite3.Connection,
    items: Sequence[T],
    within: Callable[[], bool],
) -> int:
    """Has *drop* remove *items*, one by one."""
    done = 0
    for item in items:
        drop(db, item)
        done += 1
        if not within():
            break
    return done
