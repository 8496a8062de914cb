"""What is known of a job after something more was learned of it."""

from __future__ import annotations

import pytest

from sieve_jobs.state.batch import entry_with, job_with
from sieve_jobs.state.entry import Saved
from sieve_jobs.state.writes import JobSaved
from tests.state.samples import entry, past, saved

HERE, BEGUN_HERE = saved("out/0"), saved("out/0", complete=False)
THERE, BEGUN_THERE = saved("out/0", place="p2"), saved("out/0", place="p2", complete=False)
OTHERWISE = saved("new/0", asked="new/{index}")


@pytest.mark.parametrize(
    ("known", "said", "kept"),
    [
        pytest.param(None, BEGUN_HERE, False, id="begun"),
        pytest.param(BEGUN_HERE, HERE, False, id="done"),
        pytest.param(HERE, BEGUN_HERE, False, id="put there again"),
        pytest.param(HERE, THERE, False, id="done elsewhere too"),
        pytest.param(HERE, BEGUN_THERE, True, id="begun elsewhere"),
        pytest.param(BEGUN_HERE, BEGUN_THERE, False, id="begun here, and then elsewhere"),
        pytest.param(OTHERWISE, BEGUN_HERE, False, id="another pattern is asked for by now"),
        pytest.param(HERE, OTHERWISE, True, id="a pattern that is asked for no more"),
    ],
)
def test_what_is_saved(known: Saved | None, said: Saved, kept: bool) -> None:
    before = entry(save="out/{index}", saved=known)
    assert entry_with(before, JobSaved(before.job_id, said)).saved == (known if kept else said)


def test_an_earlier_job_asks_for_no_pattern() -> None:
    known = job_with(past("j1"), JobSaved("j1", HERE))
    assert known.saved == HERE
    assert job_with(known, JobSaved("j1", OTHERWISE)).saved == OTHERWISE
    assert job_with(known, JobSaved("j1", BEGUN_THERE)) is known
