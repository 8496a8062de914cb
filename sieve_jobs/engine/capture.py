"""What a worker prints, from its pipe to the log of the job it runs: whole lines, stamped, capped."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from sieve_jobs.engine.records import Line

_CHUNK = 65_536
_PIPE_PIECES = 4
"""Reads that empty a full pipe: it holds 64 KiB, and a writer may fill it again once meanwhile."""
_LINE_BYTES = 16_384
"""A longer line is cut into several."""
_EVERY = 0.1
"""Seconds after which lines are handed on, so that a log can be followed."""
_BATCH = 500
_DROPPED_AT_ONCE = 16
_DROP_PAUSE = 0.01
"""What is beyond the limits is read in so many pieces and dropped, then the pipe rests: a function that prints
without end gets through a hundred megabytes a second, and costs the engine a few hundredths of its time."""


class Capture:
    """Reads *pipe* on the event loop. What is printed while no job runs is dropped.

    *keep(job id, lines)* stores lines in the order they come.
    """

    def __init__(self, pipe: int, *, lines: int, size: int, keep: Callable[[str, list[Line]], None]) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._limits = (lines, size)
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._job: tuple[str, str] | None = None
        self._stage = "import"
        self._partial = b""
        self._waiting: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None
        self._left = (0, 0)
        self._last = 0
        self._loop.add_reader(pipe, self._readable)

    def begin(self, job_id: str, run_id: str) -> None:
        """From now on what is printed belongs to that attempt."""
        self.drain()
        self._job = (job_id, run_id)
        self._left = self._limits
        self._partial = b""

    def enter(self, stage: str) -> None:
        """From now on lines are of *stage*: import, setup or run. What was printed before is of the last one."""
        if stage != self._stage:
            self.drain()
            self._stage = stage

    @property
    def stage(self) -> str:
        return self._stage

    def end(self) -> None:
        """The attempt is over: everything printed so far is handed on, an unfinished line too."""
        self.drain()
        if self._partial:
            self._line(self._partial)
            self._partial = b""
        self._flush()
        self._job = None

    def drain(self) -> None:
        """Reads what was in the pipe when this was called; never more, however fast it is filled."""
        for _ in range(_PIPE_PIECES):
            if not self._read_once():
                return

    def close(self) -> None:
        """Ends the reading; safe to call twice."""
        if self._pipe >= 0:
            self.end()
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def _read_once(self) -> bool:
        """Reads one piece; whether there may be more."""
        if self._pipe < 0:
            return False
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return False
        if not data:  # every writer is gone; the reader would fire for ever
            self._loop.remove_reader(self._pipe)
            return False
        if self._job is not None and self._left[0] >= 0:
            self._take(data)
        return True

    def _readable(self) -> None:
        """Reads one piece, or drops several of what nobody wants and rests."""
        if self._job is not None and self._left[0] >= 0:
            self._read_once()
            return
        for _ in range(_DROPPED_AT_ONCE):
            if not self._read_once():
                return
        self._loop.remove_reader(self._pipe)
        self._loop.call_later(_DROP_PAUSE, self._read_on)

    def _read_on(self) -> None:
        if self._pipe >= 0:
            self._loop.add_reader(self._pipe, self._readable)

    def _take(self, data: bytes) -> None:
        *whole, self._partial = (self._partial + data).split(b"\n")
        for line in whole:
            self._line(line)
        while len(self._partial) > _LINE_BYTES:
            self._line(self._partial[:_LINE_BYTES])
            self._partial = self._partial[_LINE_BYTES:]
        if len(self._waiting) >= _BATCH:
            self._flush()
        elif self._waiting and self._timer is None:
            self._timer = self._loop.call_later(_EVERY, self._flush)

    def _line(self, raw: bytes) -> None:
        """Keeps one line; of one that a progress bar has overwritten, what was seen last."""
        lines, size = self._left
        if self._job is None or lines < 0:
            return
        text = raw.rstrip(b"\r").rpartition(b"\r")[2][:_LINE_BYTES].decode("utf-8", "replace")
        if lines == 0 or size < len(raw):
            text = "[the rest of the output is not kept: it is over the limit]"
            lines = 0
        self._left = (lines - 1, size - len(raw))
        self._last = max(time.time_ns(), self._last + 1)
        self._waiting.append(Line(self._last, self._job[1], self._stage, text))

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._job is not None:
            self._keep(self._job[0], self._waiting)
        self._waiting = []
