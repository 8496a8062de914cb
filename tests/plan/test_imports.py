"""Planning loads none of the large libraries."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("pydantic", "httpx", "asyncio", "rich", "watchfiles", "starlette", "yaml", "click")


def test_planning_loads_no_large_library() -> None:
    code = (
        "import sys, sieve_jobs.plan.gather, sieve_jobs.plan.guard, sieve_jobs.plan.explain, "
        f"sieve_jobs.render.human, sieve_jobs.render.document\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
