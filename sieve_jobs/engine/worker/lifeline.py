"""Ending a worker: with its engine, whatever happens to that, and on cancel, so that `finally` blocks run."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from types import FrameType

from sieve_jobs.engine.frames import BlockingChannel, Frame, FrameError
from sieve_jobs.engine.report import report
from sieve_jobs.engine.tree import MARKER, kill_tree

_PR_SET_PDEATHSIG = 1


class StopRequested(BaseException):
    """Raised in the running function when the engine asks the worker to end."""


class Lifeline:
    """Reads the engine's frames in a thread of its own, so that the end of the connection is seen at any time."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._channel = channel
        self._frames: list[Frame] = []
        self._news = threading.Condition()
        self._engine = os.getppid()
        self._is_over = False

    def start(self) -> None:
        """Ties this process to its engine. Call it in the main thread, before any of the user's code runs."""
        _die_with_parent()
        signal.signal(signal.SIGTERM, self._terminated)
        os.register_at_fork(after_in_child=_ordinary)
        if os.getppid() != self._engine:
            self._abandoned()
        threading.Thread(target=self._read, name="engine", daemon=True).start()

    def receive(self) -> Frame | None:
        """The next frame; None when the engine has closed the connection."""
        with self._news:
            while not self._frames and not self._is_over:
                self._news.wait()
            return self._frames.pop(0) if self._frames else None

    def _read(self) -> None:
        try:
            while (frame := self._channel.receive()) is not None:
                with self._news:
                    self._frames.append(frame)
                    self._news.notify()
        except (OSError, FrameError) as error:
            report(f"lost the engine: {error}")
        finally:
            self._abandoned()

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        """TERM comes from the engine, to stop a job, or from the kernel, since the engine died."""
        if os.getppid() != self._engine:
            self._abandoned()
        raise StopRequested

    def _abandoned(self) -> None:
        """Kills everything this worker started, then itself: nobody is left to take a result."""
        kill_tree(os.environ.get(MARKER, ""), os.getpid(), signal.SIGKILL)
        os._exit(1)


def _ordinary() -> None:
    """A process that a function forks is no worker: TERM ends it, and it alone."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _die_with_parent() -> None:
    """Has the kernel send TERM when the engine dies, for the case that no thread of ours gets to run."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
