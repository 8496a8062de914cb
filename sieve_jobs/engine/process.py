"""One worker process as the engine sees it: started, spoken to, and ended with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from sieve_jobs.engine.capture import Capture
from sieve_jobs.engine.catalog import Module
from sieve_jobs.engine.channel import Channel
from sieve_jobs.engine.frames import Frame
from sieve_jobs.engine.records import Line
from sieve_jobs.engine.settings import MEBIBYTE, Settings
from sieve_jobs.engine.tree import MARKER, Process, kill_tree
from sieve_jobs.wire import Json

Keep: TypeAlias = Callable[[str, list[Line]], None]

_KEPT_FROM_WORKERS = (
    *("SIEVE*", "AWS_*", "GOOGLE_*", "AZURE_*", "GITHUB_*", "GH_*", "ACTIONS_*", "SSH_*", "PG*"),
    *("*_KEY", "*_TOKEN", "*_SECRET", "*PASSWORD*", "*CREDENTIAL*"),
)
"""Variables of the engine's environment that functions do not inherit: a job brings its secrets in its `env`."""
_QUEUE_HIGH, _QUEUE_LOW = 128, 32
"""Frames waiting to be handled at which reading stops, and goes on."""
_POLL = 0.05
_CUT_TO_EXIT = 1.0
"""Seconds a process may take to end after its connection did, before it counts as alive without one."""


def worker_environment(environ: Mapping[str, str], marker: str, scratch: Path) -> dict[str, str]:
    """The environment a worker starts with."""
    kept = {
        name: value
        for name, value in environ.items()
        if not any(fnmatch.fnmatchcase(name.upper(), pattern) for pattern in _KEPT_FROM_WORKERS)
    }
    return {**kept, MARKER: marker, "TMPDIR": str(scratch)}


@dataclass(frozen=True, slots=True)
class _Started:
    """A process just started: its marker and temporary folder, our end of its socket, and what it prints."""

    child: subprocess.Popen[bytes]
    marker: str
    scratch: Path
    sock: socket.socket
    pipe: int


class WorkerProcess:
    """A worker for one module. Belongs to the event loop it was spawned on.

    Its frames are taken with `next`; what was printed before a frame was sent has been read when it comes.
    """

    def __init__(self, module: Module, started: _Started, settings: Settings, keep: Keep) -> None:
        self.module = module
        self.capture = Capture(started.pipe, lines=settings.log_lines, size=settings.log_bytes, keep=keep)
        self.is_loaded = False
        self.lost: str | None = None
        """Why nothing more will come from it."""
        self._child = started.child
        self._marker = started.marker
        self._scratch = started.scratch
        self._frames: deque[Frame] = deque()
        self._news = asyncio.Event()
        self._channel = Channel(
            started.sock,
            settings.body_limit + MEBIBYTE,
            arrived=self._arrived,
            lost=self._cut_off,
        )
        self._cut: str | None = None
        self._exit: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        _watch_exit(started.child, self._exited)
        self._stopping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._child.pid

    async def send(self, body: dict[str, Json], handle: int | None = None) -> None:
        """Sends one frame. A worker that is gone is noticed by `next`, not here. Raises FrameError."""
        sending = asyncio.ensure_future(self._channel.send(body, () if handle is None else (handle,)))
        try:
            await asyncio.wait({sending, self._exit}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        except OSError as error:
            self._lose(f"could not write to it: {error.strerror}")
        finally:
            sending.cancel()

    async def next(self) -> Frame | None:
        """The next frame, None when there will be none; then `lost` says why."""
        while not self._frames:
            if self.lost is None and self._cut is not None:
                await asyncio.wait({self._exit}, timeout=_CUT_TO_EXIT)
                self._lose(self._cut)
            if self.lost is not None:
                return None
            self._news.clear()
            await self._news.wait()
        frame = self._frames.popleft()
        if len(self._frames) == _QUEUE_LOW:
            self._channel.resume()
        return frame

    def peek(self) -> Frame | None:
        """The frame `next` would return at once."""
        return self._frames[0] if self._frames else None

    async def stop(self, grace: float) -> None:
        """Ends the process and all it started: TERM, after *grace* seconds KILL. Returns when they are gone."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(grace))
        await asyncio.shield(self._stopping)

    async def _stop(self, grace: float) -> None:
        loop = asyncio.get_running_loop()
        self._lose("it was stopped")
        deadline = loop.time() + grace
        number: int = signal.SIGTERM
        tree: list[Process] = []
        while tree := await asyncio.to_thread(kill_tree, self._marker, self.pid, number, tree):
            if self._exit.done():
                await asyncio.sleep(_POLL)
            else:
                await asyncio.wait({self._exit}, timeout=_POLL)
            number = signal.SIGKILL if loop.time() >= deadline else 0  # which only looks
        await self._exit
        self._channel.close()
        self.capture.close()
        for frame in self._frames:
            frame.close()
        self._frames.clear()
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)

    def _arrived(self, frame: Frame) -> None:
        self.capture.drain()
        self._frames.append(frame)
        if len(self._frames) == _QUEUE_HIGH:
            self._channel.pause()
        self._news.set()

    def _cut_off(self, reason: str) -> None:
        """The connection is over. Mostly it is so because the process ended: that tells more, and comes soon."""
        self._cut = reason
        self._news.set()

    def _lose(self, reason: str) -> None:
        if self.lost is None:
            self.lost = reason
        self._news.set()

    def _exited(self) -> None:
        """Reaps the child; what it had written before it died was read first where it had been sent."""
        code = self._child.wait()
        self._channel.read_rest()
        self.capture.drain()
        self._lose(f"it was killed by {_signal_name(-code)}" if code < 0 else f"it exited with status {code}")
        if not self._exit.done():
            self._exit.set_result(None)


@dataclass(frozen=True, slots=True)
class Spawner:
    """Starts workers. *umask* is the one they get; *keep* takes what they print, see `Capture`."""

    settings: Settings
    scratch: Path
    marker: str
    umask: int
    keep: Keep

    def spawn(self, module: Module) -> WorkerProcess:
        """Starts a worker in the folder of *module*'s file, in a session of its own. Raises OSError.

        It is spawned, never forked: a forked copy would hold the engine's locks and sockets.
        """
        own = uuid.uuid4().hex
        scratch = self.scratch / own
        scratch.mkdir(mode=0o700)
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        marker = f"{self.marker}.{own}"
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-X", "faulthandler", "-m", "sieve_jobs.engine.worker", str(theirs.fileno())],
                cwd=module.file.parent,
                env=worker_environment(os.environ, marker, scratch),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                umask=self.umask,
            )
        except OSError:
            ours.close()
            os.close(reading)
            scratch.rmdir()
            raise
        finally:
            theirs.close()
            os.close(writing)
        return WorkerProcess(module, _Started(child, marker, scratch, ours, reading), self.settings, self.keep)


def _watch_exit(child: subprocess.Popen[bytes], exited: Callable[[], None]) -> None:
    """Calls *exited* on the loop when the child has ended, whoever still holds its socket."""
    loop = asyncio.get_running_loop()
    descriptor = _pidfd(child.pid)
    if descriptor is not None:

        def ended() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            exited()

        loop.add_reader(descriptor, ended)
        return

    def wait() -> None:
        child.wait()
        with contextlib.suppress(RuntimeError):  # the loop ended first
            loop.call_soon_threadsafe(exited)

    threading.Thread(target=wait, name=f"worker {child.pid}", daemon=True).start()


def _pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends, where the kernel has such."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
