"""Many pushes to a far side that misbehaves at random, by runs that are killed at random: one job a spec."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud import Cloud, Fault, Script
from tests.push.scene import Scene, clips

COUNT = 12


def faults_of(chance: random.Random) -> list[Fault]:
    """One in four pushes goes wrong, half of those after it took effect."""
    kinds = ["reset", "close", "cut", "short", "html", "status", "status"]
    return [
        Fault(
            chance.choice(kinds),
            match=f'"width":{width}}}',
            created=chance.random() < 0.5,
            status=chance.choice([408, 500, 502, 503]),
            times=chance.choice([1, 1, 2]),
        )
        for width in chance.sample(range(COUNT), COUNT // 4)
    ]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(40))
def test_one_job_for_each_spec(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with Cloud.running(Script(faults=faults_of(chance), lag_seconds=chance.choice([0.0, 0.0, 10.0, 40.0]))) as cloud:
        scene = Scene(tmp_path, cloud)
        for _ in range(2):
            fatal = f"{chance.choice(['pushing', 'pushed', 'in_doubt'])}:clip-{chance.randrange(COUNT)}"
            command = [sys.executable, "-m", "tests.push.driver", str(tmp_path), cloud.url, str(COUNT), fatal]
            subprocess.run(command, cwd=Path(__file__).parents[2], timeout=60, check=False)
        for _ in range(3):
            if scene.apply(clips(COUNT), settle=80.0).exit_code == 0:
                break
        assert scene.pushed() == [*range(COUNT)]
        assert not scene.state().intents
        assert {entry.job_id for entry in scene.entries().values()} == {job.id for job in cloud.jobs}
