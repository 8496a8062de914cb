"""The client of one queue: `python -m benchmarks.load NAME THREADS`, told what to push by lines on standard input.

`flood PUSHES TOTAL` pushes from all threads as fast as pushes return, and waits until TOTAL results are recorded.
`steady PUSHES RATE` pushes so many a second whatever comes back, and asks each result for when its function ran.
Each is answered with a line of JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from urllib.parse import urlsplit

_LOOK = 0.02
"""Seconds between looks whether all results are there."""
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
        self._host, self._port = parts.hostname, parts.port
        self._headers = {"X-API-Key": parts.username or "", "Content-Type": "application/json"}
        self._body = json.dumps({"function": "me/now", "inputs": {}}).encode()
        self._own = threading.local()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(self._host, self._port)
        self._own.connection.request(method, path, body, self._headers)
        response = self._own.connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {content!r}")
        return json.loads(content)

    def push(self) -> str:
        return self._ask("POST", "/v2/push", self._body)["id"]

    def is_recorded(self, total: int) -> bool:
        open_ones = (self._ask("GET", f"/v2/jobs?status={status}&limit=1") for status in ("queued", "processing"))
        if any(page["data"] for page in open_ones):
            return False
        oldest = self._ask("GET", f"/v2/jobs?status=finished&limit=1&offset={total - 1}")
        return len(oldest["data"]) == 1

    def ran_at(self, job_id: str) -> int:
        return self._ask("GET", f"/v2/jobs/{job_id}")["outputs"][0]["data"]


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
