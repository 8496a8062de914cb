"""A disk that fills up under a running engine: what could not be recorded is, once there is room again."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import make_project
from tests.engine.farside import Client, Meeting, data, until

KEY = "a-key-of-the-tests-that-is-long-enough"
_STATE = ".sieve-jobs"


@dataclass
class SmallDisk:
    """An engine whose own folder is a disk of a few megabytes that it alone sees."""

    process: subprocess.Popen[bytes]
    client: Client
    folder: Path
    said: Path

    def fill(self) -> None:
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass

    def empty(self) -> None:
        (self.folder / "filler").unlink()

    def has_said(self, what: str) -> bool:
        return what in self.said.read_text()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SmallDisk]:
    project = make_project(tmp_path / "project")
    (project / "sieve-jobs.toml").write_text("")
    (project / _STATE).mkdir(mode=0o700)
    in_namespace = ("unshare", "--mount", "--propagation", "private")
    try:
        subprocess.run(
            [*in_namespace, "mount", "-t", "tmpfs", "none", "/mnt"], check=True, capture_output=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this user may not mount")
    script = 'mount -t tmpfs -o size=8m,mode=700 none "$0" && exec "$@"'
    serve = (sys.executable, "-m", "sieve_jobs", "serve", "--workers", "2", "--port", "0")
    said = tmp_path / "said"
    with said.open("w") as errors:
        process = subprocess.Popen(
            [*in_namespace, "sh", "-c", script, str(project / _STATE), *serve],
            cwd=project,
            env={**os.environ, "SIEVE_JOBS_ENGINE_KEY": KEY},
            stderr=errors,
        )
    try:
        until(lambda: process.poll() is not None or "\n" in said.read_text())
        found = re.match(r"engine at (\S+),", said.read_text())
        assert found is not None, said.read_text()
        with Client(found[1], KEY) as client:
            yield SmallDisk(process, client, Path(f"/proc/{process.pid}/root{project / _STATE}"), said)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_jobs_that_end_or_wait_while_the_disk_is_full_are_none_the_worse(engine: SmallDisk, meeting: Meeting):
    client = engine.client
    running = [client.push("wait", {"port": meeting.port}) for _ in range(2)]
    guests = [meeting.accept() for _ in running]
    queued = client.push("add", {"a": 1})
    engine.fill()
    for guest in guests:
        guest.let_go("done")
    until(lambda: engine.has_said("could not record"))
    assert [client.job(job_id)["status"] for job_id in [*running, queued]] == ["processing", "processing", "queued"]
    engine.empty()
    ends = [client.end_of(job_id) for job_id in [*running, queued]]
    assert [data(job) for job in ends] == [["done"], ["done"], [3]]
    assert [job["restarts"] for job in ends] == [[], [], []]
    assert data(client.run("add", {"a": 2})) == [4]


def test_an_engine_ends_in_order_on_a_full_disk(engine: SmallDisk, meeting: Meeting):
    running = engine.client.push("wait", {"port": meeting.port}), engine.client.push("wait", {"port": meeting.port})
    guests = [meeting.accept() for _ in running]
    engine.client.push("add", {"a": 1})
    engine.fill()
    guests[0].let_go()
    until(lambda: engine.has_said("could not record"))
    engine.process.terminate()
    assert engine.process.wait(30) == 0
    assert guests[1].is_gone()
    assert not engine.has_said("Traceback")
