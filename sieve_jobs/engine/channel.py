"""The engine's end of a worker's socket, on the event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from sieve_jobs.engine.frames import CHUNK, MAX_HANDLES, Decoder, Frame, FrameError, encode
from sieve_jobs.wire import Json


class Channel:
    """Sends and receives frames. *arrived* is called with those that came together, in order, *lost* once at the end.

    That is told why, and whether that is because what came is no frame.
    """

    def __init__(
        self,
        sock: socket.socket,
        limit: int,
        *,
        arrived: Callable[[Sequence[Frame]], None],
        lost: Callable[[str, bool], None],
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._limit = limit
        self._decoder = Decoder(limit)
        self._arrived = arrived
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self.resume()

    def send(self, body: dict[str, Json], handles: Sequence[int] = ()) -> memoryview:
        """Sends what the socket takes at once of a frame, mostly all; the rest, for `send_rest`.

        The caller keeps and closes *handles*. Raises FrameError, OSError.
        """
        data = memoryview(encode(body, len(handles), self._limit))
        try:
            sent = socket.send_fds(self._sock, [data], list(handles)) if handles else self._sock.send(data)
        except BlockingIOError:
            if handles:  # which could not follow what they belong to
                raise
            sent = 0
        return data[sent:]

    async def send_rest(self, rest: memoryview) -> None:
        """Sends what `send` could not. Raises OSError."""
        await self._loop.sock_sendall(self._sock, rest)

    def pause(self) -> None:
        """Stops reading: what the worker sends waits in the socket, and then the worker does."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())

    def resume(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock.fileno(), self._readable)

    def read_rest(self) -> None:
        """Reads what a worker that has exited left in the socket."""
        while self._sock.fileno() >= 0 and self._readable():
            pass

    def close(self) -> None:
        """Ends the connection; the worker sees the end of the stream. Safe to call twice."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
            self._decoder.close()

    def _readable(self) -> bool:
        """Reads one piece; whether there may be more."""
        try:
            data, handles, _, _ = socket.recv_fds(self._sock, CHUNK, MAX_HANDLES)
            frames = self._decoder.feed(data, handles)
        except BlockingIOError:
            return False
        except (OSError, FrameError) as error:
            self._end(str(error), broken=isinstance(error, FrameError))
            return False
        if frames:
            self._arrived(frames)
        if not data:
            self._end("it closed its connection")
        return bool(data)

    def _end(self, reason: str, *, broken: bool = False) -> None:
        self.close()
        self._lost(reason, broken)
