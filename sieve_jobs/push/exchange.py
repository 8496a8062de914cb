"""One HTTP/1.1 exchange over a connection of its own, for requests that must never be sent twice by accident.

A stock HTTP client reuses connections, and one that dies as it is reused leaves a push in doubt. Opening a fresh one
for each push through httpcore and anyio takes 0.6 of the speed of a plain keep-alive loop; this takes 1.6 (measured).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import httptools

LONGEST_HEAD = 256 * 1024
"""Bytes of status line and headers."""
LATE = "this process was held up before the request went"


class NotSentError(Exception):
    """No connection came about: not a byte of the request left."""


class BrokenError(Exception):
    """The request was sent, at least in part, and no whole answer came."""

    def __init__(self, message: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body
        """As much of the answer's body as came, if its status was 200."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case; None without one."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to connect to. *tls* is None for plain http, which is for loopback alone."""

    host: str
    port: int
    tls: ssl.SSLContext | None


async def exchange(
    peer: Peer,
    request: bytes,
    *,
    connect_timeout: float,
    deadline: float,
    longest_body: int,
    in_time: Callable[[], bool] = lambda: True,
) -> RawAnswer:
    """Sends *request*, whole bytes of a request that asks for `Connection: close`, and reads the answer.

    *deadline* is the longest it may take as a whole. *in_time* is asked once there is a connection: whether the request
    may still go. Raises NotSentError or BrokenError.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    connected = False
    try:
        async with asyncio.timeout_at(began + min(connect_timeout, deadline)) as limit:
            transport, wire = await _connect(peer, longest_body)
            try:
                if not in_time():
                    wire.done.cancel()
                    raise NotSentError(LATE)
                connected = True
                limit.reschedule(began + deadline)
                transport.write(request)
                return await wire.done
            finally:
                transport.abort()
    except TimeoutError as error:
        if connected:
            raise BrokenError(f"it gave no answer in {deadline:g} s") from error
        raise NotSentError(f"no connection within {min(connect_timeout, deadline):g} s") from error


async def _connect(peer: Peer, longest_body: int) -> tuple[asyncio.Transport, _Wire]:
    """A connection of one's own. Raises NotSentError."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_connection(
            lambda: _Wire(loop.create_future(), longest_body),
            peer.host,
            peer.port,
            ssl=peer.tls,
            server_hostname=peer.host if peer.tls else None,
        )
    except (OSError, ssl.CertificateError, UnicodeError) as error:  # UnicodeError: no name of a host
        raise NotSentError(str(error) or type(error).__name__) from error


class _Wire(asyncio.Protocol):
    """The answer's side: feeds the parser, and settles *done* once."""

    def __init__(self, done: asyncio.Future[RawAnswer], longest_body: int) -> None:
        self.done = done
        self._longest_body = longest_body
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._read = 0
        self._until_eof = False

    def data_received(self, data: bytes) -> None:
        if self.done.done():
            return
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("it answered with a protocol upgrade")
        except httptools.HttpParserError as error:
            self._fail(f"the answer is not HTTP: {error}")
        if self._read - len(self._body) > LONGEST_HEAD + self._longest_body // 8:
            self._fail("the answer's headers are too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        names = {name.lower() for name, _ in self._headers}
        self._until_eof = not names & {b"content-length", b"transfer-encoding"}

    def on_body(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > self._longest_body:
            self._fail(f"the answer is longer than {self._longest_body} bytes")

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer; the real one follows
            self._headers.clear()
        elif not self.done.done():
            self.done.set_result(RawAnswer(status, self._headers, bytes(self._body)))

    def eof_received(self) -> None:
        if self._until_eof:
            self.on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        what = f"the connection broke: {exc}" if exc else "the connection was closed"
        self._fail(f"{what} {'in the middle of' if self._read else 'without'} an answer")

    def _fail(self, why: str) -> None:
        if not self.done.done():
            whole_head = self._headers and self._parser.get_status_code() == 200
            self.done.set_exception(BrokenError(why, bytes(self._body) if whole_head else b""))
