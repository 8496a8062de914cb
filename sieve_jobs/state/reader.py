"""Reading a SQLite state without leaving a trace: no file is made, changed or locked for long.

SQLite itself makes `-wal` and `-shm` files as soon as it reads a database in WAL mode, and cannot read one at all
in a folder it may not write. So a state at rest (no log beside it) is opened as immutable, and what was read counts
only if the file is the same afterwards; one that is being written is read as SQLite does, in one snapshot; one with
a log that nobody has open (after a crash, on a read-only disk) is read from a copy.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

from sieve_jobs.errors import StateError
from sieve_jobs.state.folder import require_safe_state
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.mark import Mark, seen
from sieve_jobs.state.migrate import check_version
from sieve_jobs.state.problems import (
    NOT_AS_WRITTEN,
    changed_while_read,
    damaged,
    from_sqlite,
    gone,
    is_out_of_reach,
    other_lineage,
    rolled_back,
    unreadable,
)
from sieve_jobs.state.reading import read_header
from sieve_jobs.state.rows import HeaderRow, Sums
from sieve_jobs.state.schema import APPLICATION_ID, Schema, create_tables

T = TypeVar("T")

_ATTEMPTS = 20
"""A reader that meets a commit at every one of these has met a state that does not come to rest."""


@dataclass(frozen=True, slots=True)
class Files:
    """What lies on the disk for a state at a moment. Equal ones mean that nothing was written in between."""

    database: tuple[int, int, int, int] | None
    """Inode, size, mtime and ctime in nanoseconds; None for a file that is not there."""
    log: tuple[int, int, int, int] | None
    shared: bool = field(compare=False)
    """Whether the log's index is there: some process has the state open, or died with it open."""

    @property
    def has_log(self) -> bool:
        return self.log is not None and self.log[1] > 0


def look(path: Path) -> Files:
    """Raises OSError where the folder cannot be looked into."""
    return Files(_stat(path), _stat(Path(f"{path}-wal")), Path(f"{path}-shm").exists())


def refuse_unusable(path: Path, files: Files) -> None:
    """Raises StateError for what no state can be, before anything opens it."""
    if files.database is None:
        if files.has_log:
            raise _damaged(path, "the file is gone and only its write-ahead log is left")
    elif files.database[1] == 0:
        raise _damaged(path, "the file is empty")


def require_own_format(connection: sqlite3.Connection, path: Path) -> None:
    """Raises StateError for a database of another program."""
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise _damaged(path, "the file belongs to another program")


def refuse_gone(mark: bytes, path: Path) -> None:
    """Raises StateError where there is no state, and the *mark* says that there was one."""
    _, serial = seen(mark)
    if serial:
        raise gone(path, serial, Mark(path).path, _last_good(path))


def refuse_rolled_back(header: Header, mark: bytes, path: Path) -> None:
    """Raises StateError for a state that is older than the *mark* which was read before it, or another one."""
    lineage, serial = seen(mark)
    if serial and lineage != header.lineage:
        raise other_lineage(path, header.lineage, lineage, Mark(path).path)
    if header.serial < serial:
        raise rolled_back(path, header.serial, serial, Mark(path).path)


