"""What the engine's tests talk with: a client, a receiver of webhooks, and a place where a function is met."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import httpx

DEADLINE = 20.0
"""Seconds."""


def until(holds: Callable[[], object]) -> None:
    """Asks until *holds* does. Fails where it does not within DEADLINE."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, f"not so within {DEADLINE} s"


class Client:
    """Calls an engine as a user's program would."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=DEADLINE, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.http.close()

    def send(self, function: str, inputs: Any, *, key: str | None = None, **further: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"function": f"me/{function}", "inputs": inputs, **further}
        return self.http.post("/v2/push", json=body, headers=headers)

    def push(self, function: str, inputs: Any, **further: Any) -> str:
        answer = self.send(function, inputs, **further)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        return self.http.get(f"/v2/jobs/{job_id}").json()

    def end_of(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v2/jobs/{job_id}/await", params={"timeout": DEADLINE})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self, function: str, inputs: Any, **further: Any) -> dict[str, Any]:
        return self.end_of(self.push(function, inputs, **further))

    def lines(self, job_id: str) -> list[tuple[str, str]]:
        groups = self.http.get("/v2/logs", params={"job_id": job_id}).json()["data"]
        return [(group["labels"]["stage"], line["message"]) for group in groups for line in group["logs"]]


def data(job: dict[str, Any]) -> list[Any]:
    """The data of a job's outputs, once it is known to have finished."""
    assert job["status"] == "finished", job["error"]
    return [output["data"] for output in job["outputs"]]


class Meeting:
    """A listener that functions connect to: whoever has connected is known to run, and waits to be let go."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE)
        self.port: int = self._listener.getsockname()[1]
        self._met: list[Guest] = []

    def __enter__(self) -> Meeting:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        for guest in self._met:
            guest.connection.close()
        self._listener.close()

    def accept(self) -> Guest:
        connection, _ = self._listener.accept()
        connection.settimeout(DEADLINE)
        text = b""
        while not text.endswith(b"\n"):
            piece = connection.recv(4096)
            assert piece, f"the guest went away: {text!r}"
            text += piece
        guest = Guest(connection, json.loads(text))
        self._met.append(guest)
        return guest


@dataclass(frozen=True)
class Guest:
    connection: socket.socket
    told: dict[str, Any]

    def let_go(self, word: str = "go") -> None:
        self.connection.sendall(word.encode())

    def is_gone(self) -> bool:
        """Waits until every process that holds the connection has ended."""
        try:
            return self.connection.recv(1) == b""
        except ConnectionResetError:
            return True


@dataclass
class Receiver:
    """A webhook receiver. `answers` are the statuses it gives in turn, then 204."""

    url: str
    answers: list[int] = field(default_factory=list)
    received: queue.Queue[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=queue.Queue)

    def next(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Path, headers and body of the next delivery, whatever it was answered."""
        return self.received.get(timeout=DEADLINE)


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if len(content) < int(self.headers["Content-Length"]):  # the engine was killed meanwhile
                return
            body = json.loads(content)
            status = receiver.answers.pop(0) if receiver.answers else 204
            receiver.received.put((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("Location", receiver.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
