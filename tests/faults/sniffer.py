"""A listener that keeps every byte that anybody sends it: in the clear, behind TLS, or as a proxy."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TLS = Path(__file__).parent / "tls"
HERE, ELSEWHERE = TLS / "here.pem", TLS / "elsewhere.pem"
"""Certificates that nobody trusts: for this machine, and for another name."""
ANSWER = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Sniffer:
    """Keeps what arrives. *certificate*: what it shows to those who speak TLS; None: it speaks none."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.connections = 0
        self.raw = b""
        """Bytes outside of TLS: requests in the clear, and those to a proxy."""
        self.deciphered = b""
        self._tls = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._listening = socket.create_server(("0.0.0.0", 0))
        self.port = int(self._listening.getsockname()[1])

    @classmethod
    @contextmanager
    def running(cls, certificate: Path | None = None) -> Iterator[Sniffer]:
        sniffer = cls(certificate)
        thread = threading.Thread(target=sniffer._accept, name="sniffer", daemon=True)
        thread.start()
        try:
            yield sniffer
        finally:
            sniffer._listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            sniffer._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(OSError):
                connection.settimeout(5)
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        begins = connection.recv(8, socket.MSG_PEEK)
        if begins.startswith(b"CONNECT"):
            self.raw += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        elif self._tls is None or begins[:1] != b"\x16":
            self.raw += connection.recv(65536)
            connection.sendall(ANSWER)
            return
        if self._tls is None:
            self.raw += connection.recv(65536)
            return
        with self._tls.wrap_socket(connection, server_side=True) as inner:
            self.deciphered += inner.recv(65536)
            inner.sendall(ANSWER)
