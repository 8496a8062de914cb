"""Recorder: writes of concurrent pushes to the state, as few durable commits as they come at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from sieve_jobs.errors import StateError
from sieve_jobs.push.draft import answered as recorded
from sieve_jobs.state.entry import Entry, Intent
from sieve_jobs.state.recover import Answer
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import Learned, PutIntent, Write
from sieve_jobs.wire import Status

GATHER = 0.002
"""Longest a commit waits for company, in seconds: answers that come in meanwhile share it, and its sync of the disk.
Measured: with eight pushes at a time 0.6 of the commits that a seventh of it takes, and 0.9 of the processor time."""


Waiter: TypeAlias = "asyncio.Future[float | Exception]"


def recorder_for(store: Store, serial: int, monotonic: Callable[[], float] = time.monotonic) -> Recorder:
    """The way to *store* that suits it."""
    if not store.slow:
        return Recorder(store, serial, monotonic)
    from sieve_jobs.push.slow_recorder import SlowRecorder

    return SlowRecorder(store, serial, monotonic)


class Recorder:
    """One run's way to its state. To be used in one event loop.

    Commits in the loop's own thread: what waits for the disk there is what the next push has to wait for anyway, and
    answers that arrive meanwhile make the next commit larger. (In a thread of its own: 0.8 x the pushes, measured.)
    After a failed commit no push begins any more, and every later `write` and `flush` raises the same error. What is
    still learned of pushes under way is tried nevertheless: the state knows whether it can take it. Answers that it
    did not take are in `unrecorded`.
    """

    def __init__(self, store: Store, serial: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._serial = serial
        self._monotonic = monotonic
        self._writes: list[Write] = []
        self._statuses: list[Learned] = []
        self._answers: list[Answer] = []
        self.unrecorded: list[Answer] = []
        """Pushes that were answered, and that the state may not say so of."""
        self.company: int | None = None
        """How many may come to wait at a time: a commit for which all of them wait is not put off. None: not known."""
        self._due: asyncio.TimerHandle | None = None
        """The commit that is scheduled."""
        self._waiting: list[Waiter] = []
        """Those who wait for that commit; each gets when it began, or what it raised."""
        self._then: list[Callable[[], None]] = []
        """What is done once that commit is durable."""
        self._broken: Exception | None = None

    @property
    def serial(self) -> int:
        """The state's, after the last commit of this run."""
        return self._serial

    async def write(self, *writes: Write) -> float:
        """Returns once *writes* are durable, with everything that was handed over before. Raises StateError.

        The answer is when the commit that has them began, in monotonic seconds.
        """
        if self._broken is not None:
            raise self._broken
        self._writes += writes
        self._schedule()
        return await self._commit_is_over()

    def later(self, *writes: Write) -> None:
        """Hands *writes* over, to be durable within a moment; an error shows at the next write or flush."""
        self._writes += writes
        self._schedule()

    def answer(self, intent: Intent, before: Entry | None, job_id: str, run_id: str, status: Status) -> None:
        """Hands over that the push of *intent* was answered with a job. What *before* held becomes an earlier job."""
        self._answers.append(Answer(intent.uuid, intent.name, job_id, run_id, status))
        self.later(*recorded(intent, before, job_id, run_id, status))

    def status(self, said: Learned) -> None:
        """Hands over what was learned of a job that exists: a write that needs no serial."""
        self._statuses.append(said)
        self._schedule()

    def when_durable(self, then: Callable[[], None]) -> None:
        """Calls *then* once everything handed over so far is durable; never if that cannot be had."""
        if self._due is None:
            then()
        else:
            self._then.append(then)

    async def check(self) -> None:
        """Raises what an earlier commit raised, and waits for one where that takes no time."""
        await self.flush()

    async def flush(self, *, statuses: bool = True) -> None:
        """Returns once everything handed over is durable; without *statuses*, those may be left for later."""
        del statuses
        await self._commit_is_over()

    async def _commit_is_over(self) -> float:
        """Waits for the commit that is due, if there is one."""
        if self._due is None:
            if self._broken is not None:
                raise self._broken
            return self._monotonic()
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if self.company is not None and len(self._waiting) >= self.company:
            self._due.cancel()
            self._commit()
        return answered(await waiter)

    def _schedule(self) -> None:
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(GATHER, self._commit)

    def _commit(self) -> None:
        self._due = None
        writes, self._writes = self._writes, []
        statuses, self._statuses = self._statuses, []
        answers, self._answers = self._answers, []
        waiting, self._waiting = self._waiting, []
        thens, self._then = self._then, []
        began = self._monotonic()
        try:
            self._commit_all(writes, answers)
            if statuses:
                self._store.commit(statuses, None)
        except Exception as error:  # whatever it was: those who wait have to hear of it
            self._broken = self._broken or error
            self.unrecorded += answers
        tell(waiting, self._broken or began)
        for then in thens if self._broken is None else ():
            then()

    def _commit_all(self, writes: Sequence[Write], answers: list[Answer]) -> None:
        """Where there is no room for what begins, there may be for what was learned: answers go in without intents.

        *answers* is empty once they are in.
        """
        if self._broken is not None:
            writes = [write for write in writes if not isinstance(write, PutIntent)]
        if not writes:
            return
        try:
            self._serial = self._store.commit(writes, self._serial)
        except StateError:
            learned = [write for write in writes if not isinstance(write, PutIntent)]
            if learned and len(learned) < len(writes):
                self._serial = self._store.commit(learned, self._serial)
                answers.clear()
            raise
        answers.clear()


def tell(waiting: Iterable[Waiter], answer: float | Exception) -> None:
    """Tells everybody who waits how their commit went."""
    for waiter in waiting:
        if not waiter.done():  # its task may have been cancelled
            waiter.set_result(answer)


def answered(answer: float | Exception) -> float:
    """When the commit began. Raises what it raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer
