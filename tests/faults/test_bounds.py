"""Answers without bounds: of memory a run takes as much as of any, and it ends when its time is over."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from sieve_jobs.errors import UnconfirmedError
from sieve_jobs.push.answer import MOST_CONTAINERS
from sieve_jobs.push.client import Client
from sieve_jobs.push.http import LONGEST_BODY
from tests.cloud import Cloud, Fault, Script
from tests.faults.named import script_of
from tests.project import Project, run_program, spec

MOST_RESIDENT = 256 * 1024
"""KiB."""
LARGE = {
    "many-objects": b"[" + b"{}," * (LONGEST_BODY // 3 - 2) + b"{}]",
    "many-arrays": b"[" + b'[""],' * (LONGEST_BODY // 5 - 2) + b"{}]",
    "as-many-as-are-read": b"[" + b'{"a":0.5},' * (MOST_CONTAINERS - 2) + b"{}]",
    "many-strings": b"[" + b'"aa",' * (LONGEST_BODY // 5 - 2) + b"{}]",
    "deep": b"[" * (LONGEST_BODY - 1),
}
"""Answers no larger than they may be, which would take many times that in memory."""


TELLING = """
import sys
from pathlib import Path
from sieve_jobs.__main__ import main
code = main()
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""
"""The command line, and at its end the most memory it had, in KiB."""


def resident(project: Project) -> tuple[int, int]:
    """Runs apply as a process of its own; its exit code, and the most memory it had, in KiB."""
    ran = run_program([sys.executable, "-c", TELLING, "apply", "-t", "prod", "--yes", "--detach"], project.root)
    return ran.code, int(ran.err.splitlines()[-1])


def endless(name: str, route: str) -> Script:
    """The first answer on *route* is the named one."""
    if name in LARGE:
        return Script(faults=[Fault(status=200, body=LARGE[name], route=route, created=True)])
    script = script_of([name])
    script.faults[0].route = route
    return script


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("gzip-bomb-after", "push"), ("many-objects", "jobs"),
        *[pytest.param(name, route, marks=pytest.mark.soak)
          for name in ("gzip-bomb-after", "endless-after", *LARGE) for route in ("push", "jobs")],
        pytest.param("interim-flood-after", "push", marks=pytest.mark.soak),
    ],
)  # fmt: skip
def test_an_answer_of_any_size_takes_no_more_memory_than_others(tmp_path: Path, name: str, route: str) -> None:
    with Cloud.running(endless(name, route)) as cloud:
        project = Project(tmp_path / "p", cloud.url)
        for index in range(3):
            project.write(f"clip-{index}.yaml", spec(width=index))
        code, most = resident(project)
        print(f"{name} on {route}: {most // 1024} MiB, exit {code}")
        assert code == 0
        assert most < MOST_RESIDENT
        assert sorted(job.pushed["inputs"]["width"] for job in cloud.jobs) == [0, 1, 2]
        assert len(cloud.pushes) == 3


@pytest.mark.soak
@pytest.mark.parametrize("name", ["drip-after", "hang-after", "late-after"])
def test_a_push_has_a_minute_in_all(name: str) -> None:
    script = script_of([name])

    async def push(url: str) -> float:
        async with Client(url, Cloud.key) as client:
            began = time.monotonic()
            with pytest.raises(UnconfirmedError):
                await client.push({"function": "a/b", "inputs": {}}, "k")
            return time.monotonic() - began

    with Cloud.running(script) as cloud:
        took = asyncio.run(push(cloud.url))
    print(f"{name}: {took:.1f} s")
    assert took == pytest.approx(60.0, abs=1.0)
