"""Looking after the workers, at work and idle: paused ones, and those over a limit, are given up.

The lease of an attempt is renewed by the engine, which looks whether the process is there and goes on. A worker is
not asked to give a sign of life itself: honest native code may hold the interpreter's lock for hours, and no thread
of Python can run meanwhile. So a long computation is never taken for a hang; what bounds a hang is the time limit.
"""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sieve_jobs.engine import machine
from sieve_jobs.engine.death import Death, RestartType
from sieve_jobs.engine.settings import MEBIBYTE, Settings
from sieve_jobs.engine.tree import STOPPED, Process, running

_GLANCES = 10
"""At the number of tasks, for each look at all processes."""
_MEMORY_SHARE = 0.9
"""Of what the machine has, where no limit is set: above that the kernel kills, and not always the right one."""


class Watched(Protocol):
    """A local process that runs jobs, and leads a process group."""

    @property
    def pid(self) -> int: ...

    @property
    def is_fresh(self) -> bool:
        """It has run no job before this one."""

    def condemn(self, death: Death, grace: float) -> None: ...

    def signal_group(self, number: int) -> None:
        """Sends a signal to its process group at once; safe when it is gone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one worker and all it started. *pause* is seconds, *memory* bytes."""

    pause: float
    memory: int
    processes: int


@dataclass(frozen=True, slots=True)
class Vitals:
    """What one look at a worker's tree showed. *paused* is for how many seconds it has been so."""

    paused: float
    memory: int
    processes: int


def verdict(vitals: Vitals, limits: Limits, *, is_fresh: bool) -> Death | None:
    """Whether a worker is given up. Over a limit on its first job, it would be so again; later, others left that."""
    if vitals.paused >= limits.pause:
        return Death(f"it was stopped by a signal and did not go on for {limits.pause:g} s")
    if vitals.memory > limits.memory:
        held, limit = (f"{size / MEBIBYTE:,.0f} MiB" for size in (vitals.memory, limits.memory))
        return Death(f"it held {held} of memory, over the limit of {limit}", RestartType.OOM, repeats=is_fresh)
    if vitals.processes > limits.processes:
        counted = f"it had {vitals.processes:,} processes, over the limit of {limits.processes:,}"
        return Death(counted, repeats=is_fresh)
    return None


def trees(processes: Iterable[Process], roots: Iterable[int]) -> dict[int, list[Process]]:
    """The processes of each of *roots*: itself and its descendants. A worker adopts what its children leave."""
    children: defaultdict[int, list[Process]] = defaultdict(list)
    by_pid: dict[int, Process] = {}
    for process in processes:
        by_pid[process.pid] = process
        children[process.parent].append(process)
    found = {}
    for root in roots:
        tree = [by_pid[root]] if root in by_pid else []
        for process in tree:  # which grows meanwhile
            tree.extend(children[process.pid])
        found[root] = tree
    return found


@dataclass(slots=True)
class Watch:
    """Looks every so often while there is anyone to look at. Belongs to one event loop."""

    settings: Settings
    _watched: dict[Watched, float | None] = field(default_factory=dict)
    """With the time of the first of the looks that have found it paused."""
    _looking: asyncio.Task[None] | None = None
    _oom_kills: tuple[int, int] = (-1, -1)
    """At the last two looks."""

    def begin(self, worker: Watched) -> None:
        self._watched[worker] = None
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look_on())

    def end(self, worker: Watched) -> None:
        self._watched.pop(worker, None)

    def oom_kills(self) -> int:
        """How many there were since the look before the last."""
        now, before = machine.oom_kills(), self._oom_kills[0]
        self._oom_kills = (now, now)
        return now - before if before >= 0 else 0

    async def _look_on(self) -> None:
        limits = self._limits()
        while self._watched:
            kills = machine.oom_kills()
            self._oom_kills = (self._oom_kills[1] if self._oom_kills[1] >= 0 else kills, kills)
            surges = await self._until_next(machine.tasks())
            held = list(self._watched) if surges else []
            try:
                for worker in held:
                    worker.signal_group(signal.SIGSTOP)
                if self._watched:
                    self._judge(await asyncio.to_thread(running, marked=False), limits, held)
            finally:
                for worker in held:
                    worker.signal_group(signal.SIGCONT)

    async def _until_next(self, tasks: int) -> bool:
        """Waits for the next look. True when it comes early, because the machine's tasks multiply.

        What forks without end doubles faster than its processes can be counted, and leaves the engine no time for
        it. So all groups are stopped for that look, which is one call for each, however many there are in it.
        """
        for _ in range(_GLANCES):
            await asyncio.sleep(self.settings.watch_every / _GLANCES)
            if machine.tasks() - tasks > self.settings.process_limit:
                return True
        return False

    def _limits(self) -> Limits:
        settings = self.settings
        memory = settings.memory_limit or int(machine.memory_total() * _MEMORY_SHARE)
        # Its pause began up to one look before it was seen, and is seen to be over by up to one look too late.
        return Limits(settings.lease - 2 * settings.watch_every, memory, settings.process_limit)

    def _judge(self, processes: Sequence[Process], limits: Limits, held: Sequence[Watched]) -> None:
        """*held* are those that the engine itself has stopped for this look."""
        now = asyncio.get_running_loop().time()
        by_root = trees(processes, [worker.pid for worker in self._watched])
        for worker, since in list(self._watched.items()):
            tree = by_root[worker.pid]
            is_paused = bool(tree) and tree[0].state == STOPPED and worker not in held
            self._watched[worker] = (since if since is not None else now) if is_paused else None
            paused = now - since if is_paused and since is not None else 0.0
            death = verdict(Vitals(paused, _memory(tree, limits.memory), len(tree)), limits, is_fresh=worker.is_fresh)
            if death is not None:
                worker.condemn(death, 0.0)


def _memory(tree: Sequence[Process], limit: int) -> int:
    """Bytes. The cheap figure counts shared pages for each who shares them; only one over the limit is looked into."""
    resident = sum(process.resident for process in tree)
    if resident <= limit:
        return resident
    exact = [machine.private_memory(process.pid) for process in tree]
    return sum(process.resident if size is None else size for process, size in zip(tree, exact, strict=True))
