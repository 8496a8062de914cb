"""The three queues that are measured side by side, each started with two worker processes and nothing in it.

What a push returns for is on the disk in all three; the durability is named beside each.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sieve_jobs.engine.launch import attach_with
from sieve_jobs.engine.settings import Settings

REPOSITORY = Path(__file__).parents[1]
RIVALS = REPOSITORY / ".bench"
"""Where `make bench` installs what is measured beside ours; see bench.lock."""
WORKERS = 2


@dataclass(frozen=True)
class Queue:
    """One queue. *started* runs it in an empty folder and gives its address."""

    name: str
    durability: str
    started: Callable[[Path], AbstractContextManager[str]]


def environment(address: str) -> dict[str, str]:
    """For a queue's programs and its client."""
    return {**os.environ, "QUEUE_ADDRESS": address, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(RIVALS)])}


def available() -> tuple[list[Queue], list[str]]:
    """The queues that can be measured here, ours first, and what is missing for the others."""
    queues, missing = [QUEUES["engine"]], []
    if not RIVALS.is_dir():
        return queues, ["huey and celery are not installed: `make bench` does it"]
    queues.append(QUEUES["huey"])
    if shutil.which("redis-server"):
        queues.append(QUEUES["celery"])
    else:
        missing.append("celery is left out: there is no redis-server (apt-get install redis-server)")
    return queues, missing


@contextmanager
def _engine(folder: Path) -> Iterator[str]:
    functions = folder / "functions"
    functions.mkdir(parents=True)
    shutil.copy(REPOSITORY / "benchmarks" / "now.py", functions)
    settings = Settings(root=folder, functions=(functions,), workers=WORKERS, ends_with_users=True)
    with attach_with(settings) as running:
        scheme, _, host = running.url.partition("://")
        yield f"{scheme}://{running.key}@{host}"


@contextmanager
def _huey(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True)
    address = str(folder / "huey.db")
    # It asks its database for work; the pauses between are the shortest that leave the processor to others.
    polls = ["--delay", "0.005", "--max-delay", "0.01", "--no-periodic"]
    workers = ["--workers", str(WORKERS), "--worker-type", "process", "--quiet"]
    with _program(["huey.bin.huey_consumer", "benchmarks.huey_app.huey", *workers, *polls], address, folder):
        yield address


@contextmanager
def _celery(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True)
    port = _free_port()
    redis = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    address = f"redis://127.0.0.1:{port}"
    quiet = ["--loglevel", "error", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with _running([*redis, *durable], dict(os.environ), folder / "redis.log"):
        _await_port(port)
        worker = ["celery", "--app", "benchmarks.celery_app", "worker", "--concurrency", str(WORKERS), *quiet]
        with _program(worker, address, folder):
            yield address


QUEUES = {
    "engine": Queue("engine", "SQLite, synchronous=FULL", _engine),
    "huey": Queue("huey", "SQLite, fsync=True (synchronous=FULL)", _huey),
    "celery": Queue("celery", "Redis, appendonly yes, appendfsync always", _celery),
}


def _program(module: Sequence[str], address: str, folder: Path) -> AbstractContextManager[None]:
    return _running([sys.executable, "-m", *module], environment(address), folder / f"{module[0]}.log")


@contextmanager
def _running(argv: Sequence[str], env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(argv, env=env, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield
    finally:
        if process.poll() is not None:
            raise RuntimeError(f"{argv[:3]} ended: {log.read_text()[-2000:]}")
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _await_port(port: int) -> None:
    for _ in range(200):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers on port {port}")
