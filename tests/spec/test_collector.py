"""Loading and the garbage collector, in a process of its own, as there is one collector for all of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.project import write

LOAD_TWICE = """
import gc, sys
from pathlib import Path
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.tree import LoadSettings
from sieve_jobs.spec.variables import Variables

def load():
    return load_tree(LoadSettings(Path(sys.argv[1]), ("jobspecs",), Variables()), None)

first = load()
after_first = gc.get_freeze_count()
second = load()
known = {id(each) for each in gc.get_objects()}
print(gc.isenabled(), after_first > 0, gc.get_freeze_count() <= after_first)
print(id(first) in known, id(second) in known)
"""


def test_the_first_tree_is_left_out_of_later_looks_and_a_second_is_not(tmp_path: Path) -> None:
    write(tmp_path, {"jobspecs/a.yaml": "function: me/thumbs\n"})
    done = subprocess.run(
        [sys.executable, "-c", LOAD_TWICE, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["True True True", "False True"]
