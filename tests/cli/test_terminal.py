"""At a terminal: apply asks with the counts, shows what runs, and takes no for an answer."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import COMMAND, environment, project, remote_config, spec

DEADLINE = 30.0
"""Seconds."""


class Terminal:
    """A command at a terminal of its own: what it shows, and what is typed."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self._main, inner = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=root, env=environment(TERM="xterm", COLUMNS="100"),
            stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
        )  # fmt: skip
        os.close(inner)
        self.shown = ""

    def read_until(self, text: str) -> None:
        """Reads until *text* is shown. Fails where it is not within DEADLINE, or the command ends without it."""
        deadline = time.monotonic() + DEADLINE
        while text not in self.shown:
            assert self._read(deadline), f"ended without {text!r}: {self.shown}"

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def end(self) -> int:
        """Reads to the end and returns the exit code."""
        deadline = time.monotonic() + DEADLINE
        while self._read(deadline):
            pass
        return self.process.wait(DEADLINE)

    def _read(self, deadline: float) -> bool:
        """Takes in what is shown next; False at the end."""
        ready, _, _ = select.select([self._main], [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"nothing more within {DEADLINE} s: {self.shown}"
        try:
            piece = os.read(self._main, 65_536)
        except OSError:  # Linux: the other end is closed
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._main)


@contextmanager
def terminal(root: Path, *arguments: str) -> Iterator[Terminal]:
    opened = Terminal(root, *arguments)
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("typed", "code", "pushes"),
    [
        pytest.param("y\n", 0, 2, id="yes"),
        pytest.param("\n", 6, 0, id="nothing is no"),
        pytest.param("n\n", 6, 0, id="no"),
        pytest.param("\x04", 6, 0, id="end of input is no"),
    ],
)
def test_apply_asks(tmp_path: Path, typed: str, code: int, pushes: int) -> None:
    with Cloud.running() as cloud:
        root = project(tmp_path / "p", {"a.yaml": spec(width=1), "b.yaml": spec(width=2)}, remote_config(cloud.url))
        with terminal(root, "apply", "-t", "prod") as shown:
            shown.read_until("go on? [y/N]")
            assert "2 pushes on 'prod'" in shown.shown
            shown.type(typed)
            assert shown.end() == code, shown.shown
        assert len(cloud.pushes) == pushes
        assert "Traceback" not in shown.shown


def test_ctrl_c_at_the_question_sends_nothing(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        root = project(tmp_path / "p", {"a.yaml": spec(width=1)}, remote_config(cloud.url))
        with terminal(root, "apply", "-t", "prod") as shown:
            shown.read_until("go on? [y/N]")
            shown.process.send_signal(signal.SIGINT)
            assert shown.end() == 130
        assert cloud.requests == []
        assert "Traceback" not in shown.shown


def test_a_terminal_gets_colours_and_a_pipe_or_no_color_does_not(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"a.yaml": spec(width=1)})
    with terminal(root, "plan") as coloured, terminal(root, "plan", "--no-color") as plain:
        assert (coloured.end(), plain.end()) == (0, 0)
    assert "\x1b[" in coloured.shown
    assert "\x1b[" not in plain.shown
