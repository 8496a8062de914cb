"""The engine ends under a run: another one goes on with its jobs, or the run ends and says why."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sieve_jobs.cli.attachment import LOST_WITHIN, losses
from sieve_jobs.engine.home import home_of, is_locked, read_endpoint
from sieve_jobs.engine.launch import attach_with
from sieve_jobs.engine.settings import Settings
from tests import forked
from tests.engine.farside import until
from tests.project import project
from tests.watch.watched import Watched

HOLD = """
import time
from pathlib import Path
import sieve

@sieve.function(name="hold")
def hold(until: str) -> sieve.File:
    while not Path(until).exists():
        time.sleep(0.01)
    Path("made.txt").write_text("made")
    return sieve.File(path="made.txt")

@sieve.function(name="kill_engine")
def kill_engine():
    import os
    os.kill(os.getppid(), 9)
    time.sleep(60)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = project(tmp_path / "p", {})
    (root / "functions").mkdir()
    (root / "functions" / "hold.py").write_text(HOLD)
    specify(root, "go")
    return root


def specify(root: Path, name: str) -> None:
    """The one spec of the project: a job that waits for the file *name*, and whose output is saved."""
    inputs = json.dumps({"until": str(root / name)})
    (root / "jobspecs" / "held.yaml").write_text(f"function: me/hold\ninputs: {inputs}\nsave: out/\n")


@contextmanager
def running(root: Path, verb: str = "apply", **env: str) -> Iterator[Watched]:
    """A run whose job has begun."""
    with forked.started(root, verb, "--events", **env) as process:
        watched = Watched(process)
        try:
            watched.kind("status", status="processing")
            yield watched
        finally:
            watched.close()


def kill_engine(root: Path) -> None:
    endpoint = read_endpoint(home_of(root))
    assert endpoint is not None
    os.kill(endpoint.pid, signal.SIGKILL)


def test_an_engine_that_is_killed_is_followed_by_another(root: Path) -> None:
    with running(root) as run:
        kill_engine(root)
        assert run.kind("rejoined")["started"] is True
        (root / "go").touch()
        assert run.wait() == 0, run.errors
    (result,) = run.seen[-1]["results"]
    assert (result["status"], run.seen[-1]["summary"]["pushed"]) == ("finished", 1)
    assert [path.read_text() for path in (root / "out").iterdir()] == ["made"]
    assert not home_of(root).endpoint_file.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_an_engine_of_somebody_else_is_found_where_it_was_started_again(root: Path, number: signal.Signals) -> None:
    settings = Settings(root=root, functions=(root / "functions",), workers=1, installs=False, ends_with_users=True)
    with attach_with(settings), running(root) as run:
        endpoint = read_endpoint(home_of(root))
        assert endpoint is not None
        os.kill(endpoint.pid, number)
        until(lambda: not is_locked(home_of(root).lock_file))
        with attach_with(settings) as again:
            rejoined = run.kind("rejoined")
            assert (rejoined["url"], rejoined["started"]) == (again.url, False)
            (root / "go").touch()
            assert run.wait() == 0, run.errors


def test_without_any_engine_a_run_ends_and_says_why(root: Path) -> None:
    with running(root) as run:
        home_of(root).key_file.chmod(0o644)
        kill_engine(root)
        assert run.wait() == 1
    (problem,) = run.seen[-1]["diagnostics"]
    assert problem["code"] == "SJ190"
    assert "there is no other" in problem["message"]
    assert "is open to other users" in problem["message"]
    assert [row["status"] for row in run.seen[-1]["results"]] == ["processing"]


def test_a_watch_goes_on_with_another_engine(root: Path) -> None:
    with running(root, "watch") as watch:
        if "watching" not in watch.kinds():
            watch.kind("watching")
        kill_engine(root)
        specify(root, "other")
        watch.kind("cancelled")
        watch.kind("status", status="processing")
        (root / "other").touch()
        watch.kind("saved")
        kill_engine(root)
        specify(root, "go")
        watch.kind("rejoined", started=True)
        watch.kind("pushed")
        assert watch.end() == 130, watch.errors


@pytest.mark.soak
def test_an_engine_that_ends_again_and_again_is_given_up(root: Path) -> None:
    (root / "jobspecs" / "held.yaml").write_text("function: me/kill_engine\n")
    with running(root) as run:
        assert run.wait() == 1
    assert run.kinds().count("rejoined") == 5
    (problem,) = run.seen[-1]["diagnostics"]
    assert "more than 5 times within 60 s" in problem["message"]


def test_engines_lost_long_ago_are_forgotten() -> None:
    assert losses((), 100.0) == (100.0,)
    assert losses((100.0, 130.0), 100.0 + LOST_WITHIN + 1) == (130.0, 101.0 + LOST_WITHIN)
