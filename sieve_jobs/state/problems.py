"""What can be wrong with a state, as errors to show: one function for each code, and the mapping from SQLite's own."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import LockedError, SieveJobsError, StateError

FOLDER = ".sieve-jobs"

_BUSY = frozenset({5, 6})
"""SQLITE_BUSY and SQLITE_LOCKED. Source of this and the following: https://sqlite.org/rescode.html, primary codes."""
_NOT_ALLOWED = frozenset({3, 8, 14, 23})
"""SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_AUTH."""
_DISK = frozenset({7, 10, 13})
"""SQLITE_NOMEM, SQLITE_IOERR, SQLITE_FULL."""
FULL = 13
_CONSTRAINT = 19


class RowError(ValueError):
    """A row that does not have the content it was written with."""


NOT_AS_WRITTEN = (RowError, UnicodeDecodeError)
"""What reading raises for damage that SQLite does not see. The second is sqlite3's, for a damaged name of a column."""


def shown(path: Path) -> str:
    """*path* as people know it: from `.sieve-jobs` on, or whole where the state lies elsewhere."""
    parts = path.parts
    if FOLDER in parts:
        at = len(parts) - 1 - parts[::-1].index(FOLDER)
        return str(Path(*parts[at:]))
    return str(path)


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where the sqlite3 module itself raised, as for text that is not UTF-8."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    return primary_code(error) in _BUSY


def is_refused_row(error: sqlite3.Error) -> bool:
    """Whether a constraint refused the rows; nothing is wrong with the file or the disk."""
    return primary_code(error) == _CONSTRAINT


def is_out_of_reach(error: sqlite3.Error) -> bool:
    """Whether SQLite could not open or use the file, which says nothing about its content."""
    return primary_code(error) in _NOT_ALLOWED


def damaged(path: Path, what: str, backup: str | None) -> StateError:
    """*what* is wrong in a few words; *backup* names the last good one, None if there is none."""
    place = shown(path)
    if backup is None:
        hint = f"nothing was changed and there is no good backup; restore '{place}' from a copy of your own"
    else:
        hint = f"nothing was changed; move '{place}*' away, then copy the last good backup, {backup}, to '{place}'"
    return StateError(Diagnostic(Code.STATE_DAMAGED, f"the state '{place}' is damaged: {what}", hint=hint))


def newer(path: Path, found: int, known: int, tool: str) -> StateError:
    """*tool* is the version that wrote the state, empty where it could not be read."""
    by = f" by sieve-jobs {tool}" if tool else " by a newer sieve-jobs"
    return StateError(
        Diagnostic(
            Code.STATE_OF_OTHER_VERSION,
            f"the state '{shown(path)}' was written{by} with schema {found}; this version reads up to schema {known}",
            hint=f"use sieve-jobs {tool} or later" if tool else "use the newest sieve-jobs",
        )
    )


def too_old(path: Path, found: int, known: int) -> StateError:
    return StateError(
        Diagnostic(
            Code.STATE_OF_OTHER_VERSION,
            f"the state '{shown(path)}' has schema {found}, from which this version knows no way to its schema {known}",
            hint="apply once with a release in between",
        )
    )


def rolled_back(path: Path, serial: int, seen: int, mark: Path) -> StateError:
    place = shown(path)
    return StateError(
        Diagnostic(
            Code.STATE_ROLLED_BACK,
            f"the state '{place}' has serial {serial}, but serial {seen} was written here before",
            hint=f"put back '{place}-wal' or the newer file, or else it would push again what it forgot; "
            f"if you restored a backup on purpose, delete '{shown(mark)}'",
        )
    )


def gone(path: Path, seen: int, mark: Path, backup: str | None) -> StateError:
    place = shown(path)
    back = f"put it back, or copy the last good backup, {backup}, there" if backup else "put it back"
    return StateError(
        Diagnostic(
            Code.STATE_ROLLED_BACK,
            f"the state '{place}' is gone, but serial {seen} was written here before",
            hint=f"{back}, or else everything would be pushed again; if a new state is meant, delete '{shown(mark)}'",
        )
    )


def other_lineage(path: Path, found: str, expected: str, mark: Path) -> StateError:
    return StateError(
        Diagnostic(
            Code.STATE_OF_OTHER_LINEAGE,
            f"the state '{shown(path)}' has the lineage '{found}', '{expected}' was written here; nothing was sent",
            hint=f"put back the one that belongs here; if the other is meant, delete '{shown(mark)}'",
        )
    )


def read_only(path: Path, why: str) -> StateError:
    return StateError(
        Diagnostic(
            Code.STATE_NOT_OPENED,
            f"could not open '{shown(path)}' for writing: {_lowered(why)}; nothing was sent",
            hint="'sieve-jobs plan' needs to read it only",
        )
    )


def unreadable(path: Path, why: str) -> StateError:
    return StateError(Diagnostic(Code.STATE_NOT_OPENED, f"could not read '{shown(path)}': {_lowered(why)}"))


def _lowered(words: str) -> str:
    """What an operating system said, as a part of a sentence."""
    return words[:1].lower() + words[1:]


def no_room(path: Path, why: str) -> StateError:
    return StateError(
        Diagnostic(
            Code.STATE_NOT_WRITTEN,
            f"could not write the state '{shown(path)}': {why}; it is as it was before",
            hint="make room, then run the same command again: what was begun is looked up before anything is pushed",
        )
    )


def poisoned(path: Path) -> StateError:
    return StateError(
        Diagnostic(
            Code.STATE_NOT_WRITTEN,
            f"the state '{shown(path)}' is not written any more: an earlier write of this run failed",
            hint="see to the disk, then run the same command again",
        )
    )


def moved_on(path: Path, expected: int, serial: int) -> LockedError:
    return LockedError(
        Diagnostic(
            Code.STATE_MOVED_ON,
            f"the state '{shown(path)}' moved on from serial {expected} to {serial}; nothing was written",
            hint="another run changed it; run the same command again",
        )
    )


def busy(path: Path) -> LockedError:
    return LockedError(
        Diagnostic(
            Code.STATE_MOVED_ON,
            f"could not write the state '{shown(path)}': another process kept it busy; nothing was written",
            hint="run the same command again",
        )
    )


def changed_while_read(path: Path) -> LockedError:
    return LockedError(
        Diagnostic(
            Code.STATE_MOVED_ON,
            f"the state '{shown(path)}' changed while it was read",
            hint="another run writes it; try again",
        )
    )


def job_taken(path: Path) -> StateError:
    return StateError(
        Diagnostic(
            Code.JOB_OF_TWO_SPECS,
            f"a job would belong to two specs, or to none, in the state '{shown(path)}'; nothing was written",
            hint="'sieve-jobs state list' names the spec that has it",
        )
    )


def from_sqlite(error: sqlite3.Error, path: Path, *, writing: bool, backup: str | None = None) -> SieveJobsError:
    """What an error of SQLite means for people. *backup* is named where the file turns out to be damaged."""
    code = primary_code(error)
    if code in _BUSY:
        return busy(path)
    if code in _NOT_ALLOWED:
        return read_only(path, str(error)) if writing else unreadable(path, str(error))
    if code in _DISK:
        return no_room(path, str(error)) if writing else unreadable(path, str(error))
    if code == _CONSTRAINT:
        return job_taken(path)
    return damaged(path, str(error), backup)
