"""The lease on a shared state: who pushes on a target now. Pure; it saves work, and correctness does not rest on it.

What keeps two runs apart is the compare-and-swap of every commit, and the fence, which rises with each holder: a run
that was overtaken cannot commit any more, so it cannot push either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sieve_jobs.state.export import time_text
from sieve_jobs.state.lock import Owner
from sieve_jobs.state.parse import DocumentError, Fields
from sieve_jobs.wire import Json

SECONDS = 60.0
"""How long a lease lasts without being renewed."""
SKEW = 10.0
"""Seconds that the clocks of two machines may differ by."""
RENEWED_AT = 1 / 3
"""Part of its time after which a lease is renewed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a shared state, until when."""

    owner: Owner
    clone: str
    """The folder it was taken in: whoever holds the local lock there knows that the holder is dead."""
    seconds: float
    """How long it lasts when it is renewed."""
    expires_at: datetime
    """By the holder's clock."""


def is_alive(lease: Lease, now: datetime, unchanged_for: float) -> bool:
    """Whether its holder may still push. *unchanged_for*: seconds that this process saw it standing as it is.

    By the wall clock, with a margin for skew; a holder whose clock is far ahead does not hold for ever, as a lease
    that is not renewed for as long as it lasts is dead too.
    """
    return now <= lease.expires_at + timedelta(seconds=SKEW) and unchanged_for <= lease.seconds + SKEW


def renewed(lease: Lease, now: datetime) -> Lease:
    return Lease(lease.owner, lease.clone, lease.seconds, now + timedelta(seconds=lease.seconds))


def lease_document(lease: Lease) -> dict[str, Json]:
    owner = lease.owner
    return {
        "user": owner.user,
        "host": owner.host,
        "pid": owner.pid,
        "started_at": time_text(owner.started_at),
        "command": owner.command,
        "run_url": owner.run_url,
        "clone": lease.clone,
        "seconds": lease.seconds,
        "expires_at": time_text(lease.expires_at),
    }


def parse_lease(value: Json) -> Lease:
    """Raises DocumentError."""
    fields = Fields(value, "lease")
    seconds = fields.take("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 86400:
        raise DocumentError("lease.seconds: expected a number of seconds")
    lease = Lease(
        Owner(
            user=fields.text("user", empty=True), host=fields.text("host", empty=True), pid=fields.number("pid"),
            started_at=fields.time("started_at"), command=fields.text("command", empty=True),
            run_url=fields.text("run_url", empty=True),
        ),
        clone=fields.text("clone", empty=True), seconds=float(seconds), expires_at=fields.time("expires_at"),
    )  # fmt: skip
    fields.done()
    return lease
