"""Outputs and a state that is shared: what one folder saved is neither missing nor fetched in another.

Unless its run died: then nobody knows whether its disk is still there, and it is fetched again.
"""

from __future__ import annotations

import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.shared import Clone, git, make_remote
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.project import spec, started

KEY = "ab" * 32
SPECS = 3
CONTENT = "/files/cut.mp4" * 64


def clone_of(remote: Path, name: str, cloud: Cloud, specs: int = SPECS) -> Clone:
    clone = Clone.of(remote, name, cloud.url, 0)
    clone.environ = {"SIEVE_JOBS_STATE_KEY": KEY}
    for number in range(specs):
        clone.write(f"clip-{number}.yaml", spec(width=number) + f"save: out/{number}\n")
    return clone


def saved(clone: Clone) -> list[str]:
    return sorted(str(path.relative_to(clone.root)) for path in clone.root.glob("out/*/*"))


def commits(remote: Path) -> int:
    return int(git(remote, "rev-list", "--count", "refs/sieve-jobs/prod"))


def test_an_empty_disk_fetches_nothing_and_a_failed_save_is_another_runner_s_to_finish(tmp_path: Path) -> None:
    fault = Fault(status=403, route="file", match="cut", skip=2)
    script = Script(faults=[fault], outcomes=[Outcome(outputs=[{"url": "{url}/files/cut.mp4"}])])
    with Cloud.running(script) as cloud:
        remote = make_remote(tmp_path)
        first, second, third = (clone_of(remote, name, cloud) for name in "abc")
        applied = first.apply("--json")
        assert applied.code == 4, applied.all
        assert len(saved(first)) == SPECS - 1

        finished = second.remote("apply", "--continue", "--json")
        assert finished.code == 0, finished.all
        (path,) = saved(second)
        assert path not in saved(first)
        assert (second.root / path).read_text() == CONTENT

        before, calls = commits(remote), len(cloud.requests)
        for clone in (first, second, third):
            assert clone.remote("plan", "--json", "--detailed-exitcode").document["notices"] == []
            assert clone.apply().code == 0
        assert (saved(third), commits(remote), len(cloud.requests)) == ([], before, calls)
        assert len(cloud.pushes) == SPECS


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} is not there"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("ends", "code", "left"),
    [
        pytest.param(signal.SIGKILL, -signal.SIGKILL, ["out/0/0.mp4", "out/1/0.mp4", "out/2/0.mp4"], id="killed"),
        pytest.param(signal.SIGINT, 130, ["out/2/0.mp4"], id="interrupted"),
    ],
)
def test_what_a_runner_saved_is_on_record_once_it_ends_in_order(
    tmp_path: Path, ends: int, code: int, left: list[str]
) -> None:
    """One job of three goes on when the runner ends; its disk goes with it."""
    outcomes = [
        Outcome(f'"width":{number}', polls=-1 if number == 2 else 0, outputs=[{"url": f"{{url}}/files/{number}.mp4"}])
        for number in range(SPECS)
    ]
    with Cloud.running(Script(outcomes=outcomes, faults=[Fault("hold", route="file", match="1.mp4")])) as cloud:
        remote = make_remote(tmp_path)
        dies, finishes, idles = (clone_of(remote, name, cloud) for name in "abc")
        with started(dies.root, "apply", "-t", "prod", "--yes", **dies.environ) as process:
            wait_for_file(dies.root / "out/0/0.mp4")
            cloud.let_go()
            wait_for_file(dies.root / "out/1/0.mp4")
            process.send_signal(ends)
            assert process.wait(60) == code
        shutil.rmtree(dies.root)

        (running,) = (job for job in cloud.jobs if job.pushed["inputs"]["width"] == 2)
        cloud.finish(running.id)
        continued = finishes.remote("apply", "--continue", "--json")
        assert continued.code == 0, continued.all
        assert saved(finishes) == left
        assert idles.apply().code == 0
        assert saved(idles) == []
        assert len(cloud.pushes) == SPECS


@pytest.mark.soak
def test_a_schedule_that_meets_a_merge_waits_for_its_pushes_and_follows_the_same_jobs(tmp_path: Path) -> None:
    script = Script(outcomes=[Outcome(polls=-1, outputs=[{"url": "{url}/files/cut.mp4"}])], faults=[Fault("hold")])
    with Cloud.running(script) as cloud:
        remote = make_remote(tmp_path)
        merge, schedule = (clone_of(remote, name, cloud, specs=1) for name in "ab")
        with (
            started(merge.root, "apply", "-t", "prod", "--yes", **merge.environ) as merged,
            ExitStack() as later,
        ):
            cloud.wait_for(lambda seen: seen.pushes)
            words = ("apply", "--continue", "-t", "prod", "--yes", "--lock-timeout", "1m", "--json")
            continued = later.enter_context(started(schedule.root, *words, **schedule.environ))
            wait_for_file(schedule.root / ".sieve-jobs/prod.copy.lock")
            cloud.let_go()
            cloud.wait_for(lambda seen: sum(request.route == "await" for request in seen.requests) == 2)
            cloud.finish(cloud.jobs[0].id)
            assert (merged.wait(60), continued.wait(60)) == (0, 0)
        assert saved(merge) == saved(schedule) == ["out/0/0.mp4"]
        assert len(cloud.pushes) == 1
        assert merge.remote("plan", "--json", "--detailed-exitcode").document["notices"] == []