class Reader:
    """The read-only side of a store. One snapshot lasts from a `fresh` read to the next."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._guard: Files | None = None
        self._sound: set[str] = set()

    def fresh(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """*read*'s answer from the state as it is now."""
        problem: Exception | None = None
        for _ in range(_ATTEMPTS):
            self.close()
            require_safe_state(self._path)
            before = self._look()
            try:
                mark = Mark(self._path).read()
                connection = self._open(before, copied=problem is not None and _out_of_reach(problem))
                if before.database is None:
                    refuse_gone(mark, self._path)
                else:
                    refuse_rolled_back(read_header(connection).header, mark, self._path)
                result = read(connection)
            except (sqlite3.Error, *NOT_AS_WRITTEN, StateError, OSError) as error:
                if self._look() == before and not (problem is None and _out_of_reach(error)):
                    self._refuse(error)
                problem = error
                continue
            if self._guard is None or self._look() == self._guard:
                return result
            problem = None
        if problem is not None:
            self._refuse(problem)
        raise changed_while_read(self._path)

    def again(self, read: Callable[[sqlite3.Connection], T], *, sound: str = "") -> T:
        """*read*'s answer from the same snapshot. *sound* names a table whose indexes it trusts.

        Raises LockedError if the snapshot is gone, which takes a commit within the milliseconds of a reading run.
        """
        if self._connection is None:
            return self.fresh(lambda connection: self._read_soundly(connection, read, sound))
        try:
            result = self._read_soundly(self._connection, read, sound)
        except (sqlite3.Error, *NOT_AS_WRITTEN) as error:
            self._require_unchanged()
            self._refuse(error)
        self._require_unchanged()
        return result

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._guard = None
        self._sound.clear()

    def _read_soundly(self, connection: sqlite3.Connection, read: Callable[[sqlite3.Connection], T], sound: str) -> T:
        if sound and sound not in self._sound:
            from sieve_jobs.state.soundness import require_sound

            require_sound(connection, sound)
            self._sound.add(sound)
        return read(connection)

    def _look(self) -> Files:
        try:
            return look(self._path)
        except OSError as error:
            raise unreadable(self._path, error.strerror or str(error)) from error

    def _require_unchanged(self) -> None:
        if self._guard is not None and self._look() != self._guard:
            raise changed_while_read(self._path)

    def _open(self, files: Files, *, copied: bool) -> sqlite3.Connection:
        refuse_unusable(self._path, files)
        self._guard = files
        if files.database is None:
            self._connection = _nothing(self._schema)
            return self._connection
        if not files.has_log:
            self._connection = _connect(f"{self._path.absolute().as_uri()}?immutable=1")
        elif files.shared and not copied:
            self._guard = None  # SQLite's own locks hold the snapshot
            self._connection = _connect(f"{self._path.absolute().as_uri()}?mode=ro")
        else:
            self._connection = _copy(self._path)
        self._connection.execute("BEGIN")
        require_own_format(self._connection, self._path)
        if check_version(self._connection, self._path, self._schema):
            self._connection = _migrated(self._connection, self._path, self._schema)
        return self._connection

    def _refuse(self, error: Exception) -> NoReturn:
        """Raises what *error* means for people."""
        if isinstance(error, StateError):
            raise error
        if isinstance(error, OSError):
            raise unreadable(self._path, error.strerror or str(error)) from error
        if isinstance(error, sqlite3.Error):
            backup = None if is_out_of_reach(error) else _last_good(self._path)
            raise from_sqlite(error, self._path, writing=False, backup=backup) from error
        raise _damaged(self._path, str(error)) from error


def _damaged(path: Path, what: str) -> StateError:
    return damaged(path, what, _last_good(path))


def _last_good(path: Path) -> str | None:
    from sieve_jobs.state.backup import last_good

    return last_good(path)


def _stat(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)


def _nothing(schema: Schema) -> sqlite3.Connection:
    """A state that is not there yet, as an empty database in memory."""
    from sieve_jobs.state.writing import put_header

    connection = _connect(":memory:")
    create_tables(connection, schema)
    put_header(connection, HeaderRow(Header(lineage="", serial=0), tool="", sums=Sums()))
    return connection


def _copy(path: Path) -> sqlite3.Connection:
    """The state from a private copy, whose files are gone from their folder as soon as they are open."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sieve-jobs-") as folder:
        copy = Path(folder) / "state.db"
        shutil.copyfile(path, copy)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}-wal", f"{copy}-wal")
        connection = _connect(copy.as_uri())
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def _migrated(connection: sqlite3.Connection, path: Path, schema: Schema) -> sqlite3.Connection:
    """The same content in memory, brought to this release's schema; the file stays as it is."""
    from sieve_jobs.state.migrate import migrate

    memory = _connect(":memory:")
    connection.backup(memory)
    connection.close()
    migrate(memory, path, schema, backup=lambda: None)
    return memory


def _out_of_reach(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and is_out_of_reach(error)
