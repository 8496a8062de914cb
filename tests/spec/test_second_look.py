"""The second process: what it confirms holds, and a tree is the same with it, without it and when it dies."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from sieve_jobs.spec.cache import ParseCache
from sieve_jobs.spec.second_look import second_look
from tests.project import REPOSITORY, run_program
from tests.spec.cached import Cached

# Each runs in a process of its own: one that has threads, as a test runner has, does not fork.
_BEGIN = """
import os, random, signal, sys
from pathlib import Path
from sieve_jobs.spec.cache import ParseCache
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.second_look import second_look
from tests.spec.cached import Cached
os.sched_getaffinity = lambda pid: {0, 1}
project = Cached(Path(sys.argv[1]))
given = project.settings()
def cache():
    return ParseCache(project.cache, basis=given.basis())
"""


def run(root: Path, script: str) -> str:
    done = run_program([sys.executable, "-c", _BEGIN + script, str(root)], REPOSITORY)
    assert (done.code, done.err) == (0, ""), done.err
    return done.out


def test_it_confirms_the_folders_that_are_as_they_were(project: Cached) -> None:
    (project.root / "jobspecs/shows/two.yml").write_text("function: me/one\n")
    found = run(
        project.root,
        """
for hidden in ("", "jobspecs"):
    remembered = cache()
    remembered._folders = {path: blob for path, blob in remembered._folders.items() if path != hidden}
    with second_look(str(project.root), remembered, least=0) as look:
        print(sorted(look.takes), sorted(look.confirmed()))
""",
    )
    assert found.splitlines() == ["['jobspecs/shows'] []", "[] []"]


def test_a_look_that_is_killed_confirms_nothing(project: Cached) -> None:
    found = run(
        project.root,
        """
with second_look(str(project.root), cache(), least=0) as look:
    os.kill(look._pid, signal.SIGSTOP)
    os.kill(look._pid, signal.SIGKILL)
    print(len(look.takes), look.confirmed() <= look.takes)
""",
    )
    assert found == "1 True\n"


def test_a_tree_is_the_same_whoever_looks(project: Cached) -> None:
    """Random edits: loaded with a second process, and afresh."""
    run(
        project.root,
        """
pick = random.Random(7)
files = [f"jobspecs/{folder}/{number}.yaml" for folder in "abcdef" for number in range(4)]
seen = set()
for step in range(30):
    path = project.root / pick.choice(files)
    path.parent.mkdir(exist_ok=True)
    match pick.randrange(4):
        case 0: path.unlink(missing_ok=True)
        case 1: path.write_text(f"name: n{step}\\nid: x\\n")
        case 2: path.write_text("function: 7\\n")
        case 3: project.settle()
    tree, fresh = load_tree(given, cache(), least=0), load_tree(given, None)
    assert sorted(tree.wanted) == sorted(fresh.wanted), step
    assert sorted(tree.names) == sorted(row.name for row in tree.wanted), step
    assert tree.fingerprints == {row.name: row.fingerprint for row in tree.wanted}, step
    assert (tree.problems, tree.files) == (fresh.problems, fresh.files), step
    seen.add((bool(tree.read), bool(tree.unchanged)))
assert seen >= {(True, True), (False, True)}, seen
""",
    )


def test_where_it_would_not_pay_or_not_be_safe_there_is_none(project: Cached) -> None:
    cache = ParseCache(project.cache, basis=project.settings().basis())
    assert cache.size
    ended = threading.Event()
    beside = threading.Thread(target=ended.wait)
    beside.start()
    try:
        for remembered, least in ((cache, 0), (cache, 10**6), (None, 0)):
            with second_look(str(project.root), remembered, least=least) as look:
                assert look is None
    finally:
        ended.set()
        beside.join()
