"""Changes of the database that go to the disk together, each standing or falling alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from sieve_jobs.engine.report import report

T = TypeVar("T")

_OF_THE_DISK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


class Change(Generic[T]):
    """One queued change, and where its outcome goes."""

    __slots__ = ("answer", "apply", "error", "insists", "result")

    def __init__(
        self, apply: Callable[[sqlite3.Connection], T], answer: asyncio.Future[T] | None, *, insists: bool = False
    ) -> None:
        self.apply = apply
        self.answer = answer
        self.insists = insists
        self.result: T | None = None
        self.error: Exception | None = None


def commit(database: sqlite3.Connection, group: list[Change[object]]) -> None:
    """Applies *group* in one transaction; a change that fails is undone alone, a commit that fails undoes all.

    Mostly none fails: only where one did is all done again with a way back before each, which costs two statements.
    Where the disk has no room for all, each is committed by itself: a large change must not keep small ones out.
    """
    try:
        database.execute("BEGIN IMMEDIATE")
        if not all(_apply(database, change) for change in group):
            _roll_back(database)
            database.execute("BEGIN IMMEDIATE")
            for change in group:
                _apply_alone(database, change)
        database.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(database)
        for change in group:
            change.error = change.error or error
        if len(group) > 1 and any(_is_of_the_disk(change.error) for change in group):
            for change in group:
                commit(database, [change])


def _roll_back(database: sqlite3.Connection) -> None:
    if database.in_transaction:  # SQLite may have done it itself where the disk is full
        database.execute("ROLLBACK")


def _is_of_the_disk(error: Exception | None) -> bool:
    return isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _OF_THE_DISK


def _apply(database: sqlite3.Connection, change: Change[object]) -> bool:
    change.error = None
    try:
        change.result = change.apply(database)
    except Exception as error:  # handed to whoever asked for the change
        change.error = error
    return change.error is None


def _apply_alone(database: sqlite3.Connection, change: Change[object]) -> None:
    database.execute("SAVEPOINT one")
    if not _apply(database, change):
        database.execute("ROLLBACK TO one")
    database.execute("RELEASE one")


def tell(group: Iterable[Change[object]]) -> None:
    """Says to whoever waits for one of *group* how it went. On the event loop."""
    for change in group:
        if change.answer is None:
            if change.error is not None:
                report(f"could not record a change: {change.error}")
        elif not change.answer.done():
            if change.error is not None:
                change.answer.set_exception(change.error)
            else:
                change.answer.set_result(change.result)
