"""Messages between the engine and a worker: JSON frames over a socket, with open files travelling beside them.

A frame is four bytes of length, big-endian, and that much JSON: one object. Its `handles` says how many
descriptors came with it. A file never travels as a path, so a worker elsewhere needs another transport only.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sieve_jobs.wire import Json

LENGTH = struct.Struct(">I")
MAX_HANDLES = 16
"""Descriptors in one message; the kernel's own limit is 253."""
CHUNK = 262_144
_SURROGATES = "surrogatepass"
"""Half a surrogate pair is JSON, and `json.loads` takes a text that holds one."""
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False)


class FrameError(ValueError):
    """The peer sent what is no frame, or a frame is over the limit."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. *body* has the key `op`; whoever takes the handles closes them."""

    body: dict[str, Json]
    handles: tuple[int, ...] = ()
    size: int = 0
    """Bytes of its JSON."""

    @property
    def op(self) -> str:
        return str(self.body.get("op"))

    def close(self) -> None:
        for handle in self.handles:
            os.close(handle)


@dataclass(slots=True)
class Decoder:
    """Puts frames together from what a socket gives, in whatever pieces."""

    limit: int
    _bytes: bytearray = field(default_factory=bytearray)
    _handles: deque[int] = field(default_factory=deque)

    def feed(self, data: bytes, handles: Sequence[int]) -> list[Frame]:
        """The frames that are complete now. Raises FrameError; the stream cannot be read on after that."""
        self._bytes += data
        self._handles.extend(handles)
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def close(self) -> None:
        """Closes descriptors that no frame took."""
        while self._handles:
            os.close(self._handles.popleft())

    def _next(self) -> Frame | None:
        if len(self._bytes) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._bytes)
        if length > self.limit:
            raise FrameError(f"a frame of {length} bytes is over the limit of {self.limit}")
        end = LENGTH.size + length
        if len(self._bytes) < end:
            return None
        text = self._bytes[LENGTH.size : end]
        del self._bytes[:end]
        try:
            body = json.loads(text.decode("utf-8", _SURROGATES))
        except (ValueError, RecursionError) as error:
            raise FrameError("a frame is not JSON") from error
        count = body.get("handles", 0) if isinstance(body, dict) else None
        if not isinstance(count, int) or not 0 <= count <= len(self._handles):
            raise FrameError("a frame is not an object, or its handles are missing")
        return Frame(body, tuple(self._handles.popleft() for _ in range(count)), length)


def encode(body: dict[str, Json], handles: int, limit: int) -> bytes:
    """The bytes of a frame. Raises FrameError if it is over *limit*, or not JSON (NaN included)."""
    if handles:
        body = {**body, "handles": handles}
    if _least_size(body, limit) > limit:  # before a gigabyte is copied twice to be measured
        raise FrameError(f"too large: over {limit} bytes")
    try:
        text = _JSON.encode(body).encode("utf-8", _SURROGATES)
    except (TypeError, ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {error}") from error
    if len(text) > limit:
        raise FrameError(f"too large: {len(text)} bytes of {limit}")
    return LENGTH.pack(len(text)) + text


def _least_size(body: Json, limit: int) -> int:
    """Bytes that *body* takes at least; not counted further once it is over *limit*."""
    size = 0
    pending: list[Json] = [body]
    while pending and size <= limit:
        value = pending.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        size += 1
    return size


class BlockingChannel:
    """A worker's end: one thread reads, one writes, both may block."""

    def __init__(self, sock: socket.socket, limit: int) -> None:
        self._sock = sock
        self._limit = limit
        self._decoder = Decoder(limit)
        self._ready: deque[Frame] = deque()

    def pack(self, body: dict[str, Json], handles: int = 0) -> bytes:
        """The bytes of a frame that *handles* descriptors go with, for `send`. Raises FrameError."""
        return encode(body, handles, self._limit)

    def send(self, frames: bytes, handles: Sequence[int] = ()) -> None:
        """Sends what `pack` made, several frames in one go if they are joined; the caller keeps and closes *handles*.

        Raises OSError.
        """
        sent = socket.send_fds(self._sock, [frames], list(handles)) if handles else 0
        self._sock.sendall(memoryview(frames)[sent:])

    def receive(self) -> Frame | None:
        """The next frame, None when the peer has closed. Raises FrameError, OSError."""
        while not self._ready:
            data, handles, _, _ = socket.recv_fds(self._sock, CHUNK, MAX_HANDLES)
            if not data:
                self._decoder.close()
                return None
            self._ready.extend(self._decoder.feed(data, handles))
        return self._ready.popleft()

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        """Ends this process's hold on the socket; another's that was forked from it, or that it was from, stays."""
        self._sock.close()
