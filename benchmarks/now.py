"""The function that is pushed: it says when it ran, which is all there is to know of it."""

from __future__ import annotations

import time

from sieve_jobs import sdk as sieve


@sieve.function(name="now")
def now() -> int:
    return time.time_ns()
