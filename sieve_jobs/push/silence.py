"""Silence: a far side that gives no good answer any more: when it is asked again, and when it is given up."""

from __future__ import annotations

import asyncio
import shlex

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.push.pace import backoff

LONGEST = 120.0
"""Seconds without one good answer after which following ends."""
LONGEST_PAUSE = 15.0


class Silence:
    """The time since the last good answer, while there is none. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self._since = 0.0
        self._attempts = 0
        self.why = ""
        """What the last call met."""
        self._answers = asyncio.Event()
        self._answers.set()

    @property
    def pause(self) -> float:
        """Seconds until it is asked again; 0.0 while it answers."""
        return backoff(self._attempts, longest=LONGEST_PAUSE) if self._attempts else 0.0

    def note(self, now: float, why: str) -> bool:
        """A call had no good answer: whether that is the first one."""
        self.why = why
        if self._attempts:
            return False
        self._since, self._attempts = now, 1
        self._answers.clear()
        return True

    def goes_on(self, now: float) -> bool:
        """It was asked again, in vain: whether it is worth asking once more."""
        self._attempts += 1
        return now - self._since < LONGEST

    def end(self) -> None:
        """There was a good answer."""
        self._attempts = 0
        self._answers.set()

    async def over(self) -> None:
        """Returns once it answers: at once if there is no silence."""
        await self._answers.wait()


def given_up(why: str, target: str) -> Diagnostic:
    """Jobs of *target* are not followed any more: what can be done about it."""
    where = "" if target == "local" else f" -t {shlex.quote(target)}"
    hint = f"they go on; `sieve-jobs wait{where}` follows them again, `sieve-jobs status{where}` asks once"
    return Diagnostic(Code.CALL_FAILED, f"could not follow the jobs: {why}", hint=hint)
