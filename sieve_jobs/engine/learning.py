"""Importing a module for what it says of its functions, in a worker that runs no job."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Protocol

from sieve_jobs.engine.attempt import Desk, load
from sieve_jobs.engine.catalog import Function, Module
from sieve_jobs.engine.replica import Replica
from sieve_jobs.engine.report import report
from sieve_jobs.engine.settings import Settings


class Spawn(Protocol):
    """Starts a worker for a module, which sees GPU number *gpu* alone where one is given. Raises OSError."""

    def __call__(self, module: Module, gpu: int | None = None) -> Replica: ...


@dataclass(frozen=True, slots=True)
class Learning:
    """One module at a time: each takes a worker beside those that run jobs."""

    settings: Settings
    desk: Desk
    spawn: Spawn
    broken: set[Module] = field(default_factory=set)
    """Files that could not be imported ahead of a job: the next job does so, and has the error told."""
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_busy(self) -> bool:
        return self._one.locked()

    async def describe(self, function: Function) -> None:
        """Has a worker import the function's module, to learn its inputs.

        Given up after a while: a module may do anything when it is imported, and another request waits.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.describe_longest), self._one:
                worker = self.spawn(function.module)
                try:
                    error = await load(worker, self.desk)
                    if error:
                        report(f"could not import {function.module.file}:\n{error}")
                finally:
                    await worker.stop(self.settings.end_grace)
