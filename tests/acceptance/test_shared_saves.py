"""Outputs and a state that is shared: what one folder saved is neither missing nor fetched in another."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.shared import Clone, git, make_remote
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.project import spec

KEY = "ab" * 32
SPECS = 3
CONTENT = "/files/cut.mp4" * 64


def clone_of(remote: Path, name: str, cloud: Cloud) -> Clone:
    clone = Clone.of(remote, name, cloud.url, 0)
    clone.environ = {"SIEVE_JOBS_STATE_KEY": KEY}
    for number in range(SPECS):
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
