"""A state that is shared through git, as verbs open it and speak of it. Loaded for such targets alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import StateError
from sieve_jobs.plan.plan import Notice
from sieve_jobs.render.quantity import age
from sieve_jobs.state import lease
from sieve_jobs.state.folder import ensure_folder
from sieve_jobs.state.git.repository import Repository
from sieve_jobs.state.git.store import GitOptions, GitStore, open_git_store, ref_of

if TYPE_CHECKING:
    from sieve_jobs.cli.context import Session
    from sieve_jobs.state.lock import Owner
    from sieve_jobs.state.sqlite import SqliteStore
    from sieve_jobs.state.store import Store


def open_shared(session: Session, *, read_only: bool, new_state: bool, offline: bool) -> GitStore:
    """The state on the remote, read through this clone's copy. Raises StateError."""
    try:
        ensure_folder(session.root)
    except StateError:
        if not read_only:
            raise
    target = session.target
    options = GitOptions(
        target=target.name, lineage=target.lineage, new_state=new_state, read_only=read_only, offline=offline,
        lease=lease.SECONDS,
    )  # fmt: skip
    return open_git_store(session.root, session.state_path, session.environ, options)


def shown_place(session: Session) -> str:
    return f"git {ref_of(session.target.name)} on {repository_of(session).remote}"


def repository_of(session: Session) -> Repository:
    return Repository(session.root, session.environ, ref_of(session.target.name))


@contextmanager
def leased(store: SqliteStore, owner: Owner, timeout: float, lock: ExitStack) -> Iterator[Callable[[int], bool]]:
    """Puts the lease on *store* under *lock*, which gives it back before it frees the lock of this clone.

    Gives what takes it before the first commit (see locking.Held).
    """
    if not isinstance(store, GitStore):
        raise TypeError("not a shared state")
    lock.enter_context(store.lease(owner, timeout=timeout))
    with ExitStack() as held:
        held.callback(lock.close)
        yield lambda serial: store.secure(serial, timeout=timeout)


def notices(session: Session, store: Store, *, offline: bool) -> tuple[Notice, ...]:
    """What is worth knowing of where the plan's knowledge comes from."""
    if not isinstance(store, GitStore):
        return ()
    if not offline:
        if store.on_remote or store.makes_state or session.target.lineage is None:
            return ()
        text = f"the state of lineage '{session.target.lineage}' is not on the remote: apply will refuse"
        hint = "if it was lost: sieve-jobs state adopt; for a target that never ran: apply --new-state"
        return (Notice(None, None, text, hint),)
    if not store.on_remote:
        return (Notice(None, None, "offline, and this clone never saw the state: every spec looks new"),)
    seen = store.seen_at
    since = "" if seen is None else f" {age((datetime.now(UTC) - seen).total_seconds())}"
    return (Notice(None, None, f"offline: the state is as this clone saw it{since}"),)


def unpinned(session: Session, store: Store) -> str | None:
    """A line that says how a state that was just made is pinned; None where there is nothing to say."""
    if session.target.lineage is not None or not isinstance(store, GitStore) or not store.on_remote:
        return None
    line = f'[targets.{session.target.name}]: lineage = "{store.header().lineage}"'
    return f"note: so that a lost state is not taken for a new one, in {line}"


def require_writable_remote(session: Session) -> None:
    """Raises StateError where the remote would not take a push, as far as that can be told without one."""
    why = repository_of(session).may_push()
    if why is not None:
        raise StateError(
            Diagnostic(
                Code.SHARED_STATE_OUT_OF_REACH,
                f"the remote would not take a push of the state: {why}",
                hint="`plan` only needs to read",
            )
        )
