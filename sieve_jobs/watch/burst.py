"""Burst: changes that belong together, and how long to wait for more of them. Pure: times are arguments."""

from __future__ import annotations

from collections.abc import Iterable

SHORTEST = 0.04
"""Seconds of quiet after the save of one file: what an editor writes, renames and removes lies within a few of ms."""
EACH, LONGEST = 0.01, 0.5
"""Seconds more for each further file, and in all: a checkout of thousands has pauses of its own."""
BUSY = 0.1
"""Seconds of quiet once git has put its lock away."""
BOUND = 10.0
"""Seconds after which a burst is taken as it is: something may write without an end."""
AGAIN = 0.25
"""Seconds of quiet before a file that cannot be read, or that is gone, is believed to be meant so."""


class Burst:
    """Paths that changed, from the first to what came last. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.paths: set[str] = set()
        self._first = self._last = now
        self._busy_until = 0.0

    def add(self, paths: Iterable[str], now: float) -> None:
        self.paths |= set(paths)
        self._last = now

    def left(self, now: float, *, busy: bool, quiet: float | None = None) -> float:
        """Seconds to go on waiting; 0.0 when it is over. *busy*: git works in the tree. *quiet* asks for so much."""
        if now - self._first >= BOUND:
            return 0.0
        if busy:
            self._busy_until = now + BUSY
        needed = min(SHORTEST + EACH * max(len(self.paths) - 1, 0), LONGEST) if quiet is None else quiet
        until = max(self._last + needed, self._busy_until)
        return max(min(until, self._first + BOUND) - now, 0.0)
