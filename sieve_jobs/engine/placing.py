"""Where a version's workers may be: how many there are at most and at least, and on which GPU. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sieve_jobs.engine.catalog import Function, Module
from sieve_jobs.engine.present import Described
from sieve_jobs.engine.replicas import Replicas


@dataclass(frozen=True, slots=True)
class Hold:
    """What a worker has of the machine's GPUs: one of *split* equal shares of number *gpu*."""

    gpu: int
    split: int


def is_limited(version_id: str, running: Iterable[str | None], replicas: Mapping[str, Replicas]) -> bool:
    """Whether a version has as many workers at work as it may have; *running* are the versions at work."""
    most = replicas.get(version_id, Replicas()).maximum
    return most > 0 and sum(1 for it in running if it == version_id) >= most


def wanting(
    functions: Iterable[Function], replicas: Mapping[str, Replicas], modules: Iterable[Module]
) -> Counter[Module]:
    """How many more workers each file should have than *modules* has; those of its functions add up."""
    missing: Counter[Module] = Counter()
    if not replicas:
        return missing
    for function in functions:
        missing[function.module] += replicas.get(function.id, Replicas()).minimum
    missing.subtract(modules)
    return +missing


def split_of(told: Iterable[Described]) -> int | None:
    """The share of a GPU that a worker of these functions needs: the largest of theirs; None if none needs one."""
    splits = [it.details.get("split") for it in told if it.details.get("gpu")]
    return min((it if isinstance(it, int) and it > 0 else 1 for it in splits), default=None)


def place(holds: Iterable[Hold], gpus: int, split: int) -> int | None:
    """The GPU for one more worker that needs a share of 1/*split*; None if there is no room.

    The fullest that has room: so the empty ones stay whole for those that need one alone.
    """
    used = [Fraction(0)] * gpus
    for hold in holds:
        used[hold.gpu] += Fraction(1, hold.split)
    room = [gpu for gpu in range(gpus) if used[gpu] + Fraction(1, split) <= 1]
    return max(room, key=lambda gpu: (used[gpu], -gpu), default=None)


def refusal(function: Function, told: Described | None, gpus: int, *, cpu_ok: bool) -> str | None:
    """Why a function cannot be run on this machine; None if it can, or is not known yet."""
    if told is None or not told.details.get("gpu") or gpus > 0 or cpu_ok:
        return None
    kind = told.details.get("compute_type")
    return (
        f"{function.owner}/{function.name} declares a GPU ({kind}) and this machine has none;"
        " start the engine with --cpu-ok to run it on the CPU."
    )


def surplus(idle: Sequence[tuple[Module, float]], keep: Mapping[Module, int], oldest: float) -> list[int]:
    """Which idle workers, as (module, idle since), are ended: idle since before *oldest*, and beyond *keep* a file."""
    left = Counter(module for module, _ in idle)
    found = []
    for number, (module, since) in sorted(enumerate(idle), key=lambda it: it[1][1]):
        if since <= oldest and left[module] > keep.get(module, 0):
            left[module] -= 1
            found.append(number)
    return found
