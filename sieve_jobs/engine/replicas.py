"""How many workers a version may have and should have, as set by POST …/versions/{slug}/edit."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

LARGEST = 1024
"""No engine has more workers."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """Workers of one version. A *maximum* of 0 is no limit. Raises ValueError for what cannot be met."""

    minimum: int = 0
    maximum: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= LARGEST or not 0 <= self.maximum <= LARGEST:
            raise ValueError(f"replicas are 0 to {LARGEST}, got {self.minimum} to {self.maximum}")
        if self.maximum and self.minimum > self.maximum:
            raise ValueError(f"at least {self.minimum} and at most {self.maximum} replicas")


def replicas_of(db: sqlite3.Connection, version_id: str) -> Replicas:
    """What was set for one version, else the defaults."""
    row = db.execute("SELECT minimum, maximum FROM version_replicas WHERE version_id = ?", (version_id,)).fetchone()
    return Replicas(row[0], row[1]) if row else Replicas()


def all_replicas(db: sqlite3.Connection) -> dict[str, Replicas]:
    """What was set, by version id; a version that is not in it has the defaults."""
    rows = db.execute("SELECT version_id, minimum, maximum FROM version_replicas")
    return {row[0]: Replicas(row[1], row[2]) for row in rows}


def set_replicas(db: sqlite3.Connection, version_id: str, replicas: Replicas) -> None:
    """Replaces what was set for a version."""
    values = (version_id, replicas.minimum, replicas.maximum)
    db.execute("INSERT OR REPLACE INTO version_replicas VALUES (?, ?, ?)", values)
