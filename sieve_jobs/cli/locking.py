"""The state as a verb that writes has it: its lock, and its store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sieve_jobs.cli.context import Session
from sieve_jobs.config.settings import STATE_FOLDER
from sieve_jobs.state.folder import ensure_folder
from sieve_jobs.state.lock import Owner, hold, this_process
from sieve_jobs.state.mounts import refuse_network
from sieve_jobs.state.problems import read_only

if TYPE_CHECKING:
    from sieve_jobs.state.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Held:
    """A state that this run alone decides on."""

    store: SqliteStore
    unlock: Callable[[], None]
    """Frees the lock before the block ends."""
    secure: Callable[[int], bool] = lambda _: True
    """Called before anything is sent or written: on a shared state others may have come first until then.

    Whether the state still has the serial that is given, so that what was decided on it holds. If not, it is decided
    anew: from then on nobody else comes first.
    """


@contextmanager
def writable(session: Session, verb: str, timeout: float, *, new_state: bool = False) -> Iterator[Held]:
    """The state, open for writing under its lock.

    Waits up to *timeout* seconds for another run. Raises LockedError naming who holds it, StateError.
    """
    with ExitStack() as held:
        lock = held.enter_context(locked(session, verb, timeout))
        store = held.enter_context(written(session, new_state=new_state))
        if session.target.in_git:
            from sieve_jobs.cli.shared import leased

            secure = held.enter_context(leased(store, _owner(session, verb), timeout, lock))
            yield Held(store, lock.close, secure)
        else:
            yield Held(store, lock.close)


def locked(session: Session, verb: str, timeout: float) -> ExitStack:
    """Holds the lock on the state until it is closed, which may be before the run is over.

    Waits up to *timeout* seconds for another run. Raises LockedError naming who holds it, StateError.
    """
    path = session.state_path
    if not session.target.in_git:
        refuse_network(path)  # before the lock, which may hang there
    ensure_folder(session.root)
    if path.parent.name != STATE_FOLDER:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise read_only(path.parent, error.strerror or str(error)) from error
    held = ExitStack()
    held.enter_context(hold(path.with_suffix(".lock"), owner=_owner(session, verb), timeout=timeout))
    return held


@contextmanager
def written(session: Session, *, new_state: bool = False) -> Iterator[SqliteStore]:
    """The state, open for writing. What went wrong beside it, such as the backup of the day, is said at its end.

    *new_state*: a shared one is made where it is not there.
    """
    store = session.open_store(read_only=False, new_state=new_state)
    try:
        with store:
            yield store
    finally:
        session.warnings(*store.warnings)


def _owner(session: Session, verb: str) -> Owner:
    return this_process(f"{verb} -t {session.target.name}", session.environ, datetime.now(UTC))
