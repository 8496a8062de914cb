"""One attempt at a webhook: the name resolved, every address judged, the judged one called, signed, and bounded."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sieve_jobs import __version__
from sieve_jobs.engine.addresses import AddressRefusedError, Policy, require_open
from sieve_jobs.engine.hooksign import signature
from sieve_jobs.engine.weburl import WebUrl, parse_web_url

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses. Raises OSError."""

_LONGEST_LINE = 16 * 1024
_GONE = 410
"""The receiver says it will never want this: no retry."""


@dataclass(frozen=True, slots=True)
class Met:
    """What an attempt met. *status* is 0 without an answer; *is_final* says that a further attempt is of no use."""

    status: int
    word: str
    is_final: bool = False

    @property
    def is_delivered(self) -> bool:
        return 200 <= self.status < 300


async def resolved(host: str, port: int) -> Sequence[str]:
    """The system's answer, from a thread of its own: one that hangs holds up neither other work nor the end."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def tell(addresses: list[str], error: OSError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(addresses)
        else:
            answer.set_exception(error)

    def look() -> None:
        addresses, failed = [], None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that no name can have
            failed = error if isinstance(error, OSError) else OSError("no such name")
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, addresses, failed)

    threading.Thread(target=look, name="resolve", daemon=True).start()
    return await answer


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Whom the system trusts."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends events. *keys* sign them, *timeout* is seconds for an attempt as a whole."""

    policy: Policy
    keys: Sequence[bytes]
    timeout: float
    resolve: Resolve = resolved
    tls: Callable[[], ssl.SSLContext] = tls_context

    async def post(self, url: str, message_id: str, body: bytes) -> Met:
        """Makes one attempt; what it met is never an exception. The URL goes out byte for byte."""
        try:
            parts = parse_web_url(url)
            async with asyncio.timeout(self.timeout):
                addresses = await self.resolve(parts.host, parts.port)
                require_open(addresses, parts.port, self.policy)
                status = await self._exchange(parts, addresses, self._request(parts, message_id, body))
        except TimeoutError:
            return Met(0, f"no answer in {self.timeout:g} s")
        except AddressRefusedError as error:
            return Met(0, f"not sent: {error}", is_final=True)
        except ssl.SSLError as error:
            return Met(0, f"TLS failed: {error.reason or type(error).__name__}")
        except OSError as error:
            return Met(0, f"no answer: {_why(error)}")
        except ValueError:
            return Met(0, "no answer that is HTTP")
        return Met(status, f"answered {status}", is_final=status == _GONE)

    def _request(self, url: WebUrl, message_id: str, body: bytes) -> bytes:
        timestamp = int(time.time())
        fields = {
            "Host": url.authority,
            "User-Agent": f"sieve-jobs/{__version__}",
            "Accept": "*/*",
            "Connection": "close",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if self.keys:
            fields["webhook-signature"] = signature(self.keys, message_id, timestamp, body)
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {url.target} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body

    async def _exchange(self, url: WebUrl, addresses: Sequence[str], request: bytes) -> int:
        """The status of the answer; what it says beyond that is not read, and a redirect not followed."""
        reader, writer = await self._connected(url, addresses)
        try:
            writer.write(request)
            with contextlib.suppress(ConnectionError):  # an answer that came before all was read is one
                await writer.drain()
            while 100 <= (status := _status(await reader.readline())) < 200:
                while await reader.readline() not in {b"\r\n", b"\n", b""}:
                    pass
        finally:
            writer.transport.abort()
        return status

    async def _connected(
        self, url: WebUrl, addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first of *addresses* that takes it: numbers, so that no name is looked up again."""
        context = await asyncio.to_thread(self.tls) if url.is_tls else None
        failed: OSError = OSError("no address")
        for address in addresses:
            try:
                async with asyncio.timeout(self.timeout / len(addresses)):
                    return await asyncio.open_connection(
                        address, url.port, ssl=context, server_hostname=url.host if context else None,
                        limit=_LONGEST_LINE,
                    )  # fmt: skip
            except OSError as error:  # TimeoutError is one
                failed = error
        raise failed


def _why(error: OSError) -> str:
    """What kept an attempt from an answer. asyncio says 'Connect call failed' of whatever the system said."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error) or type(error).__name__
    return os.strerror(error.errno)


def _status(line: bytes) -> int:
    """The status in a status line. Raises ConnectionError where the connection ended, ValueError for anything else."""
    if not line:
        raise ConnectionResetError("the connection was closed")
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("not HTTP")
    return int(rest[:3])
