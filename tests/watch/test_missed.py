"""Saves that the system tells nobody of: its queue was full. Found by looking, once it is quiet."""

from __future__ import annotations

import os
import signal
import time
from itertools import cycle
from pathlib import Path

import pytest

from sieve_jobs.watch.noise import BOUND, PAUSE, QUIET, Noise
from tests.cloud import Cloud
from tests.project import Project, spec
from tests.watch.watched import REMOTE, pushed, save, watching

LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.mark.skipif(not LIMIT.exists(), reason="the queue of another system has no limit that is known")
def test_what_was_dropped_is_found(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    for name in "xy":
        (project.root / name).touch()
    with watching(project, *REMOTE) as watched:
        watched.process.send_signal(signal.SIGSTOP)
        # Two files in turn, as the system makes one of two changes that are alike.
        for _, name in zip(range(int(LIMIT.read_text()) + 5_000), cycle("xy"), strict=False):
            os.utime(project.root / name)
        save(path, spec(width=2))
        watched.process.send_signal(signal.SIGCONT)
        assert watched.round("applied")["changed"] == []  # nothing told of it
        save(path, spec(width=3))
        watched.round("applied", "jobspecs/a.yaml")
    assert pushed(cloud) == [{"width": 1}, {"width": 2}, {"width": 3}]


def test_noise_that_changed_nothing_makes_no_round(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        (project.root / "notes.txt").touch()
        watched.process.send_signal(signal.SIGCONT)
        time.sleep(2 * QUIET)
        save(path, spec(width=2))
        watched.round("applied", "jobspecs/a.yaml")
    rounds = [event["changed"] for event in watched.seen if event["event"] == "round"]
    assert rounds == [[], ["jobspecs/a.yaml"]]
    assert len(cloud.pushes) == 2


@pytest.mark.parametrize(
    ("heard", "looked", "now", "left"),
    [
        pytest.param([], None, 100.0, None, id="none"),
        pytest.param([100.0], None, 100.0, QUIET, id="just now"),
        pytest.param([100.0, 100.4], None, 100.4, QUIET, id="it goes on"),
        pytest.param([100.0], None, 100.0 + QUIET, 0.0, id="it is over"),
        pytest.param([100.0, 100.0 + BOUND], None, 100.0 + BOUND, 0.0, id="it has no end"),
        pytest.param([100.0], 101.0, 101.0, None, id="looked at"),
    ],
)
def test_when_noise_is_looked_into(heard: list[float], looked: float | None, now: float, left: float | None) -> None:
    noise = Noise()
    for at in heard:
        noise.heard(at)
    if looked is not None:
        noise.looked(looked)
    assert noise.left(now) == pytest.approx(left)


def test_looks_are_apart() -> None:
    noise = Noise()
    noise.heard(100.0)
    noise.looked(101.0)
    noise.heard(102.0)
    assert noise.left(103.0) == pytest.approx(PAUSE - 2.0)


def test_a_project_that_goes_and_comes_back_is_watched_on(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    away = project.root.with_name("away")
    with watching(project, *REMOTE) as watched:
        project.root.rename(away)
        watched.round("failed")
        away.rename(project.root)
        path.write_text(spec(width=2))
        watched.round("applied")
        save(path, spec(width=3))
        watched.round("applied", "jobspecs/a.yaml")
    assert pushed(cloud) == [{"width": 1}, {"width": 2}, {"width": 3}]
