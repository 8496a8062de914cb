"""The stand-in's sockets: HTTP/1.1 by hand over asyncio, so that every fault can be put on the wire as it is."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import struct
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field

from tests.cloud.routes import Answer, FarSide, Request
from tests.cloud.script import Fault

HTML = b"<html><body>Please log in to the network</body></html>"
PIECE = 64 * 1024
LARGEST_MEMBER = 16 * 1024 * 1024
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"


@dataclass
class Live:
    """What has to end before the stand-in does."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    connections: set[Connection] = field(default_factory=set)

    async def end(self, server: asyncio.Server) -> None:
        """Ends *server* and every connection, those included that it accepted a moment ago.

        asyncio makes such a connection in a task of its own, which a server that is closed meanwhile lets fail, with
        the socket left open. So nothing more is accepted first, then those tasks are waited for.
        """
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        server.close()
        for connection in self.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)  # the turn of the loop in which they close
        assert not self.connections


class Connection(asyncio.Protocol):
    """One client's connection: requests in turn, answers in turn."""

    def __init__(self, far_side: FarSide, recorded: Callable[[], None], live: Live) -> None:
        self.far_side = far_side
        self.recorded = recorded
        self.tasks, self.open = live.tasks, live.connections
        self.buffer = bytearray()
        self.unread = False
        """Whatever still comes is dropped."""
        self.idle: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.open.discard(self)
        self._keep()

    def data_received(self, data: bytes) -> None:
        if self.unread:
            return
        self._keep()
        begins = b"\r\n\r\n" not in self.buffer
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end])
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        request = Request(method, target, head, b"")
        script = self.far_side.script
        fault = script.fault(request.route, target, b"", unread=True) if begins else None
        if fault is not None:
            self.unread = True
            self._start(request, self._play(fault, Answer(200, {})))
        elif (body := self._body(end + 4, request)) is not None:
            request = Request(method, target, head, body)
            self._start(request, self._serve(request))

    def _start(self, request: Request, work: Coroutine[None, None, None]) -> None:
        if not request.path.startswith("/_/"):
            self.far_side.requests.append(request)
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _body(self, start: int, request: Request) -> bytes | None:
        """The body behind the head that ends at *start*; None while it has not come whole."""
        at = request.head.lower().find(b"\r\ncontent-length:")  # in a hurry: pushes are counted by the thousand
        end = start + (int(request.head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
        if len(self.buffer) < end:
            return None
        body = bytes(self.buffer[start:end])
        del self.buffer[:end]
        return body

    def _keep(self) -> None:
        """The connection is in use, or gone: it is not closed for being idle."""
        if self.idle is not None:
            self.idle.cancel()
        self.idle = None

    async def _serve(self, request: Request) -> None:
        answer = await self.far_side.answer(request)
        self.recorded()
        if self.transport is None:
            return
        if answer.fault is None:
            self._send(answer, close=b"connection: close" in request.head.lower())
        else:
            await self._play(answer.fault, answer)

    def _send(self, answer: Answer, *, close: bool, cut: int = 0, longer: int = 0) -> None:
        assert self.transport is not None
        raw = answer.raw
        raw = raw[: len(raw) - cut]
        headers = {"Content-Type": "application/json", "Date": self.far_side.date}
        if self.far_side.script.engine:
            headers["Sieve-Jobs-Engine"] = "1"
        headers |= {**answer.headers, "Content-Length": str(len(raw) + longer)}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 {answer.status} X\r\n{head}\r\n".encode() + raw)
        if close or longer:
            self.transport.close()
        elif self.far_side.script.idle_kept is not None:
            seconds = random.uniform(*self.far_side.script.idle_kept)
            self.idle = asyncio.get_running_loop().call_later(seconds, self.transport.close)

    async def _play(self, fault: Fault, answer: Answer) -> None:
        transport = self.transport
        assert transport is not None
        match fault.kind:
            case "status":
                body = {"detail": f"fault {fault.status}"} if fault.body is None else fault.body
                self._send(Answer(fault.status, body, fault.headers), close=not fault.unread)
            case "hang":
                pass
            case "hold" | "late" | "hints":
                await self._in_the_end(fault, answer)
            case "reset":
                linger = struct.pack("ii", 1, 0)
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                transport.abort()
            case "close" | "half":
                transport.write(b"HTTP/1.1 20" if fault.kind == "half" else b"")
                transport.close()
            case "cut":
                self._send(answer, close=True, cut=len(answer.raw) // 2)
            case "short":
                self._send(answer, close=True, longer=100)
            case "html":
                self._send(Answer(200, HTML, {"Content-Type": "text/html"}), close=True)
            case "gzip":
                packed = Answer(200, bomb(answer.raw, fault.size), {"Content-Encoding": "gzip"})
                self._send(packed, close=True)
            case "interim":
                await self._interim(fault.size)
            case "drip" | "big":
                await self._slowly(fault, answer)

    async def _in_the_end(self, fault: Fault, answer: Answer) -> None:
        """The right answer, when it is due."""
        if fault.kind == "hold":
            await self.far_side.held.wait()
        elif fault.kind == "late" and fault.created:
            await asyncio.sleep(fault.seconds)
        if self.transport is None:
            return
        if fault.kind == "hints":
            self.transport.write(INTERIM)
        self._send(answer, close=True)

    async def _interim(self, count: int) -> None:
        """*count* interim answers, for as long as somebody reads them."""
        for _ in range(0, count, 2):
            if self.transport is None:
                return
            self.transport.write(INTERIM)
            await asyncio.sleep(0)
        if self.transport is not None:
            self.transport.close()

    async def _slowly(self, fault: Fault, answer: Answer) -> None:
        """One byte each *seconds*, or *size* bytes in pieces for as long as somebody reads them."""
        size = len(answer.raw) if fault.kind == "drip" else fault.size
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode()
        drips = fault.kind == "drip"
        content = head + answer.raw if drips else head
        pieces = (content[at : at + 1] for at in range(len(content))) if drips else _large(content, size)
        for piece in pieces:
            if self.transport is None:
                return
            self.transport.write(piece)
            await asyncio.sleep(fault.seconds if drips else 0)


def _large(head: bytes, size: int) -> Iterator[bytes]:
    yield head
    for at in range(0, size, PIECE):
        yield b" " * min(PIECE, size - at)


def bomb(content: bytes, size: int) -> bytes:
    """*content* and *size* blanks, compressed to a thousandth of them."""
    member = gzip.compress(b" " * min(LARGEST_MEMBER, size))
    return gzip.compress(content) + member * max(size // LARGEST_MEMBER, 1)


async def listen(far_side: FarSide, port: int, recorded: Callable[[], None], live: Live) -> asyncio.Server:
    """Serves on 127.0.0.1 and tells the far side its own address."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(far_side, recorded, live), "127.0.0.1", port, backlog=1024, reuse_address=True
    )
    far_side.jobs.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    return server
