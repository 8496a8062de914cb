"""One worker process as the engine sees it: started, spoken to, and ended with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from sieve_jobs.engine.capture import Capture
from sieve_jobs.engine.catalog import Module
from sieve_jobs.engine.channel import Channel
from sieve_jobs.engine.death import Death, death_of
from sieve_jobs.engine.frames import Frame
from sieve_jobs.engine.records import Line
from sieve_jobs.engine.settings import MEBIBYTE, Settings
from sieve_jobs.engine.tree import Process, end_tree, kill_tree
from sieve_jobs.engine.watch import Watch
from sieve_jobs.wire import Json

Keep: TypeAlias = Callable[[str, list[Line]], None]

_QUEUE_HIGH, _QUEUE_LOW = 128, 32
_QUEUE_BYTES = 16 * MEBIBYTE
"""Frames waiting to be handled at which reading stops, and goes on; with so many bytes it stops too."""
_POLL = 0.05
_CUT_TO_EXIT = 1.0
"""Seconds a process may take to end after its connection did, before it counts as alive without one."""


@dataclass(frozen=True, slots=True)
class Started:
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

    def __init__(self, module: Module, started: Started, settings: Settings, keep: Keep, watch: Watch) -> None:
        self.module = module
        self.is_loaded = False
        self.stage = "import"
        self.lost: Death | None = None
        """Why nothing more will come from it."""
        self._capture = Capture(started.pipe, lines=settings.log_lines, size=settings.log_bytes, keep=keep)
        self._watch = watch
        self._jobs = 0
        self._child = started.child
        self._marker = started.marker
        self._scratch = started.scratch
        self._frames: deque[Frame] = deque()
        self._waiting = 0
        """Bytes of the frames not taken yet."""
        self._is_held = False
        """Nothing more is read for now."""
        self._news = asyncio.Event()
        self._channel = Channel(
            started.sock,
            settings.body_limit + MEBIBYTE,
            arrived=self._arrived,
            lost=self._cut_off,
        )
        self._cut: str | None = None
        self._exit: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watch.begin(self)
        _watch_exit(started.child, self._exited)
        self._stopping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_fresh(self) -> bool:
        return self._jobs <= 1

    def begin(self, job_id: str, run_id: str) -> None:
        """From now on it works for that attempt, and what it prints is filed there."""
        self._jobs += 1
        self._capture.begin(job_id, run_id)

    def enter(self, stage: str) -> None:
        """What is printed from now on is of *stage*: import, setup or run."""
        self.stage = stage
        self._capture.enter(stage)

    def end(self) -> None:
        """The attempt is over, and what was printed for it is handed on. Safe to call twice."""
        self._capture.end()

    def condemn(self, death: Death, grace: float) -> None:
        """Gives the worker up, unless it is lost already, and ends it as `stop` does: `next` tells at once."""
        if self.lost is None:
            self._lose(death)
            if grace <= 0:
                self.signal_group(signal.SIGKILL)
            self._begin_to_stop(grace)

    def signal_group(self, number: int) -> None:
        """Sends a signal to all of its process group in one call, which nothing that forks escapes."""
        if not self._exit.done():  # or the number may be another's by now
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    async def send(self, body: dict[str, Json], handle: int | None = None) -> None:
        """Sends one frame. A worker that is gone is noticed by `next`, not here. Raises FrameError."""
        try:
            rest = self._channel.send(body, () if handle is None else (handle,))
            if rest:
                await self._send_rest(rest)
        except OSError as error:
            self._lose(Death(f"it could not be written to: {error.strerror}"))

    async def _send_rest(self, rest: memoryview) -> None:
        """Until it is sent or the process has ended, since what that started may hold its socket open."""
        sending = asyncio.ensure_future(self._channel.send_rest(rest))
        try:
            await asyncio.wait({sending, self._exit}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            sending.cancel()

    async def next(self) -> Frame | None:
        """The next frame, None when there will be none; then `lost` says why."""
        while not self._frames:
            if self.lost is None and self._cut is not None:
                await asyncio.wait({self._exit}, timeout=_CUT_TO_EXIT)
                self._lose(Death(self._cut))
            if self.lost is not None:
                return None
            self._news.clear()
            await self._news.wait()
        frame = self._frames.popleft()
        self._waiting -= frame.size
        if self._is_held and len(self._frames) <= _QUEUE_LOW and self._waiting < _QUEUE_BYTES:
            self._is_held = False
            self._channel.resume()
        return frame

    def peek(self) -> Frame | None:
        """The frame `next` would return at once."""
        return self._frames[0] if self._frames else None

    async def stop(self, grace: float) -> None:
        """Ends the process and all it started: TERM, after *grace* seconds KILL. Returns when they are gone."""
        await asyncio.shield(self._begin_to_stop(grace))

    def _begin_to_stop(self, grace: float) -> asyncio.Task[None]:
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(grace))
        return self._stopping

    async def _stop(self, grace: float) -> None:
        self._lose(Death("it was stopped"))
        self._watch.end(self)
        tree = await self._ask_to_end(grace) if grace > 0 else []
        self.signal_group(signal.SIGKILL)
        while tree := await asyncio.to_thread(end_tree, self._marker, self.pid, tree):
            await self._moment()
        await self._exit
        self._channel.close()
        self._capture.close()
        for frame in self._frames:
            frame.close()
        self._frames.clear()
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)

    async def _ask_to_end(self, grace: float) -> list[Process]:
        """TERM to all, once; who is still there when their time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        tree = await asyncio.to_thread(kill_tree, self._marker, self.pid, signal.SIGTERM)
        while tree and loop.time() < deadline:
            await self._moment()
            tree = await asyncio.to_thread(kill_tree, self._marker, self.pid, 0, tree)  # which only looks
        return tree

    async def _moment(self) -> None:
        if self._exit.done():
            await asyncio.sleep(_POLL)
        else:
            await asyncio.wait({self._exit}, timeout=_POLL)

    def _arrived(self, frames: Sequence[Frame]) -> None:
        self._capture.drain()
        self._frames.extend(frames)
        self._waiting += sum(frame.size for frame in frames)
        if not self._is_held and (len(self._frames) >= _QUEUE_HIGH or self._waiting >= _QUEUE_BYTES):
            self._is_held = True
            self._channel.pause()
        self._news.set()

    def _cut_off(self, reason: str, broken: bool) -> None:
        """The connection is over. Mostly it is so because the process ended: that tells more, and comes soon."""
        if broken:
            self._lose(Death(f"what it sent is no frame: {reason}"))
        self._cut = reason
        self._news.set()

    def _lose(self, death: Death) -> None:
        if self.lost is None:
            self.lost = death
        self._news.set()

    def _exited(self) -> None:
        """Reaps the child; what it had written before it died was read first where it had been sent."""
        code = self._child.wait()
        self._channel.read_rest()
        self._capture.drain()
        self._watch.end(self)
        self._lose(death_of(code, self._watch.oom_kills() if code == -signal.SIGKILL else 0))
        if not self._exit.done():
            self._exit.set_result(None)


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
