"""Queued jobs to workers: who runs next, what happens when a worker dies, and the end of them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from sieve_jobs.engine import ends, jobs
from sieve_jobs.engine.attempt import Desk, Outcome, attempt, load
from sieve_jobs.engine.catalog import Catalog, Function, Module
from sieve_jobs.engine.census import Place
from sieve_jobs.engine.children import Asking, Standing, has_room
from sieve_jobs.engine.choose import Head, choose
from sieve_jobs.engine.death import Death
from sieve_jobs.engine.endings import Endings
from sieve_jobs.engine.environments import Environments, Failed, Ready
from sieve_jobs.engine.learning import Learning
from sieve_jobs.engine.lines import Lines
from sieve_jobs.engine.records import Claimed, Waiting
from sieve_jobs.engine.replica import Replica
from sieve_jobs.engine.replicas import Replicas
from sieve_jobs.engine.report import report, report_error
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.slots import Slot, Slots

_SWEEP_PAUSE = 1.0
"""Seconds between two looks at workers that have been idle for long and are kept."""


@dataclass(slots=True)
class Supervisor:
    """Belongs to one event loop. *ended* is told of each job's end."""

    settings: Settings
    catalog: Catalog
    desk: Desk
    learning: Learning
    ended: Callable[[str], None]
    replicas: Callable[[], Mapping[str, Replicas]]
    """What was set for versions, by their ids."""
    slots: Slots
    environments: Environments
    capacity: int
    is_ending: bool = False
    lines: Lines = field(default_factory=Lines)
    asking: Asking = field(default_factory=Asking)
    endings: Endings = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _absent: dict[str, float] = field(default_factory=dict)
    _pumped: Mapping[str, Function] | None = None
    """The functions there were when it was last looked what can be started."""
    _sweep: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.endings = Endings(self.desk, self.lines, self.ended, self.settings.restart_limit, self._start, self._go_on)
        self.desk.store.eased = self._go_on
        self.asking.began = lambda: self._pump(self.catalog.last_seen())

    def add(self, *waiting: Waiting) -> None:
        """Takes jobs that are queued in the store, in order of age, whose functions were just looked for."""
        firsts = [job for job in waiting if self.lines.add(job)]
        functions = self.catalog.last_seen()
        if firsts or functions is not self._pumped:
            self._pump(functions)

    def raise_capacity(self, workers: int) -> None:
        """An engine that was started to serve the API alone gets its first workers; others keep theirs."""
        if self.capacity == 0:
            self.capacity = workers
            self._go_on()

    def pump(self) -> None:
        """Starts whatever can be started. Called after anything outside has changed that, such as replicas."""
        self.slots.replicas = self.replicas()
        self._go_on()

    def _go_on(self) -> None:
        self._pump(self.catalog.functions())

    def _pump(self, functions: Mapping[str, Function]) -> None:
        # What the disk does not take is in memory: no more of it than there are workers.
        if self.is_ending or self.capacity == 0 or self.desk.store.stuck >= self.capacity:
            return
        self._pumped = functions
        for slot in self.slots.useless(functions, asyncio.get_running_loop().time() - self.settings.idle_longest):
            self._dismiss(slot)
        while True:
            heads = [
                head for head in self._heads(functions) if self._is_built(head) and self._may_start(head, functions)
            ]
            idle = self.slots.idle()
            choice = choose(heads, [slot.module for slot in idle], self.capacity - self._count_busy())
            if choice is None:
                break
            slot = self.slots.take(choice, idle, functions)
            waiting, function = self.lines.take(choice.head), functions[choice.head.name]
            self._start(self._run(slot, waiting, function, self._claim(waiting, function)))
        self._warm_up(functions)

    def _is_built(self, head: Head) -> bool:
        """Whether there is what the job would run on; its line ends where that could not be made."""
        outcome = self.environments.of(head.module, again=True)
        if isinstance(outcome, Failed):
            for waiting in self.lines.drain(head):
                self._start(self.endings.fail(waiting, f"Build failed: {outcome.reason}"))
        return isinstance(outcome, Ready)

    def _has_ground(self, module: Module) -> bool:
        """Whether there is what a module runs on; begins to make it where nobody has."""
        return isinstance(self.environments.of(module), Ready)

    def places(self) -> list[Place]:
        """The workers there are now, and what each is at."""
        return [slot.place() for slot in self.slots.all]

    def _waits(self, slot: Slot) -> bool:
        return slot.job is not None and slot.job.run in self.asking

    def _count_busy(self) -> int:
        """Places that count against the capacity, idle ones among them."""
        return sum(1 for slot in self.slots.all if not self._waits(slot))

    async def cancel(self, job_id: str) -> bool | None:
        """Cancels a job: True, False if it is at its end already, None if there is no such job.

        Returns when that is recorded; the process tree is ended behind it.
        """
        now = datetime.now(UTC)
        done = await self.desk.store.write(lambda db: jobs.cancel(db, job_id, now))
        if done:
            self.desk.happened()
            self.ended(job_id)
            self.lines.remove(job_id)
            for slot in self.slots.all:
                if slot.job is not None and slot.job.run.job_id == job_id:
                    slot.is_cancelled = True
                    if slot.worker is not None:
                        self._start(slot.worker.stop(self.settings.cancel_grace))
        return done

    async def describe(self, function: Function) -> None:
        """Has a worker import the function's module, to learn its inputs.

        Nothing if no worker may run, or none yet: what the module runs on is being installed.
        """
        if self.is_ending or self.capacity == 0:
            return
        if isinstance(await self.environments.known(function.module), Ready) and not self.is_ending:
            await self.learning.describe(function)

    async def end(self) -> int:
        """Queues running jobs again, ends all workers; how many jobs that were."""
        self.is_ending = True
        self.desk.store.give_up()
        if self._sweep is not None:
            self._sweep.cancel()
        count = 0
        for slot in self.slots.all:
            if slot.job is not None:
                count += await self.endings.requeue(slot.job)
        workers = [slot.worker for slot in self.slots.all if slot.worker is not None]
        await asyncio.gather(*(worker.stop(self.settings.end_grace) for worker in workers))
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self.desk.store.write(lambda _: None)  # ends that were on their way to the disk are there
        return count

    def _start(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _heads(self, present: Mapping[str, Function]) -> list[Head]:
        """The first of each line; those whose function is gone are ended instead."""
        heads, unable = self.lines.heads(present, self._is_gone)
        for head in heads:
            self._absent.pop(head.name, None)
        for found in unable:
            self._start(self.endings.fail(found.job, ends.absence(found)))
        return heads

    def _is_gone(self, name: str) -> bool:
        """Whether a function has been missing for so long that its jobs must not wait for it."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        since = self._absent.setdefault(name, now)
        if since == now:
            loop.call_later(self.settings.absence, self._go_on)
        return now - since >= self.settings.absence

    def _may_start(self, head: Head, functions: Mapping[str, Function]) -> bool:
        """Whether nothing but a free worker is missing."""
        function = functions[head.name]
        taken = [Standing(slot.depth, self._waits(slot)) for slot in self.slots.all if slot.is_reserved]
        return (
            has_room(head.depth, taken, self.capacity)
            and not self.slots.is_limited(function.id)
            and self._has_gpu(function, functions)
        )

    def _has_gpu(self, function: Function, functions: Mapping[str, Function]) -> bool:
        """Whether a worker for *function* has its share of a GPU, or needs none. Makes room where it has not."""
        slots, module = self.slots, function.module
        if slots.gpus == 0 or any(slot.module == module for slot in slots.idle()):
            return True
        if slots.known(function.id) is None and module not in self.learning.broken:
            if not self.learning.is_busy:
                self._start(self._learn(function))
            return False
        if slots.has_room(module, functions):
            return True
        spare = slots.spare_gpu()
        if spare is not None:
            self._dismiss(spare)
        return False

    async def _learn(self, function: Function) -> None:
        """Finds out whether a function needs a GPU before it gets a worker, which sees one from its start or never."""
        await self.describe(function)
        if self.slots.known(function.id) is None:
            self.learning.broken.add(function.module)
        self._go_on()

    def _warm_up(self, functions: Mapping[str, Function]) -> None:
        """Starts the workers that are to be kept, where there is a place that no job needs."""
        for module in self.slots.wanted(functions).elements():
            has_place = self._count_busy() < self.capacity and self.slots.has_room(module, functions)
            if has_place and module not in self.learning.broken and self._has_ground(module):
                self._start(self._warm(self.slots.add(module, functions)))

    async def _warm(self, slot: Slot) -> None:
        """A worker ahead of its first job: started, and its module imported."""
        ready = False
        try:
            slot.worker = self._spawn_in(slot)
            ready = await load(slot.worker, self.desk) is None
        except OSError as error:
            report(f"could not start a worker: {error.strerror}")
        finally:
            if not ready:
                self.learning.broken.add(slot.module)
            await self._leave(slot, keep=ready)
            self._go_on()

    def _claim(self, waiting: Waiting, function: Function) -> asyncio.Future[Claimed | None]:
        """Asked for as soon as the place is free, in one commit with the end of the job that had it."""
        now = datetime.now(UTC)
        return self.desk.store.insist(lambda db: jobs.claim(db, waiting.id, function.id, now))

    async def _run(
        self, slot: Slot, waiting: Waiting, function: Function, claiming: asyncio.Future[Claimed | None]
    ) -> None:
        """One job in one slot, from claim to the slot's next use."""
        outcome = Outcome(recycle=True)
        try:
            slot.job = await claiming
            if slot.job is None:  # cancelled while it waited
                outcome = Outcome(recycle=slot.worker is None)
                return
            if slot.job.has_hooks:
                self.desk.happened()
            outcome = await self._attempt(slot, slot.job, function)
            if outcome.ending is not None:
                outcome.ending.add_done_callback(partial(self.endings.recorded, slot.job, waiting))
            elif outcome.lost is not None and not self.is_ending:  # then `end` has queued it again
                await self.endings.lost(slot.job, waiting, outcome.lost)
        except Exception as error:  # a job must not take the engine down
            outcome = Outcome(recycle=True)
            if slot.job is None and self.is_ending:  # it is queued, as it was
                return
            report_error(f"error in job {waiting.id}")
            if slot.job is None:
                await self.endings.unstarted(waiting, error)
            else:
                await self.endings.unrecorded(slot.job, waiting)
        finally:
            slot.job, slot.version_id, slot.is_cancelled = None, None, False
            await self._leave(slot, keep=not outcome.recycle)
            self._go_on()

    async def _attempt(self, slot: Slot, claimed: Claimed, function: Function) -> Outcome:
        worker = slot.worker
        if worker is not None and worker.module != slot.module:
            await worker.stop(self.settings.end_grace)
            worker = None
        if self.is_ending:  # claimed while `end` went through the slots
            await self.endings.requeue(claimed)
        if self.is_ending or slot.is_cancelled:
            return Outcome(recycle=True)
        if worker is None:
            try:
                worker = slot.worker = self._spawn_in(slot)
            except OSError as error:
                return Outcome(lost=Death(f"it could not be started: {error.strerror}"), recycle=True)
        too_long = Death(f"it ran for more than {self.settings.time_limit:,g} s, the limit of a job", repeats=True)
        grace = self.settings.cancel_grace
        timer = asyncio.get_running_loop().call_later(self.settings.time_limit, worker.condemn, too_long, grace)
        try:
            return await attempt(worker, function, claimed, self.desk)
        finally:
            timer.cancel()

    def _spawn_in(self, slot: Slot) -> Replica:
        return self.learning.spawn(slot.module, None if slot.hold is None else slot.hold.gpu)

    def _dismiss(self, slot: Slot) -> None:
        """Ends an idle worker that is of no use, and gives its place to whoever waits for one."""
        slot.is_reserved = True
        self._start(self._replace(slot))

    async def _replace(self, slot: Slot) -> None:
        await self._leave(slot, keep=False)
        self._go_on()

    async def _leave(self, slot: Slot, *, keep: bool) -> None:
        """Makes a slot idle, or ends its worker and removes it; with more workers than may be, that is right too."""
        worker = slot.worker
        keep = keep and self._count_busy() <= self.capacity
        if keep and worker is not None and worker.lost is None and not self.is_ending:
            slot.is_reserved, slot.idle_since = False, asyncio.get_running_loop().time()
            self._sweep_later()
            return
        if worker is not None:
            await worker.stop(self.settings.end_grace)
        self.slots.remove(slot)

    def _sweep_later(self) -> None:
        """Sees to it that idle workers are looked at again when one may have been so for too long."""
        loop = asyncio.get_running_loop()
        since = [slot.idle_since for slot in self.slots.idle()]
        if since and self._sweep is None:
            due = max(min(since) + self.settings.idle_longest, loop.time() + _SWEEP_PAUSE)
            self._sweep = loop.call_at(due, self._swept)

    def _swept(self) -> None:
        self._sweep = None
        self._go_on()
        self._sweep_later()
