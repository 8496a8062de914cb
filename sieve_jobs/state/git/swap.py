"""Swap: one commit of the state, on the remote before it is in the copy; tried again where another was first."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sieve_jobs import __version__
from sieve_jobs.errors import SieveJobsError, StateError
from sieve_jobs.state.batch import Batch
from sieve_jobs.state.entry import Entry, PastJob
from sieve_jobs.state.git import problems
from sieve_jobs.state.git.copy import Copy, Origin
from sieve_jobs.state.git.repository import Draft, Pushed, Repository
from sieve_jobs.state.git.sync import Sync
from sieve_jobs.state.git.tenure import Tenure
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.lookups import count_rows, entries_by, past_by, read_intents
from sieve_jobs.state.problems import from_sqlite, moved_on
from sieve_jobs.state.reading import read_header
from sieve_jobs.state.snapshot import (
    HEAD,
    Head,
    Rows,
    edited,
    entry_path,
    head_text,
    past_path,
    rows_in,
    unlike_rows,
)
from sieve_jobs.state.writing import apply_batch

HISTORY = 500
"""Commits after which history is cut, so that a fresh clone has few of them to fetch."""
TRIES = 40
"""Times that others may be first before a commit gives up."""
UNCLEAR_TRIES = 3
"""Times that one and the same commit is sent while the remote is there and does not have it."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A commit that was made, and may be on the remote."""

    oid: str
    head: Head


