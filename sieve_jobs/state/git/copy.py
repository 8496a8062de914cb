"""The local copy of a shared state: the tables of a SQLite state, and which commit they equal. It may go any time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sieve_jobs import __version__
from sieve_jobs.state.folder import require_safe_state
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.parse import DocumentError
from sieve_jobs.state.problems import NOT_AS_WRITTEN, damaged, from_sqlite, is_busy, is_out_of_reach
from sieve_jobs.state.reading import read_header
from sieve_jobs.state.rows import HeaderRow, Sums
from sieve_jobs.state.schema import SCHEMA, create_tables
from sieve_jobs.state.snapshot import Head, Rows, head_text, parse_head
from sieve_jobs.state.writing import put_header
from sieve_jobs.wire import format_time, parse_time

T = TypeVar("T")

_ID = 0x534A4350
"""`SJCP`: a copy is no state, and a state no copy."""
_VERSION = SCHEMA.version * 100 + 2
_PATIENCE = 400.0
"""Seconds to wait for another process of this clone, which may be at a fetch or a push."""
_ORIGIN = """CREATE TABLE origin (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  commit_id TEXT,
  head BLOB NOT NULL,
  seen_at TEXT
)"""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the tables equal."""

    commit: str | None
    """None: nothing is there on the remote, as far as this clone knows."""
    head: Head
    seen_at: datetime | None
    """When the remote was last asked."""


class Copy:
    """A file, or memory where none can be written. One connection writes, another reads beside it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.heal: Callable[[], None] = lambda: None
        """Fills the copy; called before its first read, and when what is read is not what was written."""
        self.filled = False
        """Whether it was filled in this run."""
        self._writer, self._reader = self._open()

    def fresh(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """*read*'s answer from one snapshot. A damaged copy is made anew first."""
        try:
            return _snapshot(self._reader, read)
        except (sqlite3.Error, *NOT_AS_WRITTEN) as error:
            if isinstance(error, sqlite3.Error) and is_busy(error):
                raise self._refused(error) from error
        self.renew()
        self.heal()
        try:
            return _snapshot(self._reader, read)
        except (sqlite3.Error, *NOT_AS_WRITTEN) as error:
            raise self._refused(error) from error

    def again(self, read: Callable[[sqlite3.Connection], T], *, sound: str = "") -> T:
        """As fresh, of what the remote had when this run first looked. The copy can be made anew: it is trusted."""
        del sound
        if not self.filled:
            self.heal()
        return self.fresh(read)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writer of this clone at a time. Kept at the end of the block unless it raises or was rolled back."""
        connection = self._writer
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._refused(error) from error
        try:
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def origin(self, connection: sqlite3.Connection | None = None) -> Origin:
        """Raises what a damaged copy raises, DocumentError among it as RowError's kin."""
        found = (connection or self._reader).execute("SELECT commit_id, head, seen_at FROM origin").fetchone()
        commit, head, seen_at = found
        return Origin(commit, parse_head(head), None if seen_at is None else parse_time(seen_at))

    def put_origin(self, connection: sqlite3.Connection, commit: str | None, head: Head, now: datetime) -> None:
        row = (1, commit, head_text(head), format_time(now))
        connection.execute("INSERT OR REPLACE INTO origin VALUES (?, ?, ?, ?)", row)

    def empty(self, connection: sqlite3.Connection, lineage: str) -> None:
        """As if nothing was ever read; inside the caller's transaction."""
        for table in ("entries", "settled", "saved", "past", "intents"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 -- our own names
        _begin(connection, lineage)

    def renew(self) -> None:
        """Throws the copy away and begins an empty one."""
        self.close()
        if self._path is not None:
            _remove(self._path)
        self._writer, self._reader = self._open()

    def close(self) -> None:
        self._writer.close()
        self._reader.close()

    def _open(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        if self._path is None:
            memory = _connect(":memory:")
            with _transaction(memory):
                _create(memory)
            return memory, memory
        require_safe_state(self._path)
        try:
            return self._open_file(self._path)
        except (sqlite3.Error, *NOT_AS_WRITTEN, DocumentError, TypeError, ValueError) as error:
            if isinstance(error, sqlite3.Error) and (is_busy(error) or is_out_of_reach(error)):
                raise self._refused(error) from error
        _remove(self._path)
        try:
            return self._open_file(self._path)
        except sqlite3.Error as error:
            raise self._refused(error) from error

    def _open_file(self, path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        writer = _connect(str(path))
        try:
            if _is_new(writer):
                # Nothing is lost with the machine's power but the way to fetch it again.
                writer.execute("PRAGMA journal_mode = WAL").fetchall()
            writer.execute("PRAGMA synchronous = NORMAL")
            with _transaction(writer):
                if _is_new(writer):
                    _create(writer)
                elif _numbers(writer) != (_ID, _VERSION):
                    raise ValueError("of another program, or another version")
                read_header(writer)
                self.origin(writer)
            reader = _connect(str(path))
        except BaseException:
            writer.close()
            raise
        return writer, reader

    def _refused(self, error: Exception) -> Exception:
        path = self._path or Path(":memory:")
        if isinstance(error, sqlite3.Error):
            return from_sqlite(error, path, writing=False)
        return damaged(path, str(error), None)


def new_lineage() -> str:
    return os.urandom(16).hex()


def _snapshot(connection: sqlite3.Connection, read: Callable[[sqlite3.Connection], T]) -> T:
    if connection.in_transaction:  # in memory there is one connection for both
        return read(connection)
    connection.execute("BEGIN")
    try:
        return read(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _create(connection: sqlite3.Connection) -> None:
    create_tables(connection, SCHEMA)
    connection.execute(f"PRAGMA application_id = {_ID}")
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute(_ORIGIN)
    _begin(connection, new_lineage())


def _begin(connection: sqlite3.Connection, lineage: str) -> None:
    header = Header(lineage=lineage, serial=0)
    put_header(connection, HeaderRow(header, tool=__version__, sums=Sums()))
    head = head_text(Head(header, __version__, nonce="-", rows=Rows()))
    connection.execute("INSERT OR REPLACE INTO origin VALUES (1, NULL, ?, NULL)", (head,))


def _is_new(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,) and _numbers(connection) == (
        0,
        0,
    )


def _numbers(connection: sqlite3.Connection) -> tuple[int, int]:
    application, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    return application, version


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE)


def _remove(path: Path) -> None:
    for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), Path(f"{path}-journal")):
        name.unlink(missing_ok=True)
