"""How a request is received: what a head may be, how long it may take, and how many connections there may be.

uvicorn waits for a request for as long as it takes; whoever sends a byte now and then would hold a connection
for ever. Each connection has a deadline for what it is sending; one task closes those that missed theirs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sieve_jobs.engine import answers
from sieve_jobs.engine.present import json_text
from sieve_jobs.wire import APPLIED_HEADER

_SLOWEST = 64 * 1024
"""Bytes a second at which a body may take longer than its deadline: an upload is as long as it is."""
_FRAMING, _FRAMING_EACH = 1024 * 1024, 8
"""Bytes of chunk sizes and trailers that a body may have: so many, and so many for each of its own."""
_APP_FIRST = 1.1
"""Whoever reads a body has the deadline itself: it can say more than a closed connection does."""
_HEAD_TOO_LARGE = "Request header fields too large."


@dataclass(frozen=True, slots=True)
class Limits:
    """Durations are seconds, sizes bytes."""

    head: int
    head_deadline: float
    body_deadline: float
    connections: int


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()


class _RefusedError(Exception):
    """Stops the parser; `Connection.refusal` says with what."""


class Connection(HttpToolsProtocol):
    """One connection, as uvicorn makes them."""

    def __init__(self, *, limits: Limits, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._phase = _Phase.HEAD
        self._deadline: float | None = None
        self._opened = 0.0
        self._head = self._received = self._body = 0
        self._refusal = (400, "Invalid HTTP request received.")

    @property
    def is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # a socket's is a Transport
        self._opened = self.loop.time()
        self._deadline = self._opened + self._limits.head_deadline
        if len(self.connections) > self._limits.connections and not _make_room(self.connections):
            self._say(503, "Too many connections.", {"Retry-After": "1"})

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._phase is _Phase.IDLE:
            self._expect_head()
        self._received += len(data)
        super().data_received(data)
        if self._phase is _Phase.HEAD and self._received > self._limits.head:
            self._say(431, _HEAD_TOO_LARGE)
        elif self._phase is _Phase.BODY and self._received > _FRAMING + _FRAMING_EACH * self._body:
            self._say(400, self._refusal[1])

    def on_message_begin(self) -> None:
        if self._phase is _Phase.ANSWER:  # a further request behind one that is being answered
            self._expect_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._head += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value) + 4
        if self._head > self._limits.head:
            self._refuse(431, _HEAD_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._head > self._limits.head:  # the request line alone
            self._refuse(431, _HEAD_TOO_LARGE)
        if not self.url.startswith(b"/"):  # a whole URL, or a host: what Host says would not be all that counts
            self._refuse(421, "Misdirected Request")
        self._phase, self._received, self._body = _Phase.BODY, 0, 0
        self._deadline = self.loop.time() + self._limits.body_deadline * _APP_FIRST
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if self._deadline is not None:
            self._deadline += len(body) / _SLOWEST
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase, self._deadline, self._head, self._received = _Phase.ANSWER, None, 0, 0
        super().on_message_complete()
        if not self.is_answering:
            self._phase = _Phase.IDLE

    def on_response_complete(self) -> None:
        if self._phase is _Phase.ANSWER:
            self._phase = _Phase.IDLE
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn says when the parser stopped."""
        self._say(*self._refusal)

    def expire(self, now: float) -> None:
        """Closes the connection if what it sends is overdue."""
        if self._deadline is None or now < self._deadline or self.transport.is_closing():
            return
        if self._phase is _Phase.HEAD and self._received and not self.is_answering:
            self._say(408, answers.TIMED_OUT)
        else:
            self.transport.close()

    def evict(self) -> None:
        self.transport.abort()

    @property
    def opened(self) -> float:
        return self._opened

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.transport = _Together(self.transport, self.loop)  # type: ignore[assignment]  # what a cycle uses of one
        super()._start_asgi_task(cycle, app)

    def _expect_head(self) -> None:
        self._phase, self._head, self._received = _Phase.HEAD, 0, 0
        self._deadline = self.loop.time() + self._limits.head_deadline

    def _refuse(self, status: int, detail: str) -> None:
        self._refusal = (status, detail)
        raise _RefusedError

    def _say(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        """An answer without the application, after which the connection is closed; none inside another one."""
        if not self.is_answering and not self.transport.is_closing():
            self.transport.write(plain_answer(status, detail, headers or {}))
        self.transport.close()


class _Together:
    """A connection to which an answer's head goes together with its body, where that follows in the same turn.

    uvicorn writes them one by one: two packets, and two calls into the kernel for each answer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = b""
        """What waits for more; None once something has gone out."""

    def write(self, data: bytes) -> None:
        if self._held is None:
            self._transport.write(data)
        elif self._held:
            held, self._held = self._held, None
            self._transport.write(held + data)
        else:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, None
            self._transport.write(held)


def plain_answer(status: int, detail: str, headers: dict[str, str]) -> bytes:
    """A whole answer as bytes, the last one of its connection."""
    body = json_text({"detail": detail})
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        APPLIED_HEADER: "no",
        **headers,
        **{name.decode(): value.decode() for name, value in answers.ALWAYS},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n{body}".encode("ascii")


async def watch_receipts(connections: set[Any], limits: Limits) -> None:
    """Closes connections whose deadline has passed, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(1.0, limits.head_deadline / 4))
        for connection in _ours(connections):
            connection.expire(loop.time())


def _make_room(connections: set[Any]) -> bool:
    """Closes the oldest connection that no request is being answered on; False if there is none.

    So whoever opens many and asks nothing takes places from himself.
    """
    waiting = (it for it in _ours(connections) if not it.is_answering)
    oldest = min(waiting, key=lambda it: it.opened, default=None)
    if oldest is None:
        return False
    oldest.evict()
    connections.discard(oldest)  # it is lost at the next turn of the loop, and must not be chosen twice
    return True


def _ours(connections: set[Any]) -> list[Connection]:
    """uvicorn's set, as what is in it."""
    return [it for it in connections if isinstance(it, Connection)]
