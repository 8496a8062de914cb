"""docs/watch.md is true: every command in it runs, and its numbers are those of the code."""

from __future__ import annotations

import re
import shlex
import signal

import pytest

from sieve_jobs.cli import following, watching
from sieve_jobs.watch import burst, feed
from tests.forked import started
from tests.project import REPOSITORY, Project, spec

TEXT = (REPOSITORY / "docs" / "watch.md").read_text()
COMMANDS = re.findall(r"^\$ sieve-jobs (.*)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(project: Project, command: str) -> None:
    words = shlex.split(command)
    assert words[0] == "watch"
    remote = "prod" in words
    (project.root / "functions").mkdir()
    (project.root / "functions" / "greet.py").write_text(
        'import sieve\n\n@sieve.function(name="greet")\ndef greet(name: str) -> str:\n    return "Hello " + name\n'
    )
    project.write("greet.yaml", spec("sieve/dubbing" if remote else "me/greet", name="Ada"))
    with started(project.root, *words) as process:
        assert process.stdout is not None
        lines = []
        while not lines or "watching" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert any("pushed" in line and "greet" in line for line in lines)


def test_there_is_a_command_for_every_kind_of_it() -> None:
    assert len(COMMANDS) == TEXT.count("```console") == 5


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{burst.SHORTEST} s of quiet" in TEXT
    assert f"up to {burst.LONGEST} s" in TEXT
    assert f"after {burst.BOUND:.0f} s" in TEXT
    assert f"after {burst.AGAIN} s of quiet" in TEXT
    assert feed.POLL_PAUSE == 1000 / 4
    assert f"after {watching.FIRST_RETRY:.0f}, 4, 8 … {watching.LONGEST_RETRY:.0f} s" in TEXT
    assert following.LONGEST_PAUSE == watching.LONGEST_RETRY
