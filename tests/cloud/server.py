"""The stand-in's sockets: HTTP/1.1 by hand over asyncio, so that every fault can be put on the wire as it is."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.cloud.routes import Answer, FarSide, Request
from tests.cloud.script import Fault

HTML = b"<html><body>Please log in to the network</body></html>"
PIECE = 64 * 1024


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
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        request = self._request()
        if request is None:
            return
        if not request.path.startswith("/_/"):
            self.far_side.requests.append(request)
        task = asyncio.get_running_loop().create_task(self._serve(request))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _request(self) -> Request | None:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.buffer[:end])
        at = head.lower().find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return None
        body = bytes(self.buffer[end + 4 : end + 4 + length])
        del self.buffer[: end + 4 + length]
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        return Request(method, target, head, body)

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
        headers = {"Content-Type": "application/json", "Date": formatdate(self.far_side.now, usegmt=True)}
        if self.far_side.script.engine:
            headers["Sieve-Jobs-Engine"] = "1"
        headers |= {**answer.headers, "Content-Length": str(len(raw) + longer)}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 {answer.status} X\r\n{head}\r\n".encode() + raw)
        if close or longer:
            self.transport.close()

    async def _play(self, fault: Fault, answer: Answer) -> None:
        transport = self.transport
        assert transport is not None
        match fault.kind:
            case "status":
                body = {"detail": f"fault {fault.status}"} if fault.body is None else fault.body
                self._send(Answer(fault.status, body, fault.headers), close=True)
            case "hang":
                pass
            case "hold":
                await self.far_side.held.wait()
                if self.transport is not None:
                    self._send(answer, close=False)
            case "reset":
                linger = struct.pack("ii", 1, 0)
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                transport.abort()
            case "close":
                transport.close()
            case "cut":
                self._send(answer, close=True, cut=len(answer.raw) // 2)
            case "short":
                self._send(answer, close=True, longer=100)
            case "html":
                self._send(Answer(200, HTML, {"Content-Type": "text/html"}), close=True)
            case "drip" | "big":
                await self._slowly(fault, answer)

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


async def listen(far_side: FarSide, port: int, recorded: Callable[[], None], live: Live) -> asyncio.Server:
    """Serves on 127.0.0.1 and tells the far side its own address."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(far_side, recorded, live), "127.0.0.1", port, backlog=1024, reuse_address=True
    )
    far_side.jobs.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    return server
