"""A server killed at each call with which it writes or answers while a job is pushed and run: the key gives one job."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import make_project, settings_for
from tests.engine.farside import Client
from tests.engine.test_election import pid_of
from tests.engine.test_kills import Unsteady
from tests.faults import traced
from tests.faults.traced import Point

pytestmark = pytest.mark.skipif(not traced.available(), reason="needs strace, and the right to trace")
SEED = 4
STORE = 1
"""The thread that writes to the database."""


@dataclass
class Pushed:
    """Jobs so far, and how often the server died under one."""

    jobs: int = 0
    kills: int = 0

    def one(self, engine: Unsteady) -> None:
        """Pushes a job that adds; whatever happens meanwhile, it is there once and comes to its one end."""
        self.jobs += 1
        key, a = f"push {self.jobs}", self.jobs
        before = len(engine.pauses)
        job_id = engine.ask(lambda it: it.push("add", {"a": a}, key=key))
        job = engine.ask(lambda it: it.end_of(job_id))
        self.kills += len(engine.pauses) - before
        assert engine.ask(lambda it: it.push("add", {"a": a}, key=key)) == job_id
        assert engine.ask(lambda it: by_key(it, key)) == [job_id]
        assert (job["status"], [output["data"] for output in job["outputs"]]) == ("finished", [a + 2])


def by_key(client: Client, key: str) -> Sequence[str]:
    found = client.http.get("/v2/jobs", params={"client_ref": key}).json()["data"]
    return [job["id"] for job in found]


def threads(pid: int) -> list[int]:
    """In the order in which they began."""
    return sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())


@contextmanager
def under_strace(thread: int, trace: Path, *rules: str) -> Iterator[None]:
    """That thread traced until the block ends or it does."""
    calls = ",".join(call for call in traced.CALLS if call != "openat")
    tracer = traced.attach(("strace", "-s", "16", "-o", str(trace), "-e", f"trace={calls}", *rules), thread)
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)


def points_of(root: Path, engine: Unsteady, pushed: Pushed, trace: Path) -> list[Point]:
    """The calls of each thread between a push and the end of its job."""
    found: list[Point] = []
    for number, thread in enumerate(threads(pid_of(root))):
        with under_strace(thread, trace):
            pushed.one(engine)
        lines = tuple(trace.read_text().splitlines())
        found += [point for point in traced.points(lines, number) if point.kind == "kill"]
    return found


def kill_at(root: Path, engine: Unsteady, pushed: Pushed, trace: Path, point: Point) -> None:
    started = threads(pid_of(root))
    if point.thread < len(started):
        with under_strace(started[point.thread], trace, "-e", f"inject={point.rule}"):
            pushed.one(engine)


@contextmanager
def engine_on(root: Path) -> Iterator[tuple[Unsteady, Pushed]]:
    """An engine, and one job that it has run already."""
    engine, pushed = Unsteady(settings_for(make_project(root)), random.Random(SEED)), Pushed()
    try:
        pushed.one(engine)
        yield engine, pushed
    finally:
        engine.close()


@pytest.mark.parametrize("sync", [1, 2], ids=["before-its-answer", "after-its-answer"])
def test_a_push_is_one_job_when_the_server_is_killed(tmp_path: Path, sync: int) -> None:
    with engine_on(tmp_path) as (engine, pushed):
        kill_at(tmp_path, engine, pushed, tmp_path / "trace", Point(STORE, "fdatasync", sync, "kill"))
        assert pushed.kills == 1


@pytest.mark.soak
def test_a_push_is_one_job_at_every_point(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with engine_on(tmp_path) as (engine, pushed):
        points = points_of(tmp_path, engine, pushed, trace)
        assert {point.call for point in points} >= {"pwrite64", "fdatasync", "sendto"}
        for point in points:
            kill_at(tmp_path, engine, pushed, trace, point)
    print(f"{len(points)} points, {pushed.kills} kills: each push is one job")
    assert pushed.kills > len(points) // 2
