"""A plan of an unchanged tree parses no YAML and loads none of the large libraries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import Project, run_program, spec

HEAVY = (
    "pydantic", "httpx", "asyncio", "rich", "watchfiles", "starlette", "yaml", "uvicorn", "psutil",
    "sieve_jobs.spec.jobspec", "sieve_jobs.plan.decide", "sieve_jobs.plan.difference", "sieve_jobs.state.entry",
    "sieve_jobs.render.changes", "sieve_jobs.state.git", "sieve_jobs.cli.shared", "subprocess",
    "sieve_jobs.spec.save", "sieve_jobs.state.place",
)  # fmt: skip
"""Ours among them: what decides and compares is for plans that find something, git for states that lie there, and the
look for saved outputs for specs that have some."""

LOOK = f"""
import sys
sys.argv = ["sieve-jobs", "plan", "-t", "prod", "--detailed-exitcode"]
from sieve_jobs.__main__ import main
try:
    code = main()
except SystemExit as end:
    code = end.code
print("LOADED", sorted(name for name in {HEAVY!r} if name in sys.modules))
sys.exit(code)
"""


@pytest.mark.parametrize("saves", [False, True], ids=["nothing is saved", "outputs are saved"])
def test_an_unchanged_plan_loads_none_of_them(tmp_path: Path, saves: bool) -> None:
    with Cloud.running() as cloud:
        project = Project(tmp_path / "p", cloud.url, environ={"PLACE": "here"})
        project.write("a.yaml", spec(width=1, place="${PLACE}"))
        project.write("b.yaml", spec(width=2) + ("save: out/b\n" if saves else ""))
        assert project.apply().code == 0

        def looked() -> str:
            done = run_program([sys.executable, "-c", LOOK], project.root, PLACE="here")
            assert done.code == 0, done.all
            return done.out

        # A file as new as its reading is read once more, so the cache answers from the time the clock has moved on.
        tries = 0
        expected = f"LOADED {['sieve_jobs.state.place'] if saves else []}"
        while expected not in (out := looked()):
            tries += 1
            assert tries < 50, out
        assert "2" in out
