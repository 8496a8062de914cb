"""The state as a verb that writes has it: its lock, and its store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sieve_jobs.cli.context import Session
from sieve_jobs.config.settings import STATE_FOLDER
from sieve_jobs.state.folder import ensure_folder
from sieve_jobs.state.lock import hold, this_process

if TYPE_CHECKING:
    from sieve_jobs.state.sqlite import SqliteStore


def locked(session: Session, verb: str, timeout: float) -> ExitStack:
    """Holds the lock on the state until it is closed, which may be before the run is over.

    Waits up to *timeout* seconds for another run. Raises LockedError naming who holds it, StateError.
    """
    path = session.state_path
    ensure_folder(session.root)
    if path.parent.name != STATE_FOLDER:
        path.parent.mkdir(parents=True, exist_ok=True)
    owner = this_process(f"{verb} -t {session.target.name}", session.environ, datetime.now(UTC))
    held = ExitStack()
    held.enter_context(hold(path.with_suffix(".lock"), owner=owner, timeout=timeout))
    return held


@contextmanager
def written(session: Session) -> Iterator[SqliteStore]:
    """The state, open for writing. What went wrong beside it, such as the backup of the day, is said at its end."""
    store = session.open_store(read_only=False)
    try:
        with store:
            yield store
    finally:
        session.warnings(*store.warnings)
