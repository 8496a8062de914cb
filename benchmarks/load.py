"""The client of one queue: `python -m benchmarks.load NAME THREADS`, told what to push by lines on standard input.

`flood PUSHES TOTAL` pushes from all threads as fast as pushes return, and waits until TOTAL results are recorded, by
whomever they were pushed; a TOTAL of 0 waits for none.
`steady PUSHES RATE` pushes so many a second whatever comes back, and asks each result for when its function ran.
Each is answered with a line of JSON.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from urllib.parse import urlsplit

_LOOK = 0.02
"""Seconds between looks whether all results are there."""
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n(?:[^\r]+\r\n)*\r\n", re.IGNORECASE)
"""The end of an answer's head, and the length of what comes after it."""
_LONGEST = 600.0


class Client(Protocol):
    """One queue, as its user sees it; called from many threads."""

    def push(self) -> str:
        """Pushes one job; its id, once the job is on the disk."""

    def is_recorded(self, total: int) -> bool:
        """Whether *total* jobs have been pushed, by whomever, and all have their results."""

    def ran_at(self, job_id: str) -> int:
        """When the function ran, in nanoseconds since the epoch: its result."""


class Engine:
    """Ours, over HTTP with one connection a thread. The address holds the key: `http://KEY@host:port`."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._address = (parts.hostname or "", parts.port or 80)
        self._head = f"Host: {parts.hostname}:{parts.port}\r\nX-API-Key: {parts.username}\r\n"
        self._push = self._request("POST", "/v2/push", json.dumps({"function": "me/now", "inputs": {}}))
        self._own = threading.local()

    def push(self) -> str:
        return self._ask(self._push)["id"]

    def is_recorded(self, total: int) -> bool:
        asked = (self._request("GET", f"/v2/jobs?status={status}&limit=1") for status in ("queued", "processing"))
        if any(self._ask(request)["data"] for request in asked):
            return False
        oldest = self._ask(self._request("GET", f"/v2/jobs?status=finished&limit=1&offset={total - 1}"))
        return len(oldest["data"]) == 1

    def ran_at(self, job_id: str) -> int:
        return self._ask(self._request("GET", f"/v2/jobs/{job_id}"))["outputs"][0]["data"]

    def _request(self, method: str, path: str, body: str = "") -> bytes:
        sent = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        return f"{method} {path} HTTP/1.1\r\n{self._head}{sent}\r\n{body}".encode()

    def _ask(self, request: bytes) -> dict:
        """Raises RuntimeError for any answer but a 200 whose length is told in its head."""
        if not hasattr(self._own, "socket"):
            self._own.socket = socket.create_connection(self._address)
            self._own.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._own.socket.sendall(request)
        answer = b""
        while not (told := _LENGTH.search(answer)) or len(answer) < told.end() + int(told[1]):
            piece = self._own.socket.recv(65_536)
            if not piece:
                raise RuntimeError(f"the connection ended after {answer!r}")
            answer += piece
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{request!r}: {answer!r}")
        return json.loads(answer[told.end() :])


class Huey:
    """huey, on its SQLite file."""

    def __init__(self, _: str) -> None:
        from benchmarks.huey_app import huey, now

        self._huey, self._now = huey, now

    def push(self) -> str:
        return self._now().id

    def is_recorded(self, total: int) -> bool:
        return self._huey.storage.result_store_size() >= total

    def ran_at(self, job_id: str) -> int:
        return self._huey.result(job_id, preserve=True)


class Celery:
    """celery, on its Redis."""

    def __init__(self, address: str) -> None:
        import redis

        from benchmarks.celery_app import RESULTS, now

        self._now = now
        self._results = redis.Redis.from_url(f"{address}/{RESULTS}")

    def push(self) -> str:
        return self._now.apply_async(ignore_result=False).id

    def is_recorded(self, total: int) -> bool:
        return self._results.dbsize() >= total

    def ran_at(self, job_id: str) -> int:
        return json.loads(self._results.get(f"celery-task-meta-{job_id}"))["result"]


CLIENTS: dict[str, Callable[[str], Client]] = {"engine": Engine, "huey": Huey, "celery": Celery}


def flood(client: Client, threads: int, pushes: int, total: int) -> dict[str, float]:
    """When the first push began, when all were taken and when *total* results were there: seconds since the epoch."""
    numbers = iter(range(pushes))
    lock = threading.Lock()

    def push() -> None:
        while True:
            with lock:
                if next(numbers, None) is None:
                    return
            client.push()

    began = time.time()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(push) for _ in range(threads)]:
            done.result()
    taken = time.time()
    if total:
        _wait(client, total)
    return {"began": began, "taken": taken, "ended": time.time()}


def steady(client: Client, threads: int, pushes: int, rate: float) -> list[int]:
    """Nanoseconds from when each push was due to when its function ran, so that a late push counts as it should."""
    pushed: list[tuple[int, str]] = []

    def push(due: int) -> None:
        pushed.append((due, client.push()))

    with ThreadPoolExecutor(threads) as pool:
        start = time.time_ns() + 100_000_000
        waits = []
        for number in range(pushes):
            due = start + int(number * 1e9 / rate)
            time.sleep(max(0.0, (due - time.time_ns()) / 1e9))
            waits.append(pool.submit(push, due))
        for done in waits:
            done.result()
    return [_ran_at(client, job_id) - due for due, job_id in pushed]


def _wait(client: Client, total: int) -> None:
    deadline = time.monotonic() + _LONGEST
    while not client.is_recorded(total):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{total} results are not there after {_LONGEST:.0f} s")
        time.sleep(_LOOK)


def _ran_at(client: Client, job_id: str) -> int:
    for _ in range(500):
        try:
            found = client.ran_at(job_id)
        except (IndexError, TypeError):  # not recorded yet
            found = None
        if found is not None:
            return found
        time.sleep(_LOOK)
    raise TimeoutError(f"no result of {job_id}")


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    client = CLIENTS[name](os.environ["QUEUE_ADDRESS"])
    client.is_recorded(1)
    print("ready", flush=True)
    for line in sys.stdin:
        verb, *numbers = line.split()
        pushes, other = int(numbers[0]), int(numbers[1])
        found = flood(client, threads, pushes, other) if verb == "flood" else steady(client, threads, pushes, other)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
