"""Who waits for a job's end, and the wake-up when it comes."""

from __future__ import annotations

import asyncio
from collections import defaultdict


class Hub:
    """Waiters by job id. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self.ending = False
        """The engine ends: nothing waited for will come."""

    def wait(self, job_id: str) -> asyncio.Future[None]:
        """Done when the job has ended, or the engine does. Register first, then look at the job."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.ending:
            waiter.set_result(None)
            return waiter
        self._waiting[job_id].add(waiter)
        waiter.add_done_callback(lambda done: self._forget(job_id, done))
        return waiter

    def ended(self, job_id: str) -> None:
        """Tells that the job has come to its end, after that was committed."""
        for waiter in list(self._waiting.get(job_id, ())):
            if not waiter.done():
                waiter.set_result(None)

    def end(self) -> None:
        """Wakes everyone: the engine ends."""
        self.ending = True
        for job_id in list(self._waiting):
            self.ended(job_id)

    def _forget(self, job_id: str, waiter: asyncio.Future[None]) -> None:
        waiters = self._waiting.get(job_id)
        if waiters is not None:
            waiters.discard(waiter)
            if not waiters:
                del self._waiting[job_id]
