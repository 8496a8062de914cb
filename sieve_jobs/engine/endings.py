"""What follows when a job or an attempt has come to its end: who waits is told, or the job stands in line again."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from sieve_jobs.engine import ends
from sieve_jobs.engine.attempt import Desk
from sieve_jobs.engine.death import Death
from sieve_jobs.engine.lines import Lines
from sieve_jobs.engine.records import Claimed, Waiting
from sieve_jobs.engine.report import report


@dataclass(frozen=True, slots=True)
class Endings:
    """*told* is told of each job's end; *go_on* is called when a job stands in line again that nobody expects there."""

    desk: Desk
    lines: Lines
    told: Callable[[str], None]
    restart_limit: int
    start: Callable[[Coroutine[object, object, None]], None]
    go_on: Callable[[], None]

    def recorded(self, claimed: Claimed, waiting: Waiting, ending: asyncio.Future[bool]) -> None:
        """The end of an attempt is on the disk, or that of another one was before it; or it could not be recorded."""
        error = ending.exception()
        if error is not None:
            report(f"could not record the end of job {waiting.id}: {error}")
            self.start(self.unrecorded(claimed, waiting))
            return
        if claimed.has_hooks:
            self.desk.happened()
        self.told(waiting.id)

    async def unrecorded(self, claimed: Claimed, waiting: Waiting) -> None:
        """Runs a job again whose result could not be recorded."""
        with contextlib.suppress(sqlite3.Error):  # given up, as the engine ends: the next one finds it as running
            await self.lost(claimed, waiting, Death("the engine could not record its result"))
            self.go_on()

    async def lost(self, claimed: Claimed, waiting: Waiting, death: Death) -> None:
        """A worker died under a job, which runs again if it may."""
        if await ends.lost(self.desk, claimed, death, self.restart_limit):
            self.lines.put_back(waiting)
            return
        self.desk.happened()
        self.told(waiting.id)

    async def unstarted(self, waiting: Waiting, error: Exception) -> None:
        """Ends a job that could not be claimed, for what its row holds: the disk alone is asked again."""
        with contextlib.suppress(sqlite3.Error):
            await self.fail(waiting, f"the engine could not read the job: {error}")

    async def requeue(self, claimed: Claimed) -> int:
        """Queues a running job again as the engine ends; how many that were."""
        try:
            return int(await ends.requeue(self.desk, claimed, ends.ENGINE_ENDED))
        except sqlite3.Error as error:
            report(f"could not queue job {claimed.run.job_id} again: {error}; the next engine does")
            return 0

    async def fail(self, job: Waiting, error: str) -> None:
        """Ends a queued job that cannot be run."""
        await ends.fail(self.desk, job, error)
        self.desk.happened()
        self.told(job.id)
