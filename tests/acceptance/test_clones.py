"""Many clones apply at once to one state on a git remote, and are killed at random: one job a spec, nothing lost."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from tests.acceptance.shared import Clone, git, make_remote
from tests.cloud import Cloud, Script

SETTINGS = 'settle = "3s"\nconcurrency = 4\nmax_pushes = 1000'


def keep_applying(clone: Clone, chance: random.Random, kills: int, failures: list[str]) -> None:
    """Applies until it succeeds; the first *kills* runs are killed at some moment, if they are not over before."""
    for number in range(kills + 6):
        process = clone.impatient("--lock-timeout", "240s")
        if number < kills:
            deadline = time.monotonic() + chance.uniform(0.05, 2.5)
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            process.kill()
        _, err = process.communicate(timeout=400)
        if process.returncode == 0:
            return
        if process.returncode not in (-9, 1, 7):
            failures.append(f"{clone.root.name} exit {process.returncode}: {err}")
            return
        last = err
    failures.append(f"{clone.root.name} did not get through: {last}")


def storm(tmp_path: Path, *, clones: int, specs: int, kills: int, seed: int) -> None:
    remote = make_remote(tmp_path)
    with Cloud.running(Script()) as cloud:
        made = [Clone.of(remote, f"clone-{number}", cloud.url, specs, SETTINGS) for number in range(clones)]
        failures: list[str] = []
        threads = [
            threading.Thread(target=keep_applying, args=(clone, random.Random(seed + number), kills, failures))
            for number, clone in enumerate(made)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        widths = sorted(job.pushed["inputs"]["width"] for job in cloud.jobs)
        assert widths == [*range(specs)], f"{len(widths)} jobs for {specs} specs"
        state = made[0].remote("state", "export").document
        assert {entry["name"]: entry["job_id"] for entry in state["entries"]} == {
            f"clip-{job.pushed['inputs']['width']}": job.id for job in cloud.jobs
        }
        assert {entry["status"] for entry in state["entries"]} == {"finished"}
        assert state["intents"] == []
        for clone in made:
            assert clone.remote("plan", "--detailed-exitcode").code == 0
            assert git(clone.root, "fsck", "--no-dangling") == ""


def test_a_few_clones_at_once(tmp_path: Path) -> None:
    storm(tmp_path, clones=3, specs=4, kills=1, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_twenty_clones_at_once(tmp_path: Path, seed: int) -> None:
    storm(tmp_path, clones=20, specs=40, kills=3, seed=1000 * seed)
