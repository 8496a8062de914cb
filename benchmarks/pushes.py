"""No-op jobs pushed to three queues from their clients' side: jobs a second, and the time from push to start."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.queues import REPOSITORY, Queue, environment

_CLIENTS, _THREADS = 2, 8
"""Processes that push at once, and threads in each; for every queue alike."""
_WARM = 200
"""Pushes of each client before anything is measured."""


@dataclass(frozen=True)
class Load:
    """What one queue did. *waits* is from push to start at the steady rate, in seconds, rising."""

    name: str
    durability: str
    rate: float
    """Jobs a second, from the first push until all results were recorded."""
    cpu: float
    """Seconds of processor a job took in all processes, the client's included."""
    waits: tuple[float, ...]

    def percentile(self, share: float) -> float:
        return self.waits[min(len(self.waits) - 1, math.ceil(share * len(self.waits)) - 1)]


def measure(queue: Queue, folder: Path, *, jobs: int, steady: int, rate: int) -> Load:
    """Runs *queue* under *jobs* pushes as fast as they are taken, then under *steady* of them at *rate* a second."""
    with queue.started(folder) as address, _clients(queue.name, address, _CLIENTS) as clients:
        total = _WARM * _CLIENTS
        _flood(clients, _WARM, total)
        each = jobs // len(clients)
        total += each * len(clients)
        before = _processor()
        told = _flood(clients, each, total)
        cpu = (_processor() - before) / (each * len(clients))
        seconds = max(it["ended"] for it in told) - min(it["began"] for it in told)
        clients[0].tell(f"steady {steady} {rate}")
        waits = tuple(sorted(wait / 1e9 for wait in clients[0].hear()))
    return Load(queue.name, queue.durability, each * len(clients) / seconds, cpu, waits)


class _Client:
    """A process that pushes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)

    def hear(self) -> list | dict:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@contextmanager
def _clients(name: str, address: str, count: int) -> Iterator[list[_Client]]:
    argv = [sys.executable, "-m", "benchmarks.load", name, str(_THREADS)]
    started = [
        subprocess.Popen(
            argv, cwd=REPOSITORY, env=environment(address), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        yield [_Client(process) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()


def _flood(clients: Sequence[_Client], each: int, total: int) -> list[dict]:
    """What each says of its flood. One of them looks for the results of all: looking costs what is measured."""
    for place, client in enumerate(clients):
        client.tell(f"flood {each} {0 if place else total}")
    return [client.hear() for client in clients]


def _processor() -> float:
    """Seconds of processor of all processes below this one that are alive."""
    spent = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(times.user + times.system for times in spent)
