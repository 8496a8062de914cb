"""Specs that no list can tell apart, pushed by runs that are killed again and again: each gets one job, its own."""

from __future__ import annotations

import os
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sieve_jobs.push.events import Event
from sieve_jobs.spec.jobspec import Detail
from tests.cloud import Cloud, Fault, Script
from tests.forked import forked
from tests.plan.world import asks
from tests.project import REPOSITORY
from tests.push.scene import Scene

SPEED, SETTLE, LAG = 50.0, 50.0, 10.0


def pairs(count: int) -> list[Detail]:
    """Two specs of each kind that differ in their env alone, which no list shows."""
    return [
        asks(f"clip-{kind}-{twin}", {"width": kind}, env={"N": str(twin)}) for kind in range(count) for twin in range(2)
    ]


def applied_until() -> None:
    """An apply of so many pairs that dies at its n-th event: `FOLDER URL PAIRS N`."""
    folder, url, count, left = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

    def emit(event: Event) -> None:
        nonlocal left
        left -= event.kind in {"pushing", "pushed", "in_doubt", "adopted", "held"}
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    scene = Scene(Path(folder), Cloud(), url=url, speed=SPEED)
    scene.options = replace(scene.options, concurrency=4)
    scene.apply(pairs(count), on_event=emit, settle=SETTLE)


@pytest.mark.parametrize(
    ("count", "seed"), [(5, 0), *[pytest.param(20, seed, marks=pytest.mark.soak) for seed in range(20)]]
)
def test_twin_pairs_get_a_job_each_although_every_run_is_killed(tmp_path: Path, count: int, seed: int) -> None:
    chance = random.Random(seed)
    kinds = ["reset", "close", "half", "html", "status"]
    faults = [
        Fault(chance.choice(kinds), match=f'"width":{kind}}}', skip=chance.randrange(2), created=chance.random() < 0.5)
        for kind in chance.sample(range(count), count // 4)
    ]
    with Cloud.running(Script(faults=faults, lag_seconds=chance.choice([0.0, LAG]))) as cloud:
        scene, kills = Scene(tmp_path, cloud, speed=SPEED), 0
        while True:
            at = str(chance.randrange(6, 8 + count))
            with forked(
                REPOSITORY, (str(tmp_path), cloud.url, str(count), at), os.environ, program=applied_until
            ) as process:
                if process.wait(60) != -signal.SIGKILL:
                    break
                kills += 1
        ran = scene.apply(pairs(count), settle=SETTLE)
        print(f"seed {seed}: {kills} kills, {len(cloud.pushes)} pushes, {len(cloud.jobs)} jobs")
        assert ran.exit_code == 0, ran.result.problems
        assert kills >= 2
        made = {job.id: (job.pushed["inputs"]["width"], job.pushed["env"]["N"]) for job in cloud.jobs}
        assert sorted(made.values()) == [(kind, str(twin)) for kind in range(count) for twin in range(2)]
        assert len(scene.entries()) == count * 2
        assert all(name == "clip-{}-{}".format(*made[entry.job_id]) for name, entry in scene.entries().items())
        assert not scene.state().intents
