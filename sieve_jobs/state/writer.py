"""The writing side of a SQLite state: opening it only if it is sound, and one durable transaction a commit."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sieve_jobs import __version__
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import StateError
from sieve_jobs.state.backup import before_migration, daily, last_good
from sieve_jobs.state.batch import Batch
from sieve_jobs.state.folder import draft_of, place_new, require_safe_state
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.mark import Mark
from sieve_jobs.state.migrate import check_version, migrate
from sieve_jobs.state.problems import (
    FULL,
    NOT_AS_WRITTEN,
    damaged,
    from_sqlite,
    is_busy,
    is_refused_row,
    moved_on,
    no_room,
    poisoned,
    primary_code,
    read_only,
    shown,
)
from sieve_jobs.state.reader import look, refuse_gone, refuse_rolled_back, refuse_unusable, require_own_format
from sieve_jobs.state.reading import read_header
from sieve_jobs.state.reserve import Reserve
from sieve_jobs.state.rows import HeaderRow, Sums
from sieve_jobs.state.schema import Schema, create_tables
from sieve_jobs.state.soundness import require_sound
from sieve_jobs.state.writing import apply_batch, put_header

T = TypeVar("T")

_BUSY_SECONDS = 5.0
"""How long a commit waits for another's: each takes milliseconds, so that more means that it hangs."""


class Writer:
    """One connection that reads and commits. After a write that failed it commits no more.

    A failed fsync says nothing about what reached the disk, and a second one would report success for pages the
    kernel has already dropped (https://wiki.postgresql.org/wiki/Fsync_Errors), so nothing is built on top of it.
    """

    def __init__(self, path: Path, schema: Schema, now: Callable[[], datetime]) -> None:
        """Opens the state, made where there is none. Raises StateError for one that cannot be written as it is."""
        self._path = path
        self._now = now
        self._mark = Mark(path)
        self._reserve = Reserve(path)
        self._wrote = False
        self._poisoned = False
        self.warnings: list[Diagnostic] = []
        try:
            self._connection = _open(path, schema, self._mark, now)
        except sqlite3.Error as error:
            backup = None if is_busy(error) else last_good(path)
            raise from_sqlite(error, path, writing=True, backup=backup) from error
        except NOT_AS_WRITTEN as error:
            raise damaged(path, str(error), last_good(path)) from error
        except OSError as error:
            raise read_only(path, error.strerror or str(error)) from error

    def fresh(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """*read*'s answer from one snapshot of the state as it is now."""
        connection = self._connection
        try:
            connection.execute("BEGIN")
            try:
                return read(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise from_sqlite(error, self._path, writing=False, backup=last_good(self._path)) from error
        except NOT_AS_WRITTEN as error:
            raise damaged(self._path, str(error), last_good(self._path)) from error

    def again(self, read: Callable[[sqlite3.Connection], T], *, sound: str = "") -> T:
        """As fresh: one writer at a time, and its indexes were checked when it was opened."""
        del sound
        return self.fresh(read)

    def commit(self, batch: Batch, expect_serial: int | None) -> int:
        """Writes *batch* durably, all or nothing; returns the serial. Raises StateError and LockedError.

        A commit that begins a push needs the reserve to be there; one that records what was learned may use it up,
        and then no push is begun any more. A full disk leaves the state as it was: what is recorded may be tried again.
        """
        if self._poisoned:
            raise poisoned(self._path)
        try:
            if batch.begins_a_push:
                self._ensure_reserve()
            try:
                header = self._transact(batch, expect_serial)
            except sqlite3.Error as error:
                if primary_code(error) != FULL or not batch.records or not self._reserve.give_up():
                    raise
                self._empty_log()
                header = self._transact(batch, expect_serial)
        except sqlite3.Error as error:
            self._poisoned = not (is_busy(error) or is_refused_row(error) or primary_code(error) == FULL)
            raise from_sqlite(error, self._path, writing=True) from error
        except NOT_AS_WRITTEN as error:
            raise damaged(self._path, str(error), last_good(self._path)) from error
        return header.serial

    def close(self) -> None:
        """Closes the state; on a day's first writing run a backup is made, whose failure is a warning."""
        if self._wrote and not self._poisoned:
            try:
                daily(self._connection, self._path, self._now())
            except (sqlite3.Error, OSError, StateError) as error:
                self.warnings.append(_no_backup(self._path, error))
            except NOT_AS_WRITTEN as error:
                self.warnings += damaged(self._path, str(error), last_good(self._path)).diagnostics
        self._mark.close()
        self._connection.close()

    def _transact(self, batch: Batch, expect_serial: int | None) -> Header:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            row = read_header(connection)
            serial = row.header.serial
            if expect_serial is not None and expect_serial != serial:
                raise moved_on(self._path, expect_serial, serial)
            after = apply_batch(connection, row, batch, self._now(), __version__)
            connection.execute("ROLLBACK" if after is row else "COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise
        if after is not row:
            self._wrote = True
            self._mark.write(after.header.lineage, after.header.serial)
        return after.header

    def _empty_log(self) -> None:
        """Moves what the log holds into the file, so that its room serves again; where that fails, it stays."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _ensure_reserve(self) -> None:
        try:
            self._reserve.ensure()
        except OSError as error:
            raise no_room(self._path, f"no room for what comes back ({error.strerror})") from error


def _open(path: Path, schema: Schema, mark: Mark, now: Callable[[], datetime]) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_safe_state(path)
    files = look(path)
    refuse_unusable(path, files)
    seen = mark.read()
    if files.database is None:
        refuse_gone(seen, path)
        _create(path, schema, now)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False,
        timeout=_BUSY_SECONDS,
    )  # fmt: skip
    try:
        require_own_format(connection, path)
        older = check_version(connection, path, schema)
        _require_writable(connection, path)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        require_sound(connection)
        header = read_header(connection).header if not older else None
        if older:
            serial = int(connection.execute("SELECT serial FROM header").fetchone()[0])
            migrate(connection, path, schema, lambda: before_migration(connection, path, serial))
            header = read_header(connection).header
        if header is not None:
            refuse_rolled_back(header, seen, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _require_writable(connection: sqlite3.Connection, path: Path) -> None:
    """SQLite falls back to reading where it may not write, and says so at the first write only."""
    if not os.access(path, os.W_OK):
        raise read_only(path, "it is not writable")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")


def _create(path: Path, schema: Schema, now: Callable[[], datetime]) -> None:
    """Makes an empty state beside its place and puts it there whole. Another may do so first; then that one holds."""
    draft = draft_of(path)
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            create_tables(connection, schema)
            header = Header(lineage=os.urandom(16).hex(), serial=0, written_at=now())
            put_header(connection, HeaderRow(header, tool=__version__, sums=Sums()))
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        place_new(draft, path)
    finally:
        for leftover in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm"), Path(f"{draft}-journal")):
            leftover.unlink(missing_ok=True)


def _no_backup(path: Path, error: Exception) -> Diagnostic:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Diagnostic(
        Code.BACKUP_NOT_WRITTEN,
        f"could not back up the state '{shown(path)}': {why}; the state itself is written",
        hint="the next run tries again",
    )
