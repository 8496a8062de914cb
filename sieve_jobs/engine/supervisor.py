"""Queued jobs to worker processes: who runs next, what happens when a worker dies, and the end of them all."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sieve_jobs.engine import jobs
from sieve_jobs.engine.attempt import Desk, Outcome, attempt, load
from sieve_jobs.engine.catalog import Catalog, Function, Module
from sieve_jobs.engine.census import Place, Stage
from sieve_jobs.engine.children import Asking, Standing, has_room
from sieve_jobs.engine.choose import Choice, Head, choose
from sieve_jobs.engine.process import WorkerProcess
from sieve_jobs.engine.records import Claimed, Ended, Waiting
from sieve_jobs.engine.report import report, report_error
from sieve_jobs.engine.settings import Settings
from sieve_jobs.wire import Json

RESTART_ERROR = "error"
RESTART_PREEMPTION = "preemption"
"""Types of `restarts` entries: a worker died, or the engine ended under the job."""


@dataclass(slots=True, eq=False)
class _Slot:
    """A place for one worker. *job* is what runs there; a slot without job and with a worker is idle."""

    module: Module
    worker: WorkerProcess | None = None
    job: Claimed | None = None
    depth: int = 0
    """How many jobs stand above the one it is reserved for."""
    is_reserved: bool = True
    is_cancelled: bool = False
    """Its job was cancelled, perhaps before it had a worker."""


@dataclass(slots=True)
class Supervisor:
    """Belongs to one event loop. *spawn* starts a worker process, *ended* is told of each job's end."""

    settings: Settings
    catalog: Catalog
    desk: Desk
    spawn: Callable[[Module], WorkerProcess]
    ended: Callable[[str], None]
    capacity: int
    asking: Asking = field(default_factory=Asking)
    is_ending: bool = False
    _queues: dict[tuple[str, int], deque[Waiting]] = field(default_factory=dict)
    """By function and depth, for the jobs below one that waits must not stand behind those beside it."""
    _slots: list[_Slot] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _absent: dict[str, float] = field(default_factory=dict)
    _describing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.asking.began = lambda: self._pump(self.catalog.last_seen())

    def add(self, *waiting: Waiting) -> None:
        """Takes jobs that are queued in the store, in order of age, whose functions were just looked for."""
        for job in waiting:
            self._queues.setdefault((job.name, job.depth), deque()).append(job)
        self._pump(self.catalog.last_seen())

    def raise_capacity(self, workers: int) -> None:
        """An engine that was started to serve the API alone gets its first workers; others keep theirs."""
        if self.capacity == 0:
            self.capacity = workers
            self.pump()

    def pump(self) -> None:
        """Starts whatever can be started. Called after everything that may have changed that."""
        self._pump(self.catalog.functions())

    def _pump(self, functions: Mapping[str, Function]) -> None:
        if self.is_ending or self.capacity == 0:
            return
        self._retire({function.module for function in functions.values()})
        while True:
            taken = [Standing(slot.depth, self._waits(slot)) for slot in self._slots if slot.is_reserved]
            heads = [head for head in self._heads(functions) if has_room(head.depth, taken, self.capacity)]
            idle = [slot for slot in self._slots if not slot.is_reserved]
            choice = choose(heads, [slot.module for slot in idle], self.capacity - self._count_busy())
            if choice is None:
                return
            waiting = self._queues[choice.head.name, choice.head.depth].popleft()
            self._start(self._run(self._take(choice, idle), waiting, functions[choice.head.name]))

    def places(self) -> list[Place]:
        """The workers there are now, and what each is at."""
        return [_place(slot) for slot in self._slots]

    def _waits(self, slot: _Slot) -> bool:
        return slot.job is not None and slot.job.run in self.asking

    def _count_busy(self) -> int:
        """Places that count against the capacity, idle ones among them."""
        return sum(1 for slot in self._slots if not self._waits(slot))

    async def cancel(self, job_id: str) -> bool | None:
        """Cancels a job: True, False if it is at its end already, None if there is no such job.

        Returns when that is recorded; the process tree is ended behind it.
        """
        now = datetime.now(UTC)
        done = await self.desk.store.write(lambda db: jobs.cancel(db, job_id, now))
        if done:
            self.desk.happened()
            self.ended(job_id)
            for queue in self._queues.values():
                found = next((job for job in queue if job.id == job_id), None)
                if found is not None:
                    queue.remove(found)
            for slot in self._slots:
                if slot.job is not None and slot.job.run.job_id == job_id:
                    slot.is_cancelled = True
                    if slot.worker is not None:
                        self._start(slot.worker.stop(self.settings.cancel_grace))
        return done

    async def describe(self, function: Function) -> None:
        """Has a worker import the function's module, to learn its inputs; nothing if no worker may run.

        Given up after a while: a module may do anything when it is imported, and another request waits.
        """
        if self.is_ending or self.capacity == 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.describe_longest), self._describing:
                await self._import(function)

    async def _import(self, function: Function) -> None:
        worker = self.spawn(function.module)
        try:
            error = await load(worker, self.desk)
            if error:
                report(f"could not import {function.module.file}:\n{error}")
        finally:
            await worker.stop(self.settings.end_grace)

    async def end(self) -> int:
        """Queues running jobs again, ends all workers; how many jobs that were."""
        self.is_ending = True
        count = 0
        for slot in self._slots:
            if slot.job is not None:
                why = (RESTART_PREEMPTION, "the engine ended")
                count += await self._requeue(slot.job, why)
        workers = [slot.worker for slot in self._slots if slot.worker is not None]
        await asyncio.gather(*(worker.stop(self.settings.end_grace) for worker in workers))
        while self._tasks:
            await asyncio.wait(self._tasks)
        return count

    def _start(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _heads(self, present: Mapping[str, Function]) -> list[Head]:
        """The oldest waiting job of each function; those whose function is gone are ended instead."""
        heads = []
        for (name, depth), queue in list(self._queues.items()):
            while queue:
                waiting = queue[0]
                found = present.get(name)
                if found is None and not self._is_gone(name):
                    break
                if found is not None and (not waiting.pinned or found.id == waiting.function_id):
                    self._absent.pop(name, None)
                    heads.append(Head(waiting.seq, name, found.module, depth))
                    break
                self._start(self._fail(queue.popleft(), found is not None))
            else:
                del self._queues[name, depth]
        return heads

    def _is_gone(self, name: str) -> bool:
        """Whether a function has been missing for so long that its jobs must not wait for it."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        since = self._absent.setdefault(name, now)
        if since == now:
            loop.call_later(self.settings.absence, self.pump)
        return now - since >= self.settings.absence

    def _take(self, choice: Choice, idle: list[_Slot]) -> _Slot:
        """The slot the choice is for, reserved; a worker to be ended first is still in it."""
        if choice.idle is not None:
            slot = idle[choice.idle]
        elif choice.evict is not None:
            slot = idle[choice.evict]
            slot.module = choice.head.module
        else:
            slot = _Slot(choice.head.module)
            self._slots.append(slot)
        slot.is_reserved, slot.depth = True, choice.head.depth
        return slot

    def _retire(self, current: set[Module]) -> None:
        """Ends idle workers whose source has changed, or that died."""
        for slot in list(self._slots):
            dead = slot.worker is not None and slot.worker.lost is not None
            if not slot.is_reserved and (slot.module not in current or dead):
                slot.is_reserved = True
                self._start(self._replace(slot))

    async def _run(self, slot: _Slot, waiting: Waiting, function: Function) -> None:
        """One job in one slot, from claim to the slot's next use."""
        outcome = Outcome(recycle=True)
        try:
            now = datetime.now(UTC)
            slot.job = await self.desk.store.write(lambda db: jobs.claim(db, waiting.id, function.id, now))
            if slot.job is None:  # cancelled while it waited
                outcome = Outcome(recycle=slot.worker is None)
                return
            self.desk.happened()
            outcome = await self._attempt(slot, slot.job, function)
            if outcome.lost is not None:
                await self._lost(slot.job, waiting, outcome.lost)
            else:
                self.ended(waiting.id)
        except Exception:  # a job must not take the engine down
            report_error(f"error in job {waiting.id}")
            outcome = Outcome(recycle=True)
            if slot.job is not None:
                with contextlib.suppress(sqlite3.Error):  # then it is found as running at the next start
                    await self._lost(slot.job, waiting, "the engine could not record its result")
        finally:
            slot.job, slot.is_cancelled = None, False
            await self._leave(slot, keep=not outcome.recycle)
            self.pump()

    async def _attempt(self, slot: _Slot, claimed: Claimed, function: Function) -> Outcome:
        worker = slot.worker
        if worker is not None and worker.module != slot.module:
            await worker.stop(self.settings.end_grace)
            worker = None
        if self.is_ending:  # claimed while `end` went through the slots
            await self._requeue(claimed, (RESTART_PREEMPTION, "the engine ended"))
        if self.is_ending or slot.is_cancelled:
            return Outcome(recycle=True)
        if worker is None:
            try:
                worker = slot.worker = self.spawn(function.module)
            except OSError as error:
                return Outcome(lost=f"it could not be started: {error.strerror}", recycle=True)
        return await attempt(worker, function, claimed, self.desk)

    async def _replace(self, slot: _Slot) -> None:
        """Ends an idle worker that is of no use, and gives its place to whoever waits for one."""
        await self._leave(slot, keep=False)
        self.pump()

    async def _leave(self, slot: _Slot, *, keep: bool) -> None:
        """Makes a slot idle, or ends its worker and removes it; with more workers than may be, that is right too."""
        worker = slot.worker
        keep = keep and self._count_busy() <= self.capacity
        if keep and worker is not None and worker.lost is None and not self.is_ending:
            slot.is_reserved = False
            return
        if worker is not None:
            await worker.stop(self.settings.end_grace)
        if slot in self._slots:
            self._slots.remove(slot)

    async def _lost(self, claimed: Claimed, waiting: Waiting, reason: str) -> None:
        """A worker died under a job: queue it again with the reason, or end it when that happened too often."""
        limit = self.settings.restart_limit
        row = self.desk.store.read(lambda db: jobs.get(db, claimed.run.job_id))
        died = sum(1 for entry in row.restarts if _type_of(entry) == RESTART_ERROR) if row else 0
        if died < limit:
            if await self._requeue(claimed, (RESTART_ERROR, f"worker died: {reason}")):
                self._queues.setdefault((waiting.name, waiting.depth), deque()).appendleft(waiting)
            return
        error = f"Worker died {died + 1} times, the last time because {reason}; the job is not run again."
        now = datetime.now(UTC)
        count = len(row.outputs) if row else 0
        await self.desk.store.write(lambda db: jobs.finish(db, claimed.run, Ended(count, error), now))
        self.desk.happened()
        self.ended(waiting.id)

    async def _requeue(self, claimed: Claimed, why: tuple[str, str]) -> bool:
        now, following = datetime.now(UTC), new_run_id(claimed.run.job_id)
        return await self.desk.store.write(lambda db: jobs.requeue(db, claimed.run, following, why, now))

    async def _fail(self, waiting: Waiting, is_here: bool) -> None:
        """Ends a queued job whose function cannot be run any more."""
        what = f"version {waiting.function_id} of it is not here any more" if is_here else "it is not here any more"
        error = f"Function not found. {waiting.owner}/{waiting.name}: {what}"
        now = datetime.now(UTC)
        await self.desk.store.write(lambda db: jobs.fail_queued(db, waiting.id, error, now))
        self.desk.happened()
        self.ended(waiting.id)


def new_run_id(job_id: str) -> str:
    """The id of a job's next attempt. Source: captured run ids are the job id and a uuid."""
    return f"{job_id}-{uuid.uuid4()}"


def _place(slot: _Slot) -> Place:
    version_id = slot.job.function_id if slot.job is not None else None
    if slot.worker is None or not slot.worker.is_loaded:
        return Place(slot.module, version_id, Stage.STARTING)
    if slot.job is None:
        return Place(slot.module, None, Stage.IDLE)
    return Place(slot.module, version_id, Stage.SETUP if slot.worker.capture.stage == "setup" else Stage.ACTIVE)


def _type_of(entry: Json) -> Json:
    return entry.get("type") if isinstance(entry, dict) else None
