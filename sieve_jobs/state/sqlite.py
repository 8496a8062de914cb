"""SqliteStore: a target's state in one SQLite file. The way in is `open_store`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.state.problems import read_only as opened_read_only
from sieve_jobs.state.problems import shown
from sieve_jobs.state.reader import Reader
from sieve_jobs.state.reading import read_header, read_state
from sieve_jobs.state.schema import SCHEMA, Schema

if TYPE_CHECKING:
    from sieve_jobs.state.entry import Entry, PastJob
    from sieve_jobs.state.git.copy import Copy
    from sieve_jobs.state.loaded import State
    from sieve_jobs.state.writer import Writer
    from sieve_jobs.state.writes import Write


def open_store(
    path: Path,
    *,
    read_only: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    schema: Schema = SCHEMA,
    mounts: Callable[[], str] | None = None,
) -> SqliteStore:
    """The state at *path*. For writing it is made where there is none, and migrated where it is older.

    Read-only, nothing on the disk is made or changed, a missing state is an empty one with lineage "", and an older
    one is migrated in memory. Raises StateError for a state that cannot be used as it is; read-only that comes with
    the first read. *mounts* gives another text than
    /proc/self/mountinfo.
    """
    if read_only:
        return SqliteStore(path, Reader(path, schema))
    # A plan reads only: what writes, backs up and migrates is loaded by those who write.
    from sieve_jobs.state.mounts import refuse_network
    from sieve_jobs.state.writer import Writer

    refuse_network(path, mounts)
    return SqliteStore(path, Writer(path, schema, now))


class SqliteStore:
    """Implements Store. May be used from several threads, one call at a time."""

    def __init__(self, path: Path, access: Reader | Writer | Copy) -> None:
        self._path = path
        self._access = access
        self._one_at_a_time = threading.RLock()

    @property
    def place(self) -> str:
        return shown(self._path)

    @property
    def slow(self) -> bool:
        return False

    @property
    def warnings(self) -> Sequence[Diagnostic]:
        """What went wrong beside the state itself, such as a daily backup; complete after close."""
        return getattr(self._access, "warnings", ())

    def load(self) -> State:
        """As Store. Read-only, the other reads answer from the same snapshot until the next load."""
        with self._one_at_a_time:
            return self._access.fresh(read_state)

    def get(self, names: Iterable[str]) -> Mapping[str, Entry]:
        with self._one_at_a_time:
            wanted = list(dict.fromkeys(names))
            if not wanted:
                return {}
            from sieve_jobs.state.lookups import require_absent

            found = {entry.name: entry for entry in self._entries("name", wanted)}
            missing = [name for name in wanted if name not in found]
            if missing:
                # They are not there, or the way to them is damaged.
                self._access.again(lambda connection: require_absent(connection, missing), sound="entries")
            return found

    def names(self) -> Sequence[str]:
        with self._one_at_a_time:
            state = self._access.again(read_state)
            return sorted([*state.settled, *state.open])

    def past(self, digests: Iterable[str]) -> Mapping[str, Sequence[PastJob]]:
        with self._one_at_a_time:
            found: dict[str, list[PastJob]] = {}
            for job in self._past("digest", list(digests)):
                found.setdefault(job.digest, []).append(job)
            return found

    def past_of(self, name: str) -> Sequence[PastJob]:
        with self._one_at_a_time:
            return self._past("name", [name])

    def history(self) -> Sequence[PastJob]:
        from sieve_jobs.state.lookups import read_history

        with self._one_at_a_time:
            return self._access.again(read_history, sound="past")

    def held(self, job_ids: Iterable[str]) -> frozenset[str]:
        with self._one_at_a_time:
            ids = list(dict.fromkeys(job_ids))
            if not ids:
                return frozenset()
            entries = self._entries("job_id", ids, sound="entries")
            past = self._past("job_id", ids)
            return frozenset({*(entry.job_id for entry in entries), *(job.job_id for job in past)})

    def commit(self, writes: Sequence[Write], expect_serial: int | None) -> int:
        """As Store. Raises ValueError for writes that need a serial and have none."""
        with self._one_at_a_time:
            from sieve_jobs.state.batch import fold
            from sieve_jobs.state.writer import Writer

            batch = fold(writes)
            if expect_serial is None and batch.decides:
                raise ValueError("only what was learned of jobs is committed without a serial")
            if not isinstance(self._access, Writer):
                raise opened_read_only(self._path, "it was opened to be read")
            if not writes:
                return self._access.fresh(read_header).header.serial
            return self._access.commit(batch, expect_serial)

    def close(self) -> None:
        with self._one_at_a_time:
            self._access.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _entries(self, column: str, keys: Sequence[str], *, sound: str = "") -> list[Entry]:
        from sieve_jobs.state.lookups import entries_by

        rows = self._access.again(lambda connection: list(entries_by(connection, column, keys)), sound=sound)
        return [entry for entry, _ in rows]

    def _past(self, column: str, keys: Sequence[str]) -> list[PastJob]:
        if not keys:
            return []
        from sieve_jobs.state.lookups import newest_first, past_by

        rows = self._access.again(lambda connection: list(past_by(connection, column, keys)), sound="past")
        return newest_first(job for job, _ in rows)
