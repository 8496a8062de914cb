"""Stop: somebody asked the run to end. The command line's signal handlers call it, the run looks at it."""

from __future__ import annotations

import asyncio

from sieve_jobs.errors import ExitCode

GRACE = 5.0
"""Seconds that pushes under way get to be recorded."""


class Stop:
    """Asked once: no new pushes, those in flight are recorded. Asked twice: at once, intents stay behind.

    To be made and called in the event loop's thread (`loop.add_signal_handler`).
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        self.exit_code = ExitCode.INTERRUPTED

    def request(self, code: ExitCode = ExitCode.INTERRUPTED) -> None:
        """INTERRUPTED for SIGINT, TERMINATED for SIGTERM; the first one names the exit code."""
        if self.asked.is_set():
            self.at_once.set()
            return
        self.exit_code = code
        self.asked.set()
