"""Bringing a state from an older schema version to this one: a table of steps, one transaction, a backup first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sieve_jobs.state.problems import newer, too_old
from sieve_jobs.state.schema import Schema


def schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_version(connection: sqlite3.Connection, path: Path, schema: Schema) -> bool:
    """Whether the state needs migrating. Raises StateError if it is newer than *schema*, or no step leads there."""
    found = schema_version(connection)
    if found > schema.version:
        raise newer(path, found, schema.version, _tool(connection))
    if found < 1 or any(version not in schema.steps for version in range(found, schema.version)):
        raise too_old(path, found, schema.version)
    return found < schema.version


def migrate(connection: sqlite3.Connection, path: Path, schema: Schema, backup: Callable[[], object]) -> None:
    """Runs the steps that are missing, after *backup*, in one transaction: all of them hold, or none.

    Another process may have done it while this one waited: then nothing is done. Raises what a step or SQLite raises.
    """
    backup()
    connection.execute("BEGIN IMMEDIATE")
    try:
        if check_version(connection, path, schema):
            for version in range(schema_version(connection), schema.version):
                schema.steps[version](connection)
            connection.execute(f"PRAGMA user_version = {schema.version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _tool(connection: sqlite3.Connection) -> str:
    """The version of sieve-jobs that wrote last; every schema keeps this column where it is."""
    try:
        found = connection.execute("SELECT tool FROM header").fetchone()
    except sqlite3.Error:
        return ""
    return found[0] if found is not None and isinstance(found[0], str) else ""
