"""The tables of a SQLite state, its version numbers, and how an empty one is made."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sieve_jobs.state.steps import SAVED, outputs_are_saved

APPLICATION_ID = 0x534A5354
"""`SJST` in bytes 68 to 71 of the file: what tells a state from any other SQLite database."""

Step: TypeAlias = Callable[[sqlite3.Connection], None]
"""Brings the tables from one schema version to the next, inside the caller's transaction."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema version and the steps that lead to it: `steps[n]` leads from version n to n + 1."""

    version: int
    steps: Mapping[int, Step] = field(default_factory=dict)


SCHEMA = Schema(2, {1: outputs_are_saved})

TABLES = (
    # One row. The sums are those of rows.Sums.
    """CREATE TABLE header (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      lineage TEXT NOT NULL,
      serial INTEGER NOT NULL,
      endpoint TEXT,
      organization_id TEXT,
      written_at TEXT,
      tool TEXT NOT NULL,
      settled_sum INTEGER NOT NULL,
      open_sum INTEGER NOT NULL,
      superseded_sum INTEGER NOT NULL,
      intents_sum INTEGER NOT NULL,
      saved_sum INTEGER NOT NULL,
      checksum INTEGER NOT NULL
    )""",
    """CREATE TABLE entries (
      name TEXT NOT NULL UNIQUE,
      digest TEXT NOT NULL,
      fingerprint TEXT NOT NULL,
      parts TEXT NOT NULL,
      tags TEXT NOT NULL,
      variables TEXT NOT NULL,
      function TEXT NOT NULL,
      path TEXT NOT NULL,
      line INTEGER NOT NULL,
      reason TEXT NOT NULL,
      job_id TEXT NOT NULL UNIQUE CHECK (job_id <> ''),
      run_id TEXT NOT NULL,
      status TEXT NOT NULL,
      pushed_at TEXT NOT NULL,
      completed_at TEXT,
      error TEXT NOT NULL,
      git_commit TEXT,
      reported INTEGER NOT NULL,
      orphaned INTEGER NOT NULL,
      lost INTEGER NOT NULL,
      protect INTEGER NOT NULL,
      save TEXT NOT NULL,
      saved TEXT,
      checksum INTEGER NOT NULL,
      settled INTEGER NOT NULL
    )""",
    "CREATE INDEX entries_open ON entries (settled) WHERE settled = 0",
    # What an unchanged plan reads: name and fingerprint of the settled entries once more, packed by shard.
    """CREATE TABLE settled (
      shard INTEGER PRIMARY KEY,
      body BLOB NOT NULL,
      checksum INTEGER NOT NULL
    )""",
    # The same of the outputs that settled entries saved: path, place and name.
    SAVED,
    """CREATE TABLE past (
      job_id TEXT NOT NULL UNIQUE CHECK (job_id <> ''),
      run_id TEXT NOT NULL,
      name TEXT NOT NULL,
      digest TEXT NOT NULL,
      function TEXT NOT NULL,
      status TEXT NOT NULL,
      pushed_at TEXT NOT NULL,
      completed_at TEXT,
      error TEXT NOT NULL,
      tags TEXT NOT NULL,
      saved TEXT,
      checksum INTEGER NOT NULL
    )""",
    "CREATE INDEX past_digest ON past (digest)",
    "CREATE INDEX past_name ON past (name)",
    "CREATE INDEX past_status ON past (status)",
    """CREATE TABLE intents (
      uuid TEXT NOT NULL UNIQUE CHECK (uuid <> ''),
      name TEXT NOT NULL,
      attempt INTEGER NOT NULL,
      at TEXT NOT NULL,
      server_at TEXT,
      first_at TEXT NOT NULL,
      endpoint TEXT NOT NULL,
      organization_id TEXT,
      projection TEXT NOT NULL,
      projection_hash TEXT NOT NULL,
      draft TEXT NOT NULL,
      confirmed_job TEXT,
      checksum INTEGER NOT NULL
    )""",
)


def create_tables(connection: sqlite3.Connection, schema: Schema) -> None:
    """Makes the tables and sets the numbers of the file, inside the caller's transaction. No header row yet."""
    for statement in TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {schema.version}")
