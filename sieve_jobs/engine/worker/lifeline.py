"""Ending a worker: with its engine, whatever happens to that, and on cancel, so that `finally` blocks run."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

from sieve_jobs.engine.frames import BlockingChannel, Frame, FrameError
from sieve_jobs.engine.report import report
from sieve_jobs.engine.tree import MARKER, kill_tree

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_OPEN_FILES = 65_536
_OOM_SCORE = "500"
"""Of -1000 to 1000: when memory runs out, the kernel is to take a function before the engine or the desktop."""
_ROUNDS = 10
_LOOK = None if sys.platform == "linux" else 1_000
"""Milliseconds between looks at the parent, where the end of the connection alone may not be told."""
_ENGINE_DIED = signal.SIGHUP
_OURS = (signal.SIGTERM, _ENGINE_DIED)
"""Signals that mean something else to a worker than to what it forks."""


class StopRequested(BaseException):
    """Raised in the running function when the engine asks the worker to end."""


class Lifeline:
    """Sees the end of the engine's connection at any time, from a thread that reads nothing of what comes on it."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._channel = channel
        self._engine = os.getppid()
        self._masks = threading.local()

    def start(self) -> None:
        """Ties this process to its engine. Call it in the main thread, before any of the user's code runs."""
        signal.signal(_ENGINE_DIED, self._orphaned)
        signal.signal(signal.SIGTERM, _terminated)
        _tell_kernel()
        _limit()
        os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._ordinary)
        if os.getppid() != self._engine:
            self._abandoned()
        threading.Thread(target=self._watch, args=(self._channel.fileno(),), name="engine", daemon=True).start()

    def receive(self) -> Frame:
        """The next frame, for whichever thread's turn it is; ends this process when there will be none."""
        try:
            frame = self._channel.receive()
        except (OSError, FrameError) as error:
            report(f"lost the engine: {error}")
            self._abandoned()
        return frame or self._abandoned()

    def _watch(self, connection: int) -> None:
        """Waits for the connection to be hung up. Where a kernel does not tell that, the parent's end does."""
        poll = select.poll()
        poll.register(connection, 0)
        while not poll.poll(_LOOK) and os.getppid() == self._engine:
            pass
        self._abandoned()

    def _orphaned(self, number: int, frame: FrameType | None) -> None:
        self._abandoned()

    def _hold(self) -> None:
        """Signals wait while a function forks: one that met our handler in the child would be lost."""
        self._masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)

    def _release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.before)

    def _ordinary(self) -> None:
        """A process that a function forks is no worker: it has no say to the engine, and signals end it alone."""
        self._channel.close()
        for number in _OURS:
            signal.signal(number, signal.SIG_DFL)
        self._release()

    def _abandoned(self) -> NoReturn:
        """Kills everything this worker started, then itself: nobody is left to take a result."""
        for _ in range(_ROUNDS):  # one may start another while it is being killed
            if not kill_tree(os.environ.get(MARKER, ""), os.getpid(), signal.SIGKILL):
                break
        os._exit(1)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise StopRequested


def _tell_kernel() -> None:
    """Has the kernel send a signal when the engine dies, beside the end of the connection, and adopts orphans.

    Not TERM: asking for the parent then would not tell an order to stop from the engine's death, since the
    signal comes when the engine's first thread ends, and its process may take a moment longer.
    A daemon that a function starts becomes a child of the worker when its parent ends, not of init, and is found
    among its descendants even with a session and an environment of its own.
    """
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, int(_ENGINE_DIED), 0, 0, 0)
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _limit() -> None:
    """No core files, enough descriptors for a busy function, and first in line when the kernel needs memory.

    The process stays "dumpable": without that its own /proc files, by which inputs have their paths, and what the
    engine reads there would be root's. Address space is not limited either: a GPU driver maps far more than it uses.
    """
    for number, wanted in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, _OPEN_FILES)):
        with contextlib.suppress(OSError, ValueError):
            _, hard = resource.getrlimit(number)
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(number, (soft, hard))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
