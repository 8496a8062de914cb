"""The engine's database: one writer thread that commits waiting changes together, and reads beside it.

A change is a function of the connection alone, and may be carried out a second time. Those of one turn of the event
loop, and those that wait while a commit is on its way to the disk, share the next one, so concurrent pushes share an
fsync; each stands or falls alone. WAL, synchronous=FULL: what `write` has returned survives a power cut.

What has happened already, such as the end of a job, cannot be refused for want of room: `insist` keeps it in memory
until the disk takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sieve_jobs.engine.commit import Change, commit, tell
from sieve_jobs.engine.report import report
from sieve_jobs.engine.schema import SCHEMA_STEPS

T = TypeVar("T")

APPLICATION_ID = 0x534A454E  # "SJEN"
_GROUP = 512
"""Changes in one commit at which no more are waited for; beyond that it takes longer than the fsync it saves."""
_BUSY = 10.0
"""Seconds to wait for a lock that another connection holds."""
_AGAIN = 0.5
"""Seconds between two tries of what the disk did not take."""
IDLE = 0.25
"""Seconds without a change after which the write-ahead log is emptied, erased secrets with it."""


class StoreError(RuntimeError):
    """The database cannot be used as it is; it was not changed."""


class Store:
    """Opens or creates the database at *path*. Belongs to one event loop; `close` from the same one."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._path = path
        self._writing = _open(path)
        try:
            _prepare(self._writing)
            self._reading = _open(path)
        except BaseException:
            self._writing.close()
            raise
        self._gathered: list[Change[object]] = []
        """Changes of this turn of the loop. The thread is woken once for all of them."""
        self.eased: Callable[[], None] = lambda: None
        """Called when the disk has taken something that it did not at first."""
        self._stuck: set[Change[object]] = set()
        self._kept: list[Change[object]] = []
        """Those of the stuck that wait to be tried again; the others are on their way."""
        self._has_given_up = False
        self._changes: queue.SimpleQueue[list[Change[object]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def meta(self, key: str) -> str:
        """A value made with the database: `organization_id`, or `signing_key` for file URLs (hex)."""
        row = self.read(lambda db: db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone())
        return str(row[0])

    def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Asks what is committed. A reader waits for no writer, so this is called on the event loop."""
        return question(self._reading)

    async def study(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Asks what may take long, such as a sum over all jobs: beside the event loop, on a connection of its own."""
        return await asyncio.to_thread(self._study, question)

    def _study(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with contextlib.closing(_open(self._path)) as database:
            return question(database)

    def write(self, change: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Commits *change*; done with what it returned when that is on the disk, or with what it raised.

        The change is carried out even if nobody waits for it any more.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._gather(Change(change, answer))
        return answer

    def insist(self, change: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Like `write`, for what has happened: a full or failing disk is asked again until it takes the change.

        Done with the disk's error only after `give_up`; with any other one at once.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._gather(Change(change, answer, insists=not self._has_given_up))
        return answer

    @property
    def stuck(self) -> int:
        """How many changes that are insisted on the disk has not taken yet, though it was asked."""
        return len(self._stuck)

    def give_up(self) -> None:
        """Insists on nothing from now on: what the disk did not take fails."""
        self._has_given_up = True
        tell(self._kept)
        self._stuck.difference_update(self._kept)
        self._kept = []

    def post(self, change: Callable[[sqlite3.Connection], object]) -> None:
        """Like `write`, for what nobody waits for, such as log lines. Order among all changes is kept."""
        self._gather(Change(change, None))

    def close(self) -> None:
        """Commits what is queued, empties the write-ahead log and closes."""
        self.give_up()
        self._hand_over()
        self._changes.put(None)
        self._thread.join()
        self._reading.close()

    def _gather(self, change: Change[T]) -> None:
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(change)  # type: ignore[arg-type]  # the list does not care what a change returns

    def _settle(self, group: list[Change[object]]) -> None:
        """Answers those who wait for *group*, but for what is to be tried again."""
        before = len(self._stuck)
        again = [change for change in group if self._is_again(change)]
        self._stuck.difference_update(group)
        self._stuck.update(again)
        if again and not self._kept:
            self._loop.call_later(_AGAIN, self._try_again)
        self._kept += again
        tell(change for change in group if change not in self._stuck)
        if again and not before:
            report(f"could not record what happened: {again[0].error}; it is kept and tried again until it is recorded")
        elif len(self._stuck) < before and not self._has_given_up:
            if not self._stuck:
                report("what could not be recorded is on the disk now")
            self.eased()

    def _is_again(self, change: Change[object]) -> bool:
        return change.insists and not self._has_given_up and isinstance(change.error, sqlite3.OperationalError)

    def _try_again(self) -> None:
        kept, self._kept = self._kept, []
        for change in kept:
            self._gather(change)

    def _hand_over(self) -> None:
        if self._gathered:
            self._changes.put(self._gathered)
            self._gathered = []

    def _run(self) -> None:
        fresh = True
        while True:
            try:
                first = self._changes.get(timeout=None if fresh else IDLE)
            except queue.Empty:
                fresh = _empty_log(self._writing)
                continue
            group, ended = self._group(first)
            if group:
                commit(self._writing, group)
                fresh = False
                self._loop.call_soon_threadsafe(self._settle, group)
            if ended:
                _empty_log(self._writing)
                self._writing.close()
                return

    def _group(self, first: list[Change[object]] | None) -> tuple[list[Change[object]], bool]:
        """*first* and whatever else is queued; and whether the end was asked for."""
        group: list[Change[object]] = []
        changes = first
        while changes is not None:
            group += changes
            if len(group) >= _GROUP or self._changes.empty():
                return group, False
            changes = self._changes.get()
        return group, True


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    database.row_factory = sqlite3.Row
    return database


def _prepare(database: sqlite3.Connection) -> None:
    """Brings the database to the newest schema; refuses one that is not ours or is newer than we are.

    The steps that are missing go in one transaction: a process killed meanwhile leaves the old database.
    """
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"the engine's database cannot be read: {error}") from error
    if tables and application != APPLICATION_ID:
        raise StoreError("the engine's database is not one of an engine")
    if version > len(SCHEMA_STEPS):
        raise StoreError(f"the engine's database has version {version}; this one knows {len(SCHEMA_STEPS)}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")
    if version < len(SCHEMA_STEPS):
        steps = "\n".join(SCHEMA_STEPS[version:])
        database.executescript(
            f"BEGIN IMMEDIATE; {steps} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {len(SCHEMA_STEPS)}; COMMIT;"
        )
    made = {"organization_id": str(uuid.uuid4()), "signing_key": secrets.token_hex(32)}
    database.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", made.items())


def _empty_log(database: sqlite3.Connection) -> bool:
    """Writes the log into the database file and cuts it to nothing; False if a reader is in the way.

    It is not waited for: a study of all jobs may take a while, and no push waits behind it.
    """
    database.execute("PRAGMA busy_timeout = 0")
    try:
        (is_busy, _, _) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:  # SQLITE_BUSY: another connection checkpoints
        return False
    finally:
        database.execute(f"PRAGMA busy_timeout = {int(_BUSY * 1000)}")
    return not is_busy
