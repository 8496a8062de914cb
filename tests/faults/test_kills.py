"""A few applies killed at random moments; `python -m tests.faults.kills` has ten thousand of them."""

from __future__ import annotations

from pathlib import Path

from tests.faults.kills import History, hostile_cloud, live


def test_killed_at_random_over_a_hostile_cloud_each_spec_gets_one_job(tmp_path: Path) -> None:
    made = live(hostile_cloud, 0, 11, tmp_path, most=4)
    assert 0 < made.kills + made.ended <= 4  # fewer where one came through
    assert made == History(made.kills, made.ended, made.in_doubt)
