"""Jobs of jobs: what a running job may ask of the engine, how far its family may grow, and who waits for whom.

A worker never gets the engine's key. Each attempt gets a pass, a random token that holds while the attempt runs
and opens only what a client needs to push a job and to read how it goes.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sieve_jobs.engine.records import Run
from sieve_jobs.wire import FUNCTIONS, JOBS, LOGS, PUSH, Json

DEEPEST = 16
"""How many jobs may stand above a job: a function that pushes itself without end is stopped here."""
MOST_CHILDREN = 1_000
"""How many jobs a job may push, over all its attempts."""
POLL_HOLDS = 10.0
"""Seconds for which a job that has looked at an open job counts as waiting for it."""


class FamilyError(ValueError):
    """A job may not push one more. The message is the `detail` of the refusal."""


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes of the attempts that run, by their hash: a copy of the engine's memory holds no token."""

    _runs: dict[bytes, Run] = field(default_factory=dict)

    def issue(self, run: Run) -> str:
        token = secrets.token_urlsafe(32)
        self._runs[_hash(token.encode())] = run
        return token

    def withdraw(self, token: str) -> None:
        self._runs.pop(_hash(token.encode()), None)

    def holder(self, token: bytes) -> Run | None:
        """The attempt that was given *token* and still runs."""
        return self._runs.get(_hash(token))


def opens(method: str, path: str) -> bool:
    """Whether a pass is good for a request: a push, or reading one job, its log or a function."""
    if method == "POST":
        return path == PUSH
    return method in {"GET", "HEAD"} and (path == LOGS or path.startswith((JOBS + "/", FUNCTIONS + "/")))


def depth_below(db: sqlite3.Connection, parent: str) -> int | None:
    """How many jobs stand above a further child of *parent*; None if there is no such job. Raises FamilyError."""
    row = db.execute("SELECT depth FROM jobs WHERE id = ?", (parent,)).fetchone()
    if row is None:
        return None
    if row[0] >= DEEPEST:
        raise FamilyError(f"Jobs that push jobs may be {DEEPEST} deep; this one is.")
    (count,) = db.execute("SELECT count(*) FROM jobs WHERE parent = ?", (parent,)).fetchone()
    if count >= MOST_CHILDREN:
        raise FamilyError(f"A job may push {MOST_CHILDREN} jobs; this one has.")
    return int(row[0]) + 1


def children_of(db: sqlite3.Connection, listed: str) -> dict[str, dict[str, list[Json]]]:
    """By parent: `owner/name` to the ids of the jobs it pushed, oldest first. *listed* is a JSON array of ids."""
    found: dict[str, dict[str, list[Json]]] = {}
    rows = db.execute(
        "SELECT parent, owner || '/' || name, id FROM jobs"
        " WHERE parent IS NOT NULL AND parent IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (listed,),
    )
    for parent, function, job_id in rows:
        found.setdefault(parent, {}).setdefault(function, []).append(job_id)
    return found


class Asking:
    """Which attempts wait for another job just now. Belongs to one event loop; `began` is called when one does."""

    def __init__(self) -> None:
        self.began: Callable[[], None] = lambda: None
        self._counts: Counter[Run] = Counter()

    def __contains__(self, run: Run) -> bool:
        return run in self._counts

    @contextmanager
    def waiting(self, run: Run | None) -> Iterator[None]:
        """While a job waits for another one, those below it may have its place. Nothing for None."""
        if run is None:
            yield
            return
        self._begin(run)
        try:
            yield
        finally:
            self._end(run)

    def looked(self, run: Run) -> None:
        """A job has looked at an open one: it may be doing so until that ends, and counts as waiting for a while."""
        self._begin(run)
        asyncio.get_running_loop().call_later(POLL_HOLDS, self._end, run)

    def _begin(self, run: Run) -> None:
        self._counts[run] += 1
        self.began()

    def _end(self, run: Run) -> None:
        self._counts[run] -= 1
        if self._counts[run] <= 0:
            del self._counts[run]


@dataclass(frozen=True, slots=True)
class Standing:
    """A worker's place as it counts here: how deep the job in it stands, and whether that waits for another."""

    depth: int
    waits: bool


def has_room(depth: int, taken: Sequence[Standing], capacity: int) -> bool:
    """Whether a job with *depth* jobs above it may start beside those that have places.

    A job that waits leaves its place to jobs below it, so that parents never block their children; to others it
    counts as running, so that no more than *capacity* jobs of one depth are ever under way. The deepest of those
    that wait has below it only jobs that run: whatever waits comes to its end.
    """
    return sum(1 for place in taken if not place.waits or place.depth >= depth) < capacity


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
