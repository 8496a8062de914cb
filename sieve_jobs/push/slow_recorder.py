"""SlowRecorder: the recorder of a state far away, where a commit is a push of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sieve_jobs.errors import LockedError, StateError
from sieve_jobs.push.recorder import Recorder, Waiter, answered, tell
from sieve_jobs.state.recover import Answer
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import Learned, Write

HOLD = 20.0
"""Seconds that statuses of jobs are held back for company: they take nothing back, and can be asked for again."""
FIRST_GATHER, GATHER_PART, LONGEST_GATHER = 0.02, 0.25, 0.5
"""How long a commit waits for company: a part of what the last one took, at most so many seconds."""


class SlowRecorder(Recorder):
    """Commits in a thread, one at a time: what comes meanwhile, intents and answers alike, goes with the next one."""

    def __init__(self, store: Store, serial: int, monotonic: Callable[[], float], *, hold: float = HOLD) -> None:
        super().__init__(store, serial, monotonic)
        self._hold = hold
        self._gather = FIRST_GATHER
        self._worker: asyncio.Task[None] | None = None
        self._under_way: list[Waiter] | None = None
        """Those who wait for the commit under way; None where there is none."""
        self._timer: asyncio.TimerHandle | None = None

    def when_durable(self, then: Callable[[], None]) -> None:
        if self._worker is None:
            then()
        else:
            self._then.append(then)

    async def check(self) -> None:
        if self._broken is not None:
            raise self._broken

    async def flush(self, *, statuses: bool = True) -> None:
        waiting = self._under_way
        if self._writes or (statuses and self._statuses):
            self._hurry()
            waiting = self._waiting
        if waiting is None:
            await self.check()
        else:
            answered(await _joined(waiting))

    async def _commit_is_over(self) -> float:
        return answered(await _joined(self._waiting))

    def _schedule(self) -> None:
        if self._writes:
            self._hurry()
        elif self._statuses and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._hold, self._hurry)

    def _hurry(self) -> None:
        """What was handed over goes now, or as soon as the commit under way is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._writes or self._waiting or self._then or self._statuses:
                await asyncio.sleep(self._gather)
                await self._commit_beside()
                if not (self._writes or self._waiting or self._then):
                    break
        finally:
            self._worker = None
        self._schedule()

    async def _commit_beside(self) -> None:
        """One commit, in a thread. It goes on though this task be cancelled: it is not cut in the middle."""
        writes, self._writes = self._writes, []
        statuses, self._statuses = self._statuses, []
        answers, self._answers = self._answers, []
        self._under_way, self._waiting = self._waiting, []
        thens, self._then = self._then, []
        began = self._monotonic()
        try:
            await asyncio.to_thread(self._commit_both, writes, statuses, answers)
            self._gather = min((self._monotonic() - began) * GATHER_PART, LONGEST_GATHER)
        except asyncio.CancelledError:
            self._broken = self._broken or StateError()  # the run ends here, and nobody knows how the commit does
            raise
        except Exception as error:  # whatever it was: those who wait have to hear of it
            self._broken = self._broken or error
        finally:
            self.unrecorded += answers
            waiting, self._under_way = self._under_way, None
            tell(waiting, self._broken or began)
        for then in thens if self._broken is None else ():
            then()

    def _commit_both(self, writes: Sequence[Write], statuses: Sequence[Learned], answers: list[Answer]) -> None:
        """In one push where there is anything but statuses; these go alone where another run came first."""
        if not writes:
            self._store.commit(statuses, None)
            return
        try:
            self._commit_all([*writes, *statuses], answers)
        except LockedError:
            if statuses:
                self._store.commit(statuses, None)
            raise


def _joined(waiting: list[Waiter]) -> Waiter:
    waiter: Waiter = asyncio.get_running_loop().create_future()
    waiting.append(waiter)
    return waiter
