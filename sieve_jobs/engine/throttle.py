"""The pace at which wrong keys are answered. The right key is never held up: it is known before this is asked."""

from __future__ import annotations

LONGEST = 5.0
"""Seconds a wrong key waits for its answer; beyond that it is told at once to come again later."""


class Throttle:
    """At most *rate* a second after the first *rate*."""

    def __init__(self, rate: float) -> None:
        self._each = 1.0 / rate
        self._due = 0.0

    def delay(self, now: float) -> float | None:
        """Seconds until one more is answered; None if too many wait already."""
        due = max(self._due, now) + self._each
        delay = max(0.0, due - now - 1.0)
        if delay > LONGEST:
            return None
        self._due = due
        return delay
