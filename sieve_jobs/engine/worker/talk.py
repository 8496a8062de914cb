"""A worker's side of the conversation with its engine: one question at a time, from whichever thread asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from sieve_jobs.engine.frames import BlockingChannel, Frame
from sieve_jobs.wire import Json


class EngineGone(BaseException):
    """Nobody is left to tell anything to."""


class Talk:
    """Sends on *channel*; *receive* gives the engine's next frame.

    A thread that a function has left behind cannot take what is meant for the next job: `for_job` ends with it.
    """

    def __init__(self, channel: BlockingChannel, receive: Callable[[], Frame]) -> None:
        self._channel = channel
        self._receive = receive
        self._lock = threading.RLock()  # a signal's handler may raise inside a question and send in turn
        self._job = 0
        self._pid = os.getpid()

    def pack(self, body: dict[str, Json]) -> bytes:
        """A frame for `send`. Raises FrameError."""
        return self._channel.pack(body)

    def send(self, frames: bytes) -> None:
        """Sends what `pack` made; frames that are joined arrive together. Raises EngineGone."""
        with self._lock:
            self._send(frames, ())

    def _send(self, frames: bytes, handles: tuple[int, ...]) -> None:
        try:
            self._channel.send(frames, handles)
        except OSError as error:
            raise EngineGone(str(error)) from error

    def request(self, body: dict[str, Json], handle: int | None) -> tuple[dict[str, Json], int]:
        """The engine's answer, and the handle that came with it or -1."""
        handles = () if handle is None else (handle,)
        with self._lock:
            self._send(self._channel.pack(body, len(handles)), handles)
            frame = self._receive()
            return frame.body, frame.handles[0] if frame.handles else -1

    def for_job(self) -> tuple[Callable[[], None], Callable[[dict[str, Json], int | None], dict[str, Json]]]:
        """How to end a job's own questions, and how to ask one. Raises RuntimeError once the job is over."""
        with self._lock:
            self._job += 1
            mine = self._job

        def end() -> None:
            with self._lock:
                self._job += 1

        def ask(body: dict[str, Json], handle: int | None) -> dict[str, Json]:
            with self._lock:
                if self._job != mine:
                    raise RuntimeError("the job is over")
                if os.getpid() != self._pid:
                    raise RuntimeError("files are handed over by the job's own process, not by one that it forked")
                return self.request(body, handle)[0]

        return end, ask
