"""Commands timed in turn, so that what else the machine does falls on both sides alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """A command to time."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    before: Callable[[], None] = lambda: None
    """Done before each run, untimed."""


@dataclass(frozen=True)
class Measured:
    """Medians over the rounds."""

    seconds: float
    peak: int
    """Largest resident size of any round, bytes."""
    each: tuple[float, ...]
    """Seconds of every round: rounds of commands that were timed in turn belong together."""


def once(run: Run) -> Measured:
    """Runs it once. Raises CalledProcessError if it fails."""
    run.before()
    started = time.perf_counter()
    with subprocess.Popen(
        run.argv, cwd=run.cwd, env=dict(run.env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, run.argv)
    return Measured(seconds, usage.ru_maxrss * 1024, (seconds,))


def in_turn(runs: Sequence[Run], rounds: int) -> list[Measured]:
    """Medians of *rounds* rounds, each of which runs every command once; one round before it is not counted."""
    taken: list[list[Measured]] = [[] for _ in runs]
    for number in range(rounds + 1):
        for index, run in enumerate(runs):
            measured = once(run)
            if number:
                taken[index].append(measured)
    return [_median(row) for row in taken]


def _median(row: Sequence[Measured]) -> Measured:
    each = tuple(measured.seconds for measured in row)
    return Measured(statistics.median(each), max(measured.peak for measured in row), each)
