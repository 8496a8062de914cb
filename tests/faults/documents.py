"""Reads generated documents by the hundred thousand: `python -m tests.faults.documents --count 1000000 --seed 1`.

They are read in child processes, one for each core, so that a crash is seen and the run goes on behind it. A document
that ends in anything but specs or diagnostics is written out, and its number told: `--from N --count 1` reads it again.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypedDict

from tests.faults.grammar import ROOT, document

STRETCH = 500
"""Documents that a child is given at a time."""
SAID = 50_000
"""Documents between two lines that say how far it is; a multiple of STRETCH."""


class Told(TypedDict):
    """What a child says of some documents."""

    documents: int
    valid: int
    codes: dict[str, int]
    failures: dict[str, str]
    """What is wrong with which, by number."""
    longest: float
    memory: int


@dataclass
class Found:
    """What became of the documents of a run: how many were read, of how many kinds, and what is wrong."""

    documents: int = 0
    valid: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    longest: float = 0.0
    """Seconds of processor time that one document took, at most."""
    memory: int = 0
    """Bytes that a child held, at most."""

    def add(self, told: Told) -> None:
        self.documents += told["documents"]
        self.valid += told["valid"]
        self.codes.update(told["codes"])
        self.failures.update(told["failures"])
        self.longest = max(self.longest, told["longest"])
        self.memory = max(self.memory, told["memory"])

    def as_json(self) -> dict[str, object]:
        return {
            "documents": self.documents, "valid": self.valid, "failures": len(self.failures),
            "longest_s": round(self.longest, 3), "memory_mib": self.memory >> 20,
            "codes": dict(self.codes.most_common()),
        }  # fmt: skip


class Child:
    """A process that reads documents, started anew when it has died."""

    def __init__(self, seed: int, reader: str, scratch: Path) -> None:
        scratch.mkdir()
        self._command = [sys.executable, "-m", "tests.faults.reader", str(seed), reader, str(scratch)]
        self._at = scratch / "at"
        self._process: subprocess.Popen[str] | None = None

    def read(self, first: int, end: int) -> Iterator[Told]:
        """What is told of the documents from *first* to *end*, the one included that a child died of."""
        while first < end:
            process = self._running()
            print(first, end, file=process.stdin, flush=True)
            if line := process.stdout.readline():  # type: ignore[union-attr]
                yield json.loads(line)
                return
            self.close()
            code, died_at = process.returncode, int(self._at.read_text())
            # What it had found before is gone with it: those are read again, by another.
            if died_at > first:
                yield from self.read(first, died_at)
            words = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            yield {
                "documents": 1,
                "valid": 0,
                "codes": {},
                "failures": {str(died_at): words},
                "longest": 0,
                "memory": 0,
            }
            first = died_at + 1

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None


class Run:
    """Documents of a seed on their way through children; what is found stands in *found*."""

    def __init__(self, first: int, count: int, seed: int, *, reader: str, kept: Path) -> None:
        self.found = Found()
        self._end, self._seed, self._reader, self._kept = first + count, seed, reader, kept
        self._next = first
        self._open: set[int] = set()
        self._lock = Lock()

    def all(self, workers: int) -> Found:
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
            for ended in [pool.submit(self._work, Path(folder, str(number))) for number in range(workers)]:
                ended.result()
        return self.found

    def _work(self, scratch: Path) -> None:
        child = Child(self._seed, self._reader, scratch)
        try:
            while (start := self._begin()) is not None:
                for told in child.read(start, min(start + STRETCH, self._end)):
                    self._take(told)
                self._done(start)
        finally:
            child.close()

    def _begin(self) -> int | None:
        with self._lock:
            start, self._next = self._next, self._next + STRETCH
            if start >= self._end:
                return None
            self._open.add(start)
            return start

    def _take(self, told: Told) -> None:
        with self._lock:
            self.found.add(told)
            for number, words in told["failures"].items():
                _keep(self._kept, self._seed, int(number), words)

    def _done(self, start: int) -> None:
        with self._lock:
            self._open.remove(start)
            if start and start % SAID == 0:
                read, failed, whence = self.found.documents, len(self.found.failures), min(self._open | {self._next})
                print(f"{read:,} read, {failed} failed; --from {whence} goes on here", file=sys.stderr, flush=True)


def _keep(folder: Path, seed: int, number: int, words: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seed}-{number}.yaml"
    path.write_bytes(document(seed, number))
    print(f"document {number} of seed {seed}: {words}\n  written to {path}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.documents", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--kept", type=Path, default=Path(".hypothesis/documents"), help="where failing ones go")
    parser.add_argument("--reader", default="tests.faults.reader:examine", help="what reads a document")
    given = parser.parse_args(arguments)
    reading = Run(given.first, given.count, given.seed, reader=given.reader, kept=given.kept)
    found = reading.all(given.workers)
    print(json.dumps({"seed": given.seed, "from": given.first} | found.as_json()))
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
