"""Of functions that are broken just now, the last good state stays in use."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.source import read_functions
from sieve_jobs.watch.functions import usable

GOOD = 'import sieve\nimport words\n\n@sieve.function(name="shout")\ndef shout(text: str) -> str:\n    return text\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "shout.py").write_text(GOOD)
    (folder / "words.py").write_text("HEY = 1\n")
    return folder


def test_what_compiles_is_taken(folder: Path) -> None:
    first = usable(read_functions([folder]), None)
    assert (first.broken, first.problems) == (frozenset(), ())
    (folder / "shout.py").write_text(GOOD + "# more\n")
    then = usable(read_functions([folder]), first)
    assert then.sources.functions["shout"].source_hash != first.sources.functions["shout"].source_hash
    assert not then.broken


@pytest.mark.parametrize("name", ["shout.py", "words.py"])
def test_what_does_not_is_kept_as_it_was_and_said(folder: Path, name: str) -> None:
    first = usable(read_functions([folder]), None)
    (folder / name).write_text("import sieve\ndef (:\n")
    then = usable(read_functions([folder]), first)
    assert then.sources.functions["shout"] == first.sources.functions["shout"]
    assert then.broken == {"shout"}
    assert [(file.name, line) for file, line, _ in then.problems] == [(name, 2)]
    (folder / name).write_text(GOOD if name == "shout.py" else "HEY = 2\n")
    mended = usable(read_functions([folder]), then)
    assert (mended.broken, mended.problems) == (frozenset(), ())


def test_what_was_broken_from_the_start_is_not_there(folder: Path) -> None:
    (folder / "shout.py").write_text("import sieve\ndef (:\n")
    first = usable(read_functions([folder]), None)
    assert not first.sources.functions
    assert first.problems


def test_a_module_that_was_broken_from_the_start_stays_so_until_it_is_mended(folder: Path) -> None:
    (folder / "words.py").write_text("HEY = (\n")
    last = None
    for _ in range(3):
        last = usable(read_functions([folder]), last)
        assert last.broken == {"shout"}
        assert [file.name for file, _, _ in last.problems] == ["words.py"]
    (folder / "words.py").write_text("HEY = 2\n")
    assert not usable(read_functions([folder]), last).broken


def test_a_function_that_is_taken_out_is_gone(folder: Path) -> None:
    first = usable(read_functions([folder]), None)
    (folder / "shout.py").unlink()
    then = usable(read_functions([folder]), first)
    assert not then.sources.functions
    assert not then.broken
