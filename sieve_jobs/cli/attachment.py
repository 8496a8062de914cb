"""Attachment: the project's engine for the length of a run, and the one after it where it ends under the run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from sieve_jobs.engine.launch import EngineError, Waiting, attach_with
from sieve_jobs.engine.settings import Settings
from sieve_jobs.errors import NoEngineError
from sieve_jobs.push.events import Event, Rejoined

MOST_LOST, LOST_WITHIN = 5, 60.0
"""How often the engine may end under a run within so many seconds before it is not worth another one."""
COMEBACK = 3.0
"""Seconds in which whoever ran the engine may start it again, before one is started here."""


class Attachment:
    """The engine that a run uses. Leave it with `close`."""

    def __init__(self, settings: Settings, waiting: Waiting | None = None) -> None:
        """Finds the engine, or starts it as *settings* say. *waiting* as of `attach_with`. Raises EngineError."""
        self._settings, self._waiting = settings, waiting
        self._running = attach_with(settings, waiting=waiting)
        self._losses: tuple[float, ...] = ()
        self._wanted = True
        self.key = self._running.key

    @property
    def url(self) -> str:
        """Where it answers, as far as is known."""
        return self._running.url

    @property
    def requeued(self) -> int | None:
        """After `close`: how many running jobs the engine queued again as it ended; None if it goes on."""
        return self._running.requeued

    @property
    def undelivered(self) -> int:
        """After `close` of an engine that ended: its webhook events that are left to the next one, or were given up."""
        return self._running.undelivered

    def close(self) -> None:
        self._running.close()

    async def again(self, tell: Callable[[Event], None] | None = None) -> str:
        """The url of the engine after no connection to it came about: of one that was found, or started here.

        *tell* hears of a change. Raises NoEngineError.
        """
        now = time.monotonic()
        self._losses = losses(self._losses, now)
        if len(self._losses) > MOST_LOST:
            said = f"the engine ended more than {MOST_LOST} times within {LOST_WITHIN:g} s"
            raise NoEngineError(f"{said}; its log is .sieve-jobs/engine/log")
        before, self._wanted = self.url, True
        try:
            started = await asyncio.to_thread(self._attach)
        except EngineError as error:
            raise NoEngineError(f"the engine is gone, and there is no other: {error}") from error
        except asyncio.CancelledError:
            self._wanted = False  # the thread is not waited for longer than a step of it takes
            raise
        if tell is not None and (started or self.url != before):
            tell(Rejoined(self.url, started))
        return self.url

    def _attach(self) -> bool:
        """Takes the engine that answers in place of the one before; whether it was started for that."""
        comeback = 0.0 if self._running.started else COMEBACK
        fresh = attach_with(self._settings, None, self._waiting, comeback=comeback, wanted=lambda: self._wanted)
        if fresh.key != self.key:
            fresh.close()
            raise EngineError("the one that answers has another key, as its folder was made anew")
        if fresh.url == self.url and not fresh.started:
            fresh.close()
            return False
        self._running.close()
        self._running = fresh
        return fresh.started


def losses(before: Iterable[float], now: float) -> tuple[float, ...]:
    """When an engine was lost, *now* included; what is longer ago than LOST_WITHIN is forgotten."""
    return (*(at for at in before if now - at <= LOST_WITHIN), now)
