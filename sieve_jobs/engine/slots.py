"""The engine's places for workers, what they are just now, and what they hold of the machine's GPUs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sieve_jobs.engine import placing
from sieve_jobs.engine.catalog import Function, Module
from sieve_jobs.engine.census import Place, Stage
from sieve_jobs.engine.choose import Choice
from sieve_jobs.engine.placing import Hold
from sieve_jobs.engine.present import Described
from sieve_jobs.engine.records import Claimed
from sieve_jobs.engine.replica import Replica
from sieve_jobs.engine.replicas import Replicas


@dataclass(slots=True, eq=False)
class Slot:
    """A place for one worker. *job* is what runs there; a slot that is not reserved has an idle worker."""

    module: Module
    worker: Replica | None = None
    job: Claimed | None = None
    version_id: str | None = None
    """The version of the job it is reserved for."""
    depth: int = 0
    """How many jobs stand above that job."""
    hold: Hold | None = None
    """What its worker has of a GPU, from before it is started until it has ended."""
    idle_since: float = 0.0
    """On the loop's clock."""
    is_reserved: bool = True
    is_cancelled: bool = False
    """Its job was cancelled, perhaps before it had a worker."""

    def place(self) -> Place:
        """What it counts as."""
        if self.worker is None or not self.worker.is_loaded:
            return Place(self.module, self.version_id, Stage.STARTING)
        if self.job is None:
            return Place(self.module, None, Stage.IDLE)
        return Place(self.module, self.version_id, Stage.SETUP if self.worker.stage == "setup" else Stage.ACTIVE)

    @property
    def is_dead(self) -> bool:
        return self.worker is not None and self.worker.lost is not None


@dataclass(slots=True)
class Slots:
    """All of them. *known* tells what workers said of a version; methods take the present functions by name."""

    known: Callable[[str], Described | None]
    replicas: Mapping[str, Replicas] = field(default_factory=dict)
    """By version id."""
    gpus: int = 0
    all: list[Slot] = field(default_factory=list)

    def idle(self) -> list[Slot]:
        return [slot for slot in self.all if not slot.is_reserved]

    def add(self, module: Module, functions: Mapping[str, Function]) -> Slot:
        """A new one, reserved. There is room, see `has_room`."""
        slot = Slot(module, hold=self._hold(module, functions))
        self.all.append(slot)
        return slot

    def take(self, choice: Choice, idle: list[Slot], functions: Mapping[str, Function]) -> Slot:
        """The slot the choice is for, reserved; a worker to be ended first is still in it."""
        module = choice.head.module
        if choice.idle is not None:
            slot = idle[choice.idle]
        elif choice.evict is not None:
            slot = idle[choice.evict]
            slot.module, slot.hold = module, self._hold(module, functions)
        else:
            slot = self.add(module, functions)
        slot.is_reserved, slot.depth, slot.version_id = True, choice.head.depth, functions[choice.head.name].id
        return slot

    def remove(self, slot: Slot) -> None:
        if slot in self.all:
            self.all.remove(slot)

    def is_limited(self, version_id: str) -> bool:
        """Whether as many workers as a version may have are at work for it."""
        return placing.is_limited(version_id, [it.version_id for it in self.all if it.is_reserved], self.replicas)

    def wanted(self, functions: Mapping[str, Function]) -> Counter[Module]:
        """The workers that are missing of those to be kept warm."""
        return placing.wanting(functions.values(), self.replicas, [slot.module for slot in self.all])

    def useless(self, functions: Mapping[str, Function], oldest: float) -> list[Slot]:
        """Idle ones whose source has changed, that died, or that nobody has needed since *oldest*."""
        idle = self.idle()
        if not idle:
            return []
        current = {function.module for function in functions.values()}
        found = [slot for slot in idle if slot.module not in current or slot.is_dead]
        good = [slot for slot in idle if slot not in found]
        busy = [slot.module for slot in self.all if slot.is_reserved]
        keep = placing.wanting(functions.values(), self.replicas, busy)
        old = placing.surplus([(slot.module, slot.idle_since) for slot in good], keep, oldest)
        return [*found, *(good[number] for number in old)]

    def has_room(self, module: Module, functions: Mapping[str, Function]) -> bool:
        """Whether there is a share of a GPU for one more worker of *module*, if it needs one."""
        split = self._split(module, functions)
        return split is None or self._place(split) is not None

    def spare_gpu(self) -> Slot | None:
        """An idle one that holds a share of a GPU."""
        return next((slot for slot in self.all if not slot.is_reserved and slot.hold is not None), None)

    def _hold(self, module: Module, functions: Mapping[str, Function]) -> Hold | None:
        split = self._split(module, functions)
        gpu = None if split is None else self._place(split)
        return None if split is None or gpu is None else Hold(gpu, split)

    def _split(self, module: Module, functions: Mapping[str, Function]) -> int | None:
        if self.gpus == 0:
            return None
        told = (self.known(function.id) for function in functions.values() if function.module == module)
        return placing.split_of(it for it in told if it is not None)

    def _place(self, split: int) -> int | None:
        return placing.place([slot.hold for slot in self.all if slot.hold is not None], self.gpus, split)
