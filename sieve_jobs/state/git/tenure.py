"""Tenure: this run's hold on the lease: not wanted, wanted, held. Decides what the next commit does with it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sieve_jobs.state.git.problems import locked, overtaken
from sieve_jobs.state.lease import RENEWED_AT, Lease, is_alive, renewed
from sieve_jobs.state.lock import Owner
from sieve_jobs.state.snapshot import Head


@dataclass(slots=True)
class _Sight:
    """A lease of somebody else, and since when this process sees it as it is."""

    expires_at: datetime
    fence: int
    since: float


class Tenure:
    """What this run knows of the lease."""

    def __init__(self, place: str, seconds: float, now: Callable[[], datetime], clock: Callable[[], float]) -> None:
        """*clock* gives monotonic seconds."""
        self._place, self._seconds, self._now, self._clock = place, seconds, now, clock
        self._owner: Owner | None = None
        self._clone = ""
        self._fence: int | None = None
        self._sight: _Sight | None = None
        self._renewed_at = 0.0

    @property
    def held(self) -> bool:
        return self._fence is not None

    def want(self, owner: Owner, clone: str) -> None:
        """From now on the next commit takes the lease. The caller holds the local lock of *clone*."""
        self._owner, self._clone = owner, clone

    def stranger(self, head: Head) -> Lease | None:
        """The lease that keeps this run from beginning; None where there is none, or its holder is dead."""
        lease = head.lease
        if lease is None or lease.clone == self._clone or head.fence == self._fence:
            return None
        now = self._clock()
        sight = self._sight
        if sight is None or (sight.expires_at, sight.fence) != (lease.expires_at, head.fence):
            self._sight = sight = _Sight(lease.expires_at, head.fence, now)
        return lease if is_alive(lease, self._now(), now - sight.since) else None

    def next(self, head: Head, *, decides: bool) -> tuple[int, Lease | None]:
        """Fence and lease of a commit on *head*. Raises LockedError where another run holds it, or took it over.

        What decides nothing, a status, goes in under anybody's lease, and renews none but our own.
        """
        ours = self.held and head.fence == self._fence and head.lease is not None
        if self._owner is None or not (decides or ours):
            return head.fence, head.lease
        if self._fence is None:
            stranger = self.stranger(head)
            if stranger is not None:
                raise locked(self._place, stranger, 0.0)
            return head.fence + 1, renewed(Lease(self._owner, self._clone, self._seconds, self._now()), self._now())
        if head.fence != self._fence or head.lease is None:
            raise overtaken(self._place, head.lease)
        return head.fence, renewed(head.lease, self._now())

    def took(self, fence: int, lease: Lease | None) -> None:
        """The commit is on the remote."""
        if self._owner is not None and lease is not None and lease.owner == self._owner:
            self._fence = fence
            self._renewed_at = self._clock()

    @property
    def is_due(self) -> bool:
        """Whether it should be renewed."""
        return self.held and self._clock() - self._renewed_at >= self._seconds * RENEWED_AT

    def release(self, head: Head) -> bool:
        """Whether *head* holds a lease of ours, which goes with the next commit."""
        return self.held and head.fence == self._fence and head.lease is not None

    def end(self) -> None:
        self._owner = self._fence = None
