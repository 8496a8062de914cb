"""What the supervisor and an attempt ask of a worker, wherever it runs: ready, run, kill. The seam for executors.

Everything crosses as JSON frames with open files beside them, never as paths or process ids, so a worker on another
machine needs only another implementation of this. `process.WorkerProcess` is the one for local processes.
"""

from __future__ import annotations

from typing import Protocol

from sieve_jobs.engine.catalog import Module
from sieve_jobs.engine.death import Death
from sieve_jobs.engine.frames import Frame
from sieve_jobs.wire import Json


class Replica(Protocol):
    """A worker for one module, which runs one job at a time."""

    module: Module
    is_loaded: bool
    """Its module is imported; set by who had it do so."""
    stage: str
    """What its job is at: import, setup or run."""

    @property
    def lost(self) -> Death | None:
        """Why nothing more will come from it. Whoever looks after it sees to it that this is known within the lease."""

    def begin(self, job_id: str, run_id: str) -> None:
        """From now on it works for that attempt, and what it prints is filed there."""

    def enter(self, stage: str) -> None:
        """What is printed from now on is of *stage*: import, setup or run."""

    def end(self) -> None:
        """The attempt is over, and what was printed for it is handed on. Safe to call twice."""

    async def send(self, body: dict[str, Json], handle: int | None = None) -> None:
        """Sends one frame. A worker that is gone is noticed by `next`, not here. Raises FrameError."""

    async def next(self) -> Frame | None:
        """The next frame, None when there will be none; then `lost` says why."""

    def peek(self) -> Frame | None:
        """The frame `next` would return at once."""

    def condemn(self, death: Death, grace: float) -> None:
        """Gives it up, unless it is lost already, and ends it as `stop` does: `next` tells at once."""

    async def stop(self, grace: float) -> None:
        """Ends it and all it started: asks, after *grace* seconds kills. Returns when they are gone."""
