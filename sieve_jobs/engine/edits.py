"""What was edited of a function through the API: kept in the database, and stronger than what its source declares."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from sieve_jobs.engine.records import Hook
from sieve_jobs.wire import Event, Json

Edit = dict[str, Json]
"""Edited fields of a FunctionApp by name; what is not in it is as declared."""


def edit_of(db: sqlite3.Connection, owner: str, name: str) -> Edit:
    """The edits of one function, empty if there are none."""
    row = db.execute("SELECT edit FROM function_edits WHERE owner = ? AND name = ?", (owner, name)).fetchone()
    return json.loads(row[0]) if row else {}


def all_edits(db: sqlite3.Connection) -> dict[tuple[str, str], Edit]:
    """The edits of every function that has some, by owner and name."""
    return {(row[0], row[1]): json.loads(row[2]) for row in db.execute("SELECT owner, name, edit FROM function_edits")}


def add(db: sqlite3.Connection, owner: str, name: str, changes: Mapping[str, Json]) -> Edit:
    """Puts *changes* over the edits there are; the edits then."""
    edit = {**edit_of(db, owner, name), **changes}
    if changes:
        db.execute("INSERT OR REPLACE INTO function_edits VALUES (?, ?, ?)", (owner, name, json.dumps(edit)))
    return edit


def hooks_of(db: sqlite3.Connection, owner: str, name: str) -> tuple[Hook, ...]:
    """The webhooks of a function: those of every push to it that says nothing of webhooks."""
    hooks = edit_of(db, owner, name).get("webhooks")
    return tuple(
        Hook(Event(str(hook["type"])), str(hook["url"]), str(hook["shape"]) if hook.get("shape") else None)
        for hook in (hooks if isinstance(hooks, list) else [])
        if isinstance(hook, dict)
    )
