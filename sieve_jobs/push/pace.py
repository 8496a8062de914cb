"""Pace: how fast pushes may go. No limit until the far side says 429, a token bucket afterwards."""

from __future__ import annotations

from collections import deque

BURST = 1.0
"""Tokens the bucket holds."""
SLOWEST = 0.2
"""Pushes a second that no 429 goes below."""
PRESUMED = 5.0
"""Pushes a second that the first 429 presumes at least: the few that went before it measure nothing. Source:
reliability notes, 3.3."""
RAISE_AFTER = 20
"""Successes after which the rate rises by a tenth. Source: reliability notes, 3.3."""
WINDOW = 10.0
"""Seconds over which the rate before the first 429 is measured."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0


def backoff(attempt: int, *, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> float:
    """Seconds to wait before retry *attempt*, counted from 1. No jitter: the caller adds it.

    Doubles from *first*, then stays at *longest* for any attempt, however large. Raises ValueError below 1.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, got {attempt}")
    return min(longest, first * 2.0 ** min(attempt - 1, 32))


class Pace:
    """One API key's allowance. Every method takes *now*, monotonic seconds."""

    def __init__(self) -> None:
        self.rate: float | None = None
        """Pushes a second; None while there is no limit."""
        self._tokens = 0.0
        self._filled_at = 0.0
        self._closed_until = 0.0
        self._successes = 0
        self._seen: deque[float] = deque(maxlen=4096)

    def delay(self, now: float) -> float:
        """Seconds until the next push may go; 0.0 lets it go and takes its token."""
        if now < self._closed_until:
            return self._closed_until - now
        if self.rate is None:
            return 0.0
        self._tokens = min(BURST, self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) / self.rate
        self._tokens -= 1.0
        return 0.0

    def succeeded(self, now: float) -> None:
        """A push was accepted."""
        if self.rate is None:
            self._seen.append(now)
            return
        self._successes += 1
        if self._successes % RAISE_AFTER == 0:
            self.rate *= 1.1

    def refused(self, now: float, wait: float) -> None:
        """A 429 came: nothing goes for *wait* seconds, and then at half the rate there was.

        Answers to pushes that were under way at the first 429 do not halve the rate again.
        """
        already_closed = now < self._closed_until
        self._closed_until = max(self._closed_until, now + wait)
        if already_closed:
            return
        self.rate = max(SLOWEST, (self._measured(now) if self.rate is None else self.rate) / 2)
        self._tokens, self._filled_at = BURST, self._closed_until

    def _measured(self, now: float) -> float:
        recent = [at for at in self._seen if at > now - WINDOW]
        return max(PRESUMED, len(recent) / max(now - recent[0], 1.0) if recent else 0.0)
