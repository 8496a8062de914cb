"""Clock: the time, and waiting, as an argument."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol


class Clock(Protocol):
    """Where the time comes from. Tests bring one that runs faster."""

    def now(self) -> datetime:
        """This machine's wall clock, aware UTC. It may jump."""

    def monotonic(self) -> float:
        """Seconds that never go back and that go on while the machine sleeps."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        boottime = getattr(time, "CLOCK_BOOTTIME", None)  # Linux alone; elsewhere suspended time is not counted
        return time.monotonic() if boottime is None else time.clock_gettime(boottime)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def either(*ways: Coroutine[Any, Any, object]) -> None:
    """Returns when the first of *ways* is over, and ends the others."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
