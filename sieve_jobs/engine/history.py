"""Every version of every function that this engine has seen, as changes and questions to the database.

A version is its source: when it is edited away its code is not here any more, and its record stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sieve_jobs.engine.catalog import Function, Module
from sieve_jobs.wire import format_time


@dataclass(frozen=True, slots=True)
class Times:
    """Wire times of one version's life; None is not yet."""

    seen_at: str
    built_at: str | None = None
    ready_at: str | None = None


def record(db: sqlite3.Connection, functions: Iterable[Function]) -> None:
    """Notes versions that were found; those known already stay as they are."""
    db.executemany(
        "INSERT OR IGNORE INTO seen_versions (id, owner, name, source_hash, streams, seen_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(it.id, it.owner, it.name, it.module.source_hash, it.streams, it.read_at) for it in functions],
    )


def mark_built(db: sqlite3.Connection, ids: Collection[str], now: datetime) -> list[str]:
    """Notes that what versions run on is there; which of them it was news for."""
    return _mark(db, "built_at", ids, now)


def mark_ready(db: sqlite3.Connection, version_id: str, now: datetime) -> None:
    """Notes that a worker has imported a version."""
    _mark(db, "ready_at", [version_id], now)


def _mark(db: sqlite3.Connection, column: str, ids: Collection[str], now: datetime) -> list[str]:
    question = f"UPDATE seen_versions SET {column} = ? WHERE id = ? AND {column} IS NULL"  # noqa: S608 -- our columns
    return [each for each in ids if db.execute(question, (format_time(now), each)).rowcount]


def times_of(db: sqlite3.Connection, version_id: str) -> Times | None:
    row = db.execute("SELECT seen_at, built_at, ready_at FROM seen_versions WHERE id = ?", (version_id,)).fetchone()
    return Times(*row) if row else None


def earlier(db: sqlite3.Connection, present: Function) -> list[Function]:
    """The other versions of a function, newest first. They have no files: nothing of them can be run."""
    rows = db.execute(
        "SELECT * FROM seen_versions WHERE owner = ? AND name = ? AND id != ? ORDER BY seen_at DESC, rowid DESC",
        (present.owner, present.name, present.id),
    )
    return [_function(row) for row in rows]


def with_prefix(db: sqlite3.Connection, beginning: str) -> list[str]:
    """Ids of versions that begin so; two at most, which is enough to tell that it is ambiguous."""
    rows = db.execute(
        "SELECT id FROM seen_versions WHERE substr(id, 1, ?) = ? LIMIT 2", (len(beginning), beginning.lower())
    )
    return [row[0] for row in rows]


def _function(row: sqlite3.Row) -> Function:
    return Function(
        owner=row["owner"],
        name=row["name"],
        id=row["id"],
        attribute="",
        streams=bool(row["streams"]),
        module=Module(Path(), row["source_hash"], (), ()),
        read_at=row["seen_at"],
    )
