"""Named secrets, as changes and questions to the database.

They lie in the engine's database, a file of mode 0600, as they are: sealing them with a key that lies beside it
would keep them from nobody who can read the one and not the other. A value that is replaced or removed is
overwritten (secure_delete), and gone from the write-ahead log when the store is idle.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sieve_jobs.wire import Json, format_time

_SHOWN_FROM = 8
"""A shorter secret is masked whole: two letters would be much of it. Source: contract section 9."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as it is shown: `masked` is all that is read of its value."""

    name: str
    masked: str
    created_at: str
    last_modified: str

    def as_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "value": self.masked,
            "created_at": self.created_at,
            "last_modified": self.last_modified,
        }


def mask(value: str) -> str:
    """What is shown of a value: its first two characters if it is long enough."""
    return f"{value[:2]}***" if len(value) >= _SHOWN_FROM else "***"


def get(db: sqlite3.Connection, name: str) -> Secret | None:
    row = db.execute("SELECT name, value, created_at, last_modified FROM secrets WHERE name = ?", (name,)).fetchone()
    return _secret(row) if row else None


def page(db: sqlite3.Connection, limit: int, offset: int) -> tuple[list[Secret], bool]:
    """Secrets by name, and whether there are more after them."""
    rows = db.execute(
        "SELECT name, value, created_at, last_modified FROM secrets ORDER BY name LIMIT ? OFFSET ?", (limit + 1, offset)
    ).fetchall()
    return [_secret(row) for row in rows[:limit]], len(rows) > limit


def put(db: sqlite3.Connection, name: str, value: str, now: datetime) -> Secret:
    """Sets a secret, new or not."""
    at = format_time(now)
    db.execute(
        "INSERT INTO secrets VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET value = excluded.value, last_modified = excluded.last_modified",
        (name, value, at, at),
    )
    found = get(db, name)
    assert found is not None  # noqa: S101 -- written above, in the same transaction
    return found


def create(db: sqlite3.Connection, name: str, value: str, now: datetime) -> Secret | None:
    """Sets a new secret; None if there is one of that name, which stays as it is."""
    return None if get(db, name) else put(db, name, value, now)


def remove(db: sqlite3.Connection, name: str) -> bool:
    """Whether there was one."""
    return db.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount > 0


def values(db: sqlite3.Connection, names: Iterable[str]) -> dict[str, str]:
    """The values of those *names* that are secrets: for the environment of a job, and nothing else."""
    rows = db.execute(
        "SELECT name, value FROM secrets WHERE name IN (SELECT value FROM json_each(?))", (json.dumps(list(names)),)
    )
    return {row[0]: row[1] for row in rows}


def _secret(row: sqlite3.Row) -> Secret:
    return Secret(row["name"], mask(row["value"]), row["created_at"], row["last_modified"])
