"""Why a worker gave no result, judged by what the engine knows of its end. Pure."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sieve_jobs.wire import Json


class RestartType(StrEnum):
    """Types of `restarts` entries. Source: Sieve's openapi.json."""

    PREEMPTION = "preemption"
    """The engine ended, or was killed, under the job: nothing is wrong with it."""
    OOM = "OOM"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker was lost. *reason* is half a sentence about it, "it was killed by SIGKILL"."""

    reason: str
    type: RestartType = RestartType.ERROR
    repeats: bool = False
    """A fresh worker would meet the same end: the job is not run again."""


def death_of(code: int, oom_kills: int) -> Death:
    """What an exit *code* of a process that nobody here ended means; negative for a signal, as `subprocess` has it.

    *oom_kills* is how many processes the kernel has killed for want of memory just now. A SIGKILL beside such a
    kill is taken for one; a SIGKILL alone is somebody's. A worker that gets a MemoryError lives and says so itself.
    """
    if code >= 0:
        return Death(f"it exited with status {code}")
    if -code == signal.SIGKILL and oom_kills > 0:
        return Death("it was killed by the kernel, which was out of memory", RestartType.OOM)
    return Death(f"it was killed by {_signal_name(-code)}")


def runs_again(death: Death, restarts: Iterable[Json], limit: int) -> bool:
    """Whether a job that was restarted as *restarts* say is queued again after *death*."""
    return not death.repeats and deaths_in(restarts) < limit


def last_words(death: Death, restarts: Iterable[Json]) -> str:
    """The error of a job that is not run again."""
    count = deaths_in(restarts) + 1
    if death.repeats:
        return f"The job was ended because {death.reason}."
    last = "because" if count == 1 else f"{count} times, the last time because"
    return f"Worker died {last} {death.reason}; the job is not run again."


def deaths_in(restarts: Iterable[Json]) -> int:
    """How many of them were a worker's death; an engine that ended is not held against a job."""
    types = (entry.get("type") for entry in restarts if isinstance(entry, dict))
    return sum(1 for it in types if it != RestartType.PREEMPTION)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
