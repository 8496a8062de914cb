"""Work that Ctrl-C and SIGTERM end in order: what is under way gets recorded; a second signal ends it at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from sieve_jobs.cli.connection import FarSide
from sieve_jobs.errors import ExitCode

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client
    from sieve_jobs.push.stop import Stop

T = TypeVar("T")


def run_interruptible(far: FarSide, work: Callable[[Client, Stop], Awaitable[T]]) -> T:
    """Runs *work* with a client of the far side; the signals ask its Stop, which decides what that means."""
    from sieve_jobs.push.stop import Stop

    async def running() -> T:
        stop = Stop()
        loop = asyncio.get_running_loop()
        for number, code in ((signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)):
            loop.add_signal_handler(number, stop.request, code)
        async with far.client() as client:
            return await work(client, stop)

    return asyncio.run(running())
