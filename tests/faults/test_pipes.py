"""Readers that go away, streams that are closed, a locale of ASCII alone: an apply is carried out all the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import Project, run_program

SPECS = 12
WAYS = (
    "", ">&-", "2>&-", "<&-", ">&- 2>&-", "| head -1", "2>&1 | head -1", "| head -c 1 >/dev/null", "| true",
    "2>&1 | true", "--json >&-", "--json | true", "--json | cat", "--events | head -1", "--events >&- 2>&-",
    ">/dev/full", "2>/dev/full", ">/dev/full 2>&1",
)  # fmt: skip
C = "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", ">&- 2>&- <&-", id="all-closed"),
        pytest.param(C, "| head -1", id="head-and-ascii"),
        *[
            pytest.param(before, after, marks=pytest.mark.soak)
            for before in ("", C)
            for after in WAYS
        ],
    ],
)  # fmt: skip
def test_an_apply_completes_whoever_reads_it(tmp_path: Path, cloud: Cloud, before: str, after: str) -> None:
    project = Project(tmp_path / "p", cloud.url)
    for index in range(SPECS):
        project.write(f"clip-{index}.yaml", f"function: sieve/dubbing\ninputs: {{width: {index}, title: Übung → 🎬}}\n")
    line = f'{before} "{sys.executable}" -m sieve_jobs apply -t prod --yes {after}; exit ${{PIPESTATUS[0]}}'
    done = run_program(["bash", "-c", line], project.root)
    # An answer that a full disk swallowed is an error of the command, of no push.
    assert done.code == (1 if after.startswith(">/dev/full") else 0), done.all
    assert "Traceback" not in done.all
    assert "Exception ignored" not in done.all
    if before:
        assert done.all.isascii()
    assert len(cloud.pushes) == len(cloud.jobs) == SPECS
    assert project.remote("plan", "--detailed-exitcode").code == 0
