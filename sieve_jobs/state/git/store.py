"""GitStore: a target's state on a ref of the project's repository. The way in is `open_git_store`."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sieve_jobs.errors import LockedError, SieveJobsError, StateError
from sieve_jobs.state.batch import fold
from sieve_jobs.state.git import problems
from sieve_jobs.state.git.copy import Copy
from sieve_jobs.state.git.repository import Repository
from sieve_jobs.state.git.swap import HISTORY, Swap
from sieve_jobs.state.git.sync import Meant, Sync
from sieve_jobs.state.git.tenure import Tenure
from sieve_jobs.state.lease import SECONDS
from sieve_jobs.state.loaded import Header, State
from sieve_jobs.state.lock import Owner
from sieve_jobs.state.problems import NOT_AS_WRITTEN, read_only
from sieve_jobs.state.sqlite import SqliteStore
from sieve_jobs.state.writes import Write

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
"""Seconds between looks at a lease that is waited for."""


@dataclass(frozen=True, slots=True)
class GitOptions:
    """Which state is meant, and how it is used. Durations are seconds."""

    target: str
    lineage: str | None = None
    new_state: bool = False
    read_only: bool = False
    offline: bool = False
    """No network: the copy as it is."""
    lease: float = SECONDS
    history: int = HISTORY
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def ref_of(target: str) -> str:
    return f"refs/sieve-jobs/{target}"


def open_git_store(root: Path, copy: Path, environ: Mapping[str, str], options: GitOptions) -> GitStore:
    """The state of a target in the repository that *root* lies in, read through the file *copy*, whose folder is there.

    Where that file cannot be written, one that only reads keeps its copy in memory. Raises StateError.
    """
    repository = Repository(root, environ, ref_of(options.target))
    try:
        return GitStore(repository, Copy(copy), copy, options)
    except (StateError, OSError):
        if not options.read_only:
            raise
    return GitStore(repository, Copy(None), None, options)


class GitStore(SqliteStore):
    """Implements Store. Reads come from the copy; a commit is on the remote before it returns."""

    def __init__(self, repository: Repository, copy: Copy, path: Path | None, options: GitOptions) -> None:
        super().__init__(path or Path(ref_of(options.target)), copy)
        place = f"git {repository.ref} on {repository.remote}"
        meant = Meant(place, options.target, options.lineage, options.new_state, writes=not options.read_only)
        self._place, self._options, self._copy = place, options, copy
        self._sync = Sync(repository, copy, path, meant, options.now)
        self._tenure = Tenure(place, options.lease, options.now, options.clock)
        self._swap = Swap(
            repository, copy, self._sync, self._tenure, place=place, now=options.now, history=options.history,
            sleep=options.sleep,
        )  # fmt: skip
        self._turn = threading.RLock()
        copy.heal = self._fill

    @property
    def place(self) -> str:
        return self._place

    @property
    def slow(self) -> bool:
        return True

    @property
    def on_remote(self) -> bool:
        """Whether it was there when this clone last looked."""
        return self._copy.origin().commit is not None

    @property
    def makes_state(self) -> bool:
        """Whether it was opened to be made where it is not there."""
        return self._options.new_state

    def header(self) -> Header:
        """As last seen or written."""
        return self._copy.origin().head.header

    @property
    def seen_at(self) -> datetime | None:
        """When this clone last asked the remote; None for never."""
        return self._copy.origin().seen_at

    def load(self) -> State:
        """As Store: what the remote has now. A state that is not there yet, and only read, has the lineage "".

        Under our lease nobody else decides anything, and the remote is not asked again.
        """
        if not (self._tenure.held and self._copy.filled):
            self._healed(self._fill)
        state = super().load()
        if self._options.read_only and self._copy.origin().commit is None:
            return replace(state, header=replace(state.header, lineage=""))
        return state

    def commit(self, writes: Sequence[Write], expect_serial: int | None) -> int:
        """As Store. Raises ValueError for writes that need a serial and have none."""
        batch = fold(writes)
        if expect_serial is None and batch.decides:
            raise ValueError("only what was learned of jobs is committed without a serial")
        if self._options.read_only:
            raise read_only(Path(self._place), "it was opened to be read")
        with self._turn:
            if not writes:
                return self._copy.origin().head.header.serial
            serial = self._healed(lambda: self._swap.commit(batch, expect_serial))
            self._copy.filled = True
            return serial

    @contextmanager
    def lease(self, owner: Owner, *, timeout: float) -> Iterator[None]:
        """Holds the state for *owner* inside the block, from `secure` or the first commit on.

        Waits up to *timeout* seconds for a run that holds it. The caller holds the lock of this clone. Raises
        LockedError naming the holder.
        """
        self._tenure.want(owner, self._clone(owner))
        self._await_turn(timeout)
        over = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(over,), name="lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()
            self._let_go()

    def secure(self, serial: int, *, timeout: float) -> bool:
        """Takes the lease now, inside `lease`; whether the state still has *serial*.

        Waits up to *timeout* seconds for a run that was first. Raises LockedError naming it.
        """
        deadline = self._options.clock() + timeout
        while not self._tenure.held:
            left = deadline - self._options.clock()
            try:
                with self._turn:
                    self._healed(self._swap.touch)
            except LockedError:
                if left <= 0:
                    raise
                self._await_turn(left)
        return self.header().serial == serial

    def close(self) -> None:
        with self._turn:
            self._sync.close()
            super().close()

    def _await_turn(self, timeout: float) -> None:
        """Until nobody else holds the lease."""
        options = self._options
        deadline, pause = options.clock() + timeout, _FIRST_PAUSE
        while True:
            self._healed(self._fill)
            stranger = self._tenure.stranger(self._copy.origin().head)
            if stranger is None:
                return
            left = deadline - options.clock()
            if left <= 0:
                raise problems.locked(self._place, stranger, timeout)
            options.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _fill(self) -> None:
        with self._turn:
            if not self._options.offline:
                self._sync.refresh()
            else:
                self._sync.from_here()
            self._copy.filled = True

    def _healed(self, work: Callable[[], T]) -> T:
        """*work*'s answer; where the copy turns out not to be what was written, it is made anew first."""
        try:
            return work()
        except (sqlite3.Error, *NOT_AS_WRITTEN):
            with self._turn:
                self._copy.renew()
                self._fill()
        return work()

    def _keep(self, over: threading.Event) -> None:
        """Renews the lease while nothing is written. What fails shows at the next commit, by the fence."""
        while not over.wait(self._options.lease / 12):
            if self._tenure.is_due:
                with suppress(SieveJobsError, sqlite3.Error, ValueError), self._turn:
                    self._swap.touch()

    def _let_go(self) -> None:
        """Gives the lease back. One that cannot be given back ends by itself."""
        with suppress(SieveJobsError, sqlite3.Error, ValueError), self._turn:
            if self._tenure.held:
                self._swap.touch(release=True)
        self._tenure.end()

    def _clone(self, owner: Owner) -> str:
        """This folder on this machine: who holds its lock knows that a lease taken in it is nobody's any more."""
        found = self._path.absolute()
        facts = f"{owner.host}\0{found}\0{found.parent.stat().st_dev}:{found.parent.stat().st_ino}"
        return hashlib.sha256(facts.encode(errors="surrogatepass")).hexdigest()[:16]
