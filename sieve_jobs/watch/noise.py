"""Noise: changes that mean nothing, and when the project is looked at because of them. Pure: times are arguments.

Where very many changes come at once the system drops those for which it has no room, and watchfiles passes over its
word that it did. What was dropped lies behind what came: a burst that means something is followed by a look at all
there is anyway, so that only what means nothing has to be remembered here.
"""

from __future__ import annotations

QUIET = 0.5
"""Seconds of quiet after which the project is looked at."""
BOUND, PAUSE = 5.0, 10.0
"""Longest that a look is put off, while noise goes on, and least between two: something may write without an end."""


class Noise:
    """What came and meant nothing since the last look. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0
        self._earliest = 0.0

    def heard(self, now: float) -> None:
        self._first = now if self._first is None else self._first
        self._last = now

    def left(self, now: float) -> float | None:
        """Seconds until the look is due, 0.0 if it is; None where there was no noise."""
        if self._first is None:
            return None
        due = max(min(self._last + QUIET, self._first + BOUND), self._earliest)
        return max(due - now, 0.0)

    def looked(self, now: float) -> None:
        """The project is looked at from now on."""
        if self._first is not None:
            self._earliest = now + PAUSE
        self._first = None
