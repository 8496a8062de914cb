"""Which paths wake a watch, and how long it waits for more of them."""

from __future__ import annotations

import pytest

from sieve_jobs.watch.burst import AGAIN, BOUND, BUSY, LONGEST, SHORTEST, Burst
from sieve_jobs.watch.interest import Interest

INTEREST = Interest(
    root="/p",
    files=frozenset({"/p/sieve-jobs.toml", "/p/.env", "/p/media/clips/a.mp4", "/p/out/used.mp4"}),
    spec_folders=frozenset({"/p/jobspecs", "/p/jobspecs/shows"}),
    code_folders=frozenset({"/p/functions", "/p/lib"}),
    ignored=("/p/.sieve-jobs", "/p/.git", "/p/out"),
)
FOLDERS = {"/p/jobspecs", "/p/jobspecs/new", "/p/jobspecs/_old", "/p/functions/new", "/p/functions/__pycache__", "/p/x"}


@pytest.mark.parametrize(
    "path",
    [
        "/p/jobspecs/a.yaml", "/p/jobspecs/shows/b.yml", "/p/jobspecs/_defaults.yaml", "/p/sieve-jobs.toml", "/p/.env",
        "/p/functions/media.py", "/p/functions/_wording.py", "/p/lib/words.py", "/p/media/clips/a.mp4",
        "/p/jobspecs", "/p/jobspecs/shows", "/p/functions", "/p/media", "/p/media/clips", "/p/jobspecs/new",
        "/p/functions/new",
    ],
)  # fmt: skip
def test_what_wakes(path: str) -> None:
    assert INTEREST.wakes(path, FOLDERS.__contains__)


@pytest.mark.parametrize(
    "path",
    [
        "/p/jobspecs/.a.yaml.swp", "/p/jobspecs/a.yaml~", "/p/jobspecs/4913", "/p/jobspecs/.#a.yaml",
        "/p/jobspecs/#a.yaml#", "/p/jobspecs/_note.yaml", "/p/jobspecs/.a.yaml", "/p/jobspecs/a.yaml___jb_tmp___",
        "/p/jobspecs/.goutputstream-X1", "/p/jobspecs/sedAbC", "/p/jobspecs/_old", "/p/functions/__pycache__",
        "/p/functions/.x.py.swp", "/p/functions/.#x.py", "/p/functions/notes.txt", "/p/media/clips/b.mp4",
        "/p/.sieve-jobs/prod.db-wal", "/p/.sieve-jobs", "/p/.git/index.lock", "/p/.git", "/p/out", "/p/out/used.mp4",
        "/p/README.md", "/p/x", "/p", "/elsewhere/a.yaml", "/p/jobspecs2/a.yaml",
    ],
)  # fmt: skip
def test_what_does_not(path: str) -> None:
    assert not INTEREST.wakes(path, FOLDERS.__contains__)


def test_the_folders_are_those_on_the_way() -> None:
    assert INTEREST.folders == {
        "/p", "/p/jobspecs", "/p/jobspecs/shows", "/p/functions", "/p/lib", "/p/media", "/p/media/clips", "/p/out",
    }  # fmt: skip


def test_one_save_is_over_after_a_short_quiet() -> None:
    burst = Burst(100.0)
    burst.add({"a"}, 100.0)
    assert burst.left(100.0, busy=False) == pytest.approx(SHORTEST)
    burst.add({"a"}, 100.03)
    assert burst.left(100.03, busy=False) == pytest.approx(SHORTEST)
    assert burst.left(100.03 + SHORTEST, busy=False) == 0.0


def test_the_quiet_grows_with_the_files_up_to_a_bound() -> None:
    burst = Burst(0.0)
    waits = []
    for number in range(200):
        burst.add({str(number)}, 0.0)
        waits.append(burst.left(0.0, busy=False))
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(LONGEST)


def test_while_git_works_it_is_not_over() -> None:
    burst = Burst(0.0)
    burst.add({"a"}, 0.0)
    assert burst.left(5.0, busy=True) == pytest.approx(BUSY)
    assert burst.left(5.0 + BUSY / 2, busy=False) == pytest.approx(BUSY / 2)
    assert burst.left(5.0 + BUSY, busy=False) == 0.0


def test_what_never_ends_is_taken_as_it_is() -> None:
    burst = Burst(0.0)
    burst.add({"a"}, BOUND - 0.01)
    assert burst.left(BOUND - 0.01, busy=True) == pytest.approx(0.01)
    assert burst.left(BOUND, busy=True) == 0.0


def test_a_second_look_waits_longer() -> None:
    burst = Burst(0.0)
    burst.add({"a"}, 0.0)
    assert burst.left(SHORTEST, busy=False, quiet=AGAIN) == pytest.approx(AGAIN - SHORTEST)
