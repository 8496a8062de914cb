"""What `engine gc` says."""

from __future__ import annotations

import pytest

from sieve_jobs.render.collected import collected
from sieve_jobs.render.quantity import exact_span
from sieve_jobs.wire import Json

ALL: dict[str, Json] = {
    "keep": 5400.0, "dry_run": False, "jobs": 1204, "stay": 1, "files": 3310, "uploads": 1, "webhook_events": 12,
    "versions": 2, "idempotency_keys": 1, "environments": 1, "bytes": 12_400_000_000, "problems": [],
}  # fmt: skip


def test_a_line_for_each_kind() -> None:
    assert collected(ALL).splitlines() == [
        "removed what is older than 1 h 30 min:",
        "  1,204 jobs",
        "  3,310 files",
        "  1 upload",
        "  12 webhook events",
        "  2 versions of functions",
        "  1 idempotency key",
        "  1 environment",
        "12.4 GB freed on the disk",
        "1 job left",
    ]


def test_an_answer_that_says_little_is_shown_as_far_as_it_goes() -> None:
    assert collected({"keep": 60, "dry_run": True}) == "nothing to remove that is older than 1 min\n0 jobs would stay\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-1, "0 s"), (90, "1 min 30 s"), (604_800, "7 d"), (90_061.4, "1 d 1 h 1 min 1 s"), (0.6, "1 s")],
)
def test_a_span_that_was_set_is_shown_as_it_was(seconds: float, text: str) -> None:
    assert exact_span(seconds) == text
