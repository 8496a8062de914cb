"""Backups of a SQLite state in `.sieve-jobs/backups`: before a migration, and one for each day that wrote."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime
from operator import itemgetter
from pathlib import Path

from sieve_jobs.errors import StateError
from sieve_jobs.state.folder import draft_of, ensure_inner_folder, sync_folder
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.migrate import migrate, schema_version
from sieve_jobs.state.problems import NOT_AS_WRITTEN, RowError, shown
from sieve_jobs.state.reading import read_state
from sieve_jobs.state.records import ENTRY_COLUMNS, PAST_COLUMNS
from sieve_jobs.state.rows import select, verified
from sieve_jobs.state.schema import APPLICATION_ID, SCHEMA
from sieve_jobs.state.soundness import require_sound

KEPT_DAYS = 5
_NAME_AND_FINGERPRINT = itemgetter(ENTRY_COLUMNS.index("name"), ENTRY_COLUMNS.index("fingerprint"))


def before_migration(connection: sqlite3.Connection, path: Path, serial: int) -> Path:
    """Copies the state as it is; raises sqlite3.Error or OSError if that cannot be done. Returns where to."""
    return _copy(connection, _folder(path) / f"{path.stem}-{serial}.db")


def daily(connection: sqlite3.Connection, path: Path, now: datetime) -> Path | None:
    """Copies the state unless that was done today (UTC), and keeps the newest five. Returns where to, if it did.

    Every row is read once for it: a damaged state does not push out the good backups. 200 ms for 10,000 entries, once a
    day. Raises sqlite3.Error or OSError if it cannot be done, RowError for a state that is not as it was written.
    """
    target = _folder(path) / f"{path.stem}-{now:%Y-%m-%d}.db"
    if target.exists():
        return None
    _copy(connection, target, _require_as_written)
    days = sorted(found for found in _backups(path) if re.search(r"-\d{4}-\d{2}-\d{2}$", found.stem))
    for old in days[:-KEPT_DAYS]:
        old.unlink(missing_ok=True)
    return target


def last_good(path: Path) -> str | None:
    """The newest backup of the state at *path* that is sound, with its serial and time, as words for people."""
    best: tuple[int, str] | None = None
    for found in _backups(path):
        with (
            contextlib.suppress(sqlite3.Error, OSError, StateError, *NOT_AS_WRITTEN),
            contextlib.closing(_open(found)) as connection,
            contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as today,
        ):
            if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
                continue
            require_sound(connection)
            if schema_version(connection) != SCHEMA.version:
                # Of an older release: sound if it can be brought to this one's schema.
                connection.backup(today)
                migrate(today, found, SCHEMA, backup=lambda: None)
                header = _require_as_written(today)
            else:
                header = _require_as_written(connection)
            written = f", written {header.written_at:%Y-%m-%d %H:%M:%SZ}" if header.written_at else ""
            best = max(best or (-1, ""), (header.serial, f"'{shown(found)}' (serial {header.serial}{written})"))
    return best[1] if best else None


def _folder(path: Path) -> Path:
    return path.parent / "backups"


def _backups(path: Path) -> list[Path]:
    """Backups of this state and no other: `prod-7.db` and `prod-2026-11-23.db`, not `prod-eu-7.db`."""
    form = re.compile(re.escape(path.stem) + r"-(\d+|\d{4}-\d{2}-\d{2})\.db")
    try:
        return sorted(found for found in _folder(path).iterdir() if form.fullmatch(found.name))
    except OSError:
        return []


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)


def _require_as_written(connection: sqlite3.Connection) -> Header:
    """Reads every row. Raises RowError if one is not as it was written, or is missing."""
    state = read_state(connection)
    rows = connection.execute(f"{select('entries', ENTRY_COLUMNS)} WHERE settled = 1")
    if dict(map(_NAME_AND_FINGERPRINT, map(verified, rows))) != state.settled:
        raise RowError("entries are missing")
    for past in connection.execute(select("past", PAST_COLUMNS)):
        verified(past)
    return state.header


def _copy(
    source: sqlite3.Connection, target: Path, check: Callable[[sqlite3.Connection], object] = lambda _: None
) -> Path:
    """Copies a database to *target*, whole and past its *check* or not at all; one that is there is replaced."""
    ensure_inner_folder(target.parent)
    draft = draft_of(target)
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            source.backup(copy)
        with contextlib.closing(_open(draft)) as copied:
            check(copied)
        _sync(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(target.parent)
    return target


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
