"""A few of the calls with which an apply writes, killed and failed; `python -m tests.faults.points` meets them all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults import traced
from tests.faults.points import WRITES, enumerate_points, meet
from tests.faults.traced import KINDS

SPECS = 3
SEED = 5


@pytest.mark.skipif(not traced.available(), reason="needs strace, and the right to trace")
def test_whatever_call_fails_nothing_is_lost_and_nothing_is_twice(tmp_path: Path) -> None:
    points = enumerate_points(tmp_path, SPECS, threads=1)
    assert {point.call for point in points} >= {"pwrite64", "fdatasync", "connect", "sendto", "openat", "unlink"}
    chance = random.Random(SEED)
    for kind in KINDS:
        point = chance.choice([point for point in points if point.kind == kind and point.call in WRITES])
        seen = meet(tmp_path, point, SPECS)
        assert seen.reached, point.id
        assert seen.verdict.holds, f"{point.id}: {seen.verdict}"