class Swap:
    """Commits of one process, one at a time."""

    def __init__(
        self, repository: Repository, copy: Copy, sync: Sync, tenure: Tenure, *, place: str,
        now: Callable[[], datetime], history: int = HISTORY, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._repository, self._copy, self._sync, self._tenure = repository, copy, sync, tenure
        self._place, self._now, self._history, self._sleep = place, now, history, sleep

    def commit(self, batch: Batch, expect_serial: int | None) -> int:
        """As Store.commit."""
        return self._swap(lambda connection, origin: self._prepare(connection, origin, batch, expect_serial))

    def touch(self, *, release: bool = False) -> int:
        """Takes the lease, renews it, or gives it back; the serial, which stays.

        Raises LockedError where another run holds it, or took it over.
        """

        def prepare(_: sqlite3.Connection, origin: Origin) -> tuple[Head, Draft] | None:
            head = origin.head
            if release and not self._tenure.release(head):
                return None
            fence, lease = (head.fence, None) if release else self._tenure.next(head, decides=True)
            verb = "give the lease back" if release else "renew the lease" if self._tenure.held else "take the lease"
            return self._drafted(origin, replace(head, fence=fence, lease=lease), {}, verb)

        return self._swap(prepare)

    def _swap(self, prepare: Callable[[sqlite3.Connection, Origin], tuple[Head, Draft] | None]) -> int:
        sent: list[_Sent] = []
        for attempt in range(TRIES):
            with self._copy.transaction() as connection:
                origin = self._copy.origin(connection)
                prepared = prepare(connection, origin)
                if prepared is None:
                    connection.execute("ROLLBACK")
                    return origin.head.header.serial
                head, draft = prepared
                sent.append(_Sent(self._repository.write(draft), head))
                if self._send(sent[-1].oid, origin.commit):
                    self._repository.keep(sent[-1].oid)
                    self._copy.put_origin(connection, sent[-1].oid, head, self._now())
                    return self._done(head)
                connection.execute("ROLLBACK")
            landed = self._landed(sent)
            if landed is not None:
                return self._done(landed.head)
            self._sleep(random.uniform(0.0, min(0.05 * 2**attempt, 1.0)))  # noqa: S311 -- who comes first is no secret
        raise problems.contended(self._place)

    def _prepare(
        self, connection: sqlite3.Connection, origin: Origin, batch: Batch, expect_serial: int | None
    ) -> tuple[Head, Draft] | None:
        row = read_header(connection)
        if expect_serial is not None and expect_serial != row.header.serial:
            raise moved_on(Path(self._place), expect_serial, row.header.serial)
        fence, lease = self._tenure.next(origin.head, decides=batch.decides)
        counted = Rows() if batch.restore is not None else Rows(*count_rows(connection))
        try:
            after = apply_batch(connection, row, batch, self._now(), __version__)
        except sqlite3.Error as error:
            raise from_sqlite(error, Path(self._place), writing=True) from error
        if after is row:
            return None
        shards = self._shards(connection, batch)
        before: dict[str, bytes] = {}
        if origin.commit is not None and batch.restore is None:
            before = self._repository.contents(origin.commit, shards, beside=HEAD)
        files = {path: edited(before.get(path, b""), changes) for path, changes in shards.items()}
        rows = Rows(*count_rows(connection))
        if lack := unlike_rows(rows, counted - rows_in(before) + rows_in(files)):
            raise problems.damaged(self._place, lack, self._repository.ref, self._repository.remote)
        intents = tuple(read_intents(connection))
        head = replace(origin.head, header=after.header, fence=fence, lease=lease, intents=intents, rows=rows)
        changed = {path: text for path, text in files.items() if text != before.get(path, b"")}
        return self._drafted(origin, head, changed, _summary(after.header, batch), anew=batch.restore is not None)

    def _shards(self, connection: sqlite3.Connection, batch: Batch) -> dict[str, dict[str, Entry | PastJob | None]]:
        """What *batch* leaves of the rows that it names, as they are now, by the path of their shard."""
        said = [said.job_id for said in batch.learned]
        names = {*batch.entries, *(entry.name for entry, _ in entries_by(connection, "job_id", said))}
        jobs = {*batch.past, *(job.job_id for job, _ in past_by(connection, "job_id", said))}
        shards: dict[str, dict[str, Entry | PastJob | None]] = {}
        for name in names:
            shards.setdefault(entry_path(name), {})[name] = None
        for job_id in jobs:
            shards.setdefault(past_path(job_id), {})[job_id] = None
        for entry, _ in entries_by(connection, "name", names):
            shards[entry_path(entry.name)][entry.name] = entry
        for job, _ in past_by(connection, "job_id", jobs):
            shards[past_path(job.job_id)][job.job_id] = job
        return shards

    def _drafted(
        self, origin: Origin, head: Head, files: dict[str, bytes], message: str, *, anew: bool = False
    ) -> tuple[Head, Draft]:
        """The commit, and the head that goes with it. Every so often history is cut in two steps.

        First a commit with a second parent that has the same files and no parent itself; then one that goes on from
        that second parent. So the remote always has nearly all files of what it is sent, and gets only what changed.
        """
        base, depth = origin.commit, origin.head.depth
        parents, tree, cut = ([base] if base else []), ("" if anew else None), None
        if base is not None and depth >= self._history:
            roots = self._repository.parents(base)[1:]
            parents, depth = (roots, 1) if roots else (parents, depth)
            tree = tree if anew or not roots else self._repository.tree(base)
        elif base is not None and depth + 1 >= self._history:
            cut = self._repository.tree(base)
        now = self._now()
        nonce, folder = os.urandom(8).hex(), self._repository.folder
        head = replace(head, tool=__version__, nonce=nonce, depth=depth + 1, folder=folder)
        contents = {**files, HEAD: head_text(head)}
        return head, Draft(contents, message, int(now.timestamp()), parents, tree, cut)

    def _send(self, oid: str, expected: str | None) -> bool:
        """Whether *oid* is on the remote now; False if another was first. Raises StateError that says what is true."""
        for tried in range(UNCLEAR_TRIES):
            pushed, said = self._repository.push(oid, expected)
            if pushed is Pushed.DONE:
                return True
            if pushed is Pushed.RACED:
                return False
            try:
                tip = self._repository.tip()
            except StateError as error:
                raise problems.unknown(self._place, said) from error
            if tip == oid:
                return True
            if tip != expected:
                return False
            if pushed is Pushed.REFUSED:
                raise problems.refused(self._place, said)
            self._sleep(0.5 * 2**tried)
        raise problems.not_written(self._place, said)

    def _landed(self, sent: list[_Sent]) -> _Sent | None:
        """Takes over what the remote has; which of *sent* is in it after all."""
        tip = self._sync.refresh().commit
        if tip is None:
            return None
        found = (one for one in reversed(sent) if one.oid == tip or self._repository.is_ancestor(one.oid, tip))
        return next(found, None)

    def _done(self, head: Head) -> int:
        self._tenure.took(head.fence, head.lease)
        with suppress(SieveJobsError):
            self._sync.remember(head)
        return head.header.serial


def _summary(header: Header, batch: Batch) -> str:
    """A line for whoever looks at the ref's log: counts, no names."""
    counts = {
        "intent": sum(intent is not None for intent in batch.intents.values()),
        "entry": len(batch.entries),
        "status": len(batch.learned),
    }
    told = ", ".join(f"{number} x {what}" for what, number in counts.items() if number)
    return f"serial {header.serial}: {told or 'bookkeeping'}"
