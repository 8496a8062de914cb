"""Workers and servers killed at random while jobs are pushed: nothing is lost, and nothing is done twice over."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from sieve_jobs.engine.engine import engine_marker
from sieve_jobs.engine.home import home_of
from sieve_jobs.engine.launch import Running, attach_with
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.tree import running, tree_of
from tests.engine.conftest import make_project, settings_for
from tests.engine.farside import Client, Receiver, until
from tests.engine.test_election import pid_of

T = TypeVar("T")
OUTPUTS = 3
HOOKS = ("job.start", "job.new_output", "job.complete")


class Unsteady:
    """An engine that is started again when it has gone, as `apply` does. *pauses* are the seconds that took."""

    def __init__(self, settings: Settings, choice: random.Random) -> None:
        self.pauses: list[float] = []
        self._settings = settings
        self._choice = choice
        self._timers: list[threading.Timer] = []
        self._start()

    def _start(self) -> None:
        self._running: Running = attach_with(self._settings)
        self._client = Client(self._running.url, self._running.key)
        self._pid = pid_of(self._settings.root)

    def close(self) -> None:
        self.settle()
        self._client.http.close()
        self._running.close()

    def ask(self, call: Callable[[Client], T]) -> T:
        """What *call* answers, asked again of the next engine when one was killed meanwhile."""
        while True:
            try:
                return call(self._client)
            except httpx.TransportError:
                gone = time.monotonic()
                self.close()
                self._start()
                self.pauses.append(time.monotonic() - gone)

    def kill_soon(self, *, server: bool) -> None:
        timer = threading.Timer(self._choice.random() * 0.02, self._kill_server if server else self._kill_a_worker)
        timer.start()
        self._timers.append(timer)

    def settle(self) -> None:
        for timer in self._timers:
            timer.join()

    def _kill_server(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _kill_a_worker(self) -> None:
        workers = tree_of(running(), engine_marker(home_of(self._settings.root).folder), None)
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._choice.choice(workers).pid, signal.SIGKILL)


def storm(root: Path, receiver: Receiver, *, jobs: int, kills: int, seed: int) -> Unsteady:
    """Pushes *jobs* jobs, kills the server or a worker *kills* times meanwhile, and asserts on all that came of it."""
    choice = random.Random(seed)
    engine = Unsteady(settings_for(make_project(root), workers=2), choice)
    hooks = [{"type": hook, "url": receiver.url} for hook in HOOKS]

    def push(number: int) -> str:
        return engine.ask(lambda it: it.push("count", {"to": OUTPUTS}, key=f"job {number}", webhooks=hooks))

    try:
        at = choice.sample(range(jobs), kills)
        ids = []
        for number in range(jobs):
            if number in at:
                engine.kill_soon(server=at.index(number) % 2 == 0)
            ids.append(push(number))
        engine.settle()
        assert [push(number) for number in range(jobs)] == ids
        check_jobs([engine.ask(lambda it, job_id=job_id: it.end_of(job_id)) for job_id in ids])  # type: ignore[misc]
        check_events(receiver, ids)
    finally:
        engine.close()
    return engine


def check_jobs(ends: list[dict[str, Any]]) -> None:
    assert len({job["id"] for job in ends}) == len(ends)
    for job in ends:
        assert (job["status"], job["error"]) == ("finished", "")
        assert [output["data"] for output in job["outputs"]] == list(range(OUTPUTS))
        assert {output["run_id"] for output in job["outputs"]} == {job["run_id"]}
        assert job["run_id"] not in {restart["run_id"] for restart in job["restarts"]}


def check_events(receiver: Receiver, ids: list[str]) -> None:
    """Every event came under one id of its own; one that came again, as its receipt was not recorded, did so under it.

    What an event is about is its job, its type and, of an output, which one: `count` gives each its number.
    """
    seen: dict[str, set[str]] = defaultdict(set)

    def all_told() -> bool:
        while not receiver.received.empty():
            _, headers, event = receiver.received.get()
            body = event["body"]
            output = json.loads(body["output"])["data"] if "output" in body else ""
            seen[f"{event['type']} {body['job_id']} {output}".strip()].add(headers["webhook-id"])
        return seen.keys() >= {f"job.complete {job_id}" for job_id in ids}

    until(all_told)
    outputs = [f"job.new_output {job_id} {number}" for job_id in ids for number in range(OUTPUTS)]
    assert seen.keys() == {*outputs, *(f"{hook} {job_id}" for hook in ("job.start", "job.complete") for job_id in ids)}
    assert {len(under) for under in seen.values()} == {1}
    assert len({message_id for under in seen.values() for message_id in under}) == len(seen)


def test_nothing_is_lost_or_done_twice_when_servers_and_workers_are_killed(tmp_path: Path, receiver: Receiver):
    storm(tmp_path, receiver, jobs=40, kills=4, seed=7)


@pytest.mark.soak
def test_the_same_for_long(tmp_path: Path, receiver: Receiver):
    engine = storm(tmp_path, receiver, jobs=2_000, kills=80, seed=8)
    print(f"ready again after at most {max(engine.pauses):.2f} s, {len(engine.pauses)} times")
