"""A watch in the background, read by what it prints with `--events`."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cloud import Cloud
from tests.forked import started
from tests.project import Project

Event = dict[str, Any]
REMOTE = ("-t", "prod", "--remote")


class Watched:
    """A running `sieve-jobs watch --events`. *seen* are all events so far, in order."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[Event] = []
        self.errors: list[str] = []
        self._came: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._came.put(json.loads(line))
        self._came.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)

    def until(self, found: Callable[[Event], bool], seconds: float = 30.0) -> Event:
        """The next event for which *found* holds. Fails if it does not come."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self._came.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError(f"it did not come; last seen: {self.seen[-5:]}; {self.errors[-20:]}") from None
            if event is None:
                raise AssertionError(f"the watch ended; last seen: {self.seen[-5:]}; {self.errors[-20:]}")
            self.seen.append(event)
            if found(event):
                return event

    def kind(self, kind: str, **fields: object) -> Event:
        """The next event of *kind* with those *fields*."""
        return self.until(lambda event: event["event"] == kind and fields.items() <= event.items())

    def round(self, outcome: str | None = None, path: str | None = None) -> Event:
        """The next round that was over, of that outcome, woken by that path."""
        return self.until(
            lambda event: (
                event["event"] == "round"
                and outcome in (None, event["outcome"])
                and (path is None or path in event["changed"])
            )
        )

    def ended(self, *names: str) -> None:
        """Returns once a job of each of *names* has finished since the watch began."""

        def missing() -> set[str]:
            ends = [event for event in self.seen if event["event"] == "status" and event["status"] == "finished"]
            return set(names) - {event["name"] for event in ends}

        while missing():
            self.kind("status", status="finished")

    def kinds(self) -> list[str]:
        return [event["event"] for event in self.seen]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Its exit code once *number* was sent; everything it still said is in *seen* and *errors*."""
        self.process.send_signal(number)
        return self.wait()

    def close(self) -> None:
        """Ends it, if it still runs, and its readers before the pipes go."""
        self.process.kill()
        for thread in self._threads:
            thread.join(10)

    def wait(self) -> int:
        code = self.process.wait(timeout=60)
        for thread in self._threads:
            thread.join(10)
        while (event := self._came.get()) is not None:
            self.seen.append(event)
        return code


@contextmanager
def watching(project: Project, *args: str, **env: str) -> Iterator[Watched]:
    """A watch whose first round is over."""
    with started(project.root, "watch", "--events", *args, **env) as process:
        watched = Watched(process)
        try:
            watched.kind("watching")
            yield watched
        finally:
            watched.close()


def pushed(cloud: Cloud) -> list[Any]:
    """The inputs of every push that came, in order."""
    return [request.json["inputs"] for request in cloud.pushes]


def save(path: Path, text: str) -> None:
    """As most editors save: written beside and renamed."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text)
    beside.replace(path)
