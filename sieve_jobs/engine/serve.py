"""The engine's process: elected under the lock, listening on loopback, until a signal or its last user ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TextIO

import uvicorn

from sieve_jobs.engine import home as homes
from sieve_jobs.engine.app import make_app
from sieve_jobs.engine.engine import Engine, Keys, engine_marker, new_instance
from sieve_jobs.engine.home import Endpoint, Home, HomeError
from sieve_jobs.engine.receipt import Connection, Limits, watch_receipts
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.store import StoreError
from sieve_jobs.engine.tree import kill_tree

_USERS_POLL = 0.1
_ELECTION_TRIES, _ELECTION_PAUSE = 5, 0.01


@dataclass(frozen=True, slots=True)
class Ended:
    """What an engine says when it has ended."""

    requeued: int
    """Running jobs that were queued again."""
    undelivered: int
    """Webhook events that are left to the next engine or were given up by this one; 0 of one without workers."""


def serve(settings: Settings, out: TextIO) -> int | None:
    """Runs an engine until SIGINT or SIGTERM; for the command line's `serve`.

    Tells *out* where it answers and, at the end, how many running jobs were queued again, and returns that
    number; None if another engine runs for this project already. Raises HomeError, StoreError, OSError.
    """

    def ready(endpoint: Endpoint) -> None:
        print(f"engine at {endpoint.url}, key in {homes.home_of(settings.root).key_file}", file=out, flush=True)

    ended = run(settings, ready)
    if ended is not None and ended.requeued:
        print(f"engine ended; {ended.requeued} running jobs are queued again", file=out, flush=True)
    return None if ended is None else ended.requeued


def main() -> int:
    """`python -m sieve_jobs.engine`: settings as one line of JSON on standard input, answers as lines on output."""
    from sieve_jobs.engine.settings import parse_settings

    settings = parse_settings(sys.stdin.readline())
    sys.stdout = sys.stderr

    def ready(endpoint: Endpoint) -> None:
        _tell({"url": endpoint.url, "instance": endpoint.instance})

    try:
        ended = run(settings, ready)
    except (HomeError, StoreError, OSError, RuntimeError) as error:
        _tell({"error": str(error)})
        return 1
    if ended is None:
        return homes.ELECTED_ELSEWHERE
    _tell({"requeued": ended.requeued, "undelivered": ended.undelivered})
    return 0


def run(settings: Settings, ready: Callable[[Endpoint], None]) -> Ended | None:
    """Runs an engine to its end; None if another one holds the lock. *ready* is called once it answers.

    Raises HomeError, StoreError, and OSError when the port is taken.
    """
    umask = os.umask(0o077)
    try:
        home = homes.make_home(settings.root)
        lock = _elect(home)
        if lock is None:
            return None
        try:
            key = homes.read_or_make_key(home, os.environ)
            keys = Keys(key, homes.read_hook_keys(os.environ))
            if homes.forget_endpoint(home):  # the last engine was killed: what it started may still run
                kill_tree(engine_marker(home.folder), None, signal.SIGKILL)
            homes.clear_scratch(home)
            with _listening(settings.port) as listener:
                return asyncio.run(_live(settings, home, keys=keys, listener=listener, umask=umask, ready=ready))
        finally:
            homes.forget_endpoint(home)
            os.close(lock)
    finally:
        os.umask(umask)


def _elect(home: Home) -> int | None:
    """The lock of the one engine. Tried for a moment, since whoever looks for an engine holds it for an instant."""
    for _ in range(_ELECTION_TRIES):
        lock = homes.try_lock(home.lock_file)
        if lock is not None:
            return lock
        time.sleep(_ELECTION_PAUSE)
    return None


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A socket on loopback alone."""
    # Named TCP, or asyncio leaves Nagle's algorithm on and small answers wait 40 ms for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
        yield listener


async def _live(
    settings: Settings,
    home: Home,
    *,
    keys: Keys,
    listener: socket.socket,
    umask: int,
    ready: Callable[[Endpoint], None],
) -> Ended:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    port: int = listener.getsockname()[1]
    endpoint = Endpoint(f"http://127.0.0.1:{port}", new_instance(), os.getpid())
    engine = Engine(settings, home, keys, origin=endpoint.url, instance=endpoint.instance, umask=umask)
    try:
        await engine.recover()
        limits = Limits(
            head=settings.head_limit,
            head_deadline=settings.head_deadline,
            body_deadline=settings.body_deadline,
            connections=settings.connections,
        )
        server = _Server(_config(make_app(engine, port), limits))
        serving = asyncio.create_task(server.serve([listener]))
        delivering = asyncio.create_task(engine.deliverer.run())
        watching = asyncio.create_task(watch_receipts(server.server_state.connections, limits))
        collecting = asyncio.create_task(engine.collector.run())
        up = asyncio.create_task(server.is_up.wait())
        await asyncio.wait({up, serving}, return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            raise RuntimeError("the server did not start") from serving.exception()
        homes.write_endpoint(home, endpoint)
        ready(endpoint)
        users = await _until_over(settings, home, stop)
        homes.forget_endpoint(home)
        requeued = await engine.end()
        stays = settings.ends_with_users and not requeued and engine.supervisor.capacity > 0
        await _deliver_last(engine, stop, settings.hook_patience if stays else 0.0)
        undelivered = engine.deliverer.undelivered() if engine.supervisor.capacity > 0 else 0
        await server.close()
        tasks = (serving, delivering, watching, collecting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if users is not None:
            os.close(users)
    finally:
        engine.store.close()
    return Ended(requeued, undelivered)


async def _deliver_last(engine: Engine, stop: asyncio.Event, patience: float) -> None:
    """Sends what is due, and stays *patience* seconds for what is due then, unless a signal asks for the end."""

    def told(events: int) -> None:
        _tell({"waits_for": events, "longest": patience})

    grace = engine.settings.end_grace
    staying = asyncio.create_task(engine.deliverer.finish(grace, patience, told))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({staying, stopped} if patience else {staying}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if staying.done():
        staying.result()
    else:
        staying.cancel()
        await engine.deliverer.finish(grace)


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, and ended at once: whoever waits has been answered by then."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    async def close(self) -> None:
        """Stops listening, lets requests that are being answered finish for a moment."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=1.0)


def _config(app: object, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application by starlette's types
        http=partial(Connection, limits=limits),  # type: ignore[arg-type]  # called as the class is
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # what clients do wrong would fill the log
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        loop="asyncio",
    )


async def _until_over(settings: Settings, home: Home, stop: asyncio.Event) -> int | None:
    """Until a signal comes or, where that is asked for, the last user has gone; see `_until_unused`."""
    if settings.ends_with_users:
        return await _until_unused(home, stop)
    await stop.wait()
    return None


async def _until_unused(home: Home, stop: asyncio.Event) -> int | None:
    """Ends when the parent has gone and nobody else holds `users`, or at a signal.

    Returns the exclusive lock on `users`, held while the engine ends: who attaches meanwhile waits for that.
    """
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(0, _drain_parent, gone)
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(gone.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    users, told = None, False
    while not stop.is_set():
        users = homes.try_lock(home.users_file)
        if users is not None:
            break
        if not told:
            _tell({"goes_on": True})
            told = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _USERS_POLL)
    for task in waits:
        task.cancel()
    return users


def _drain_parent(gone: asyncio.Event) -> None:
    """Standard input ends when the parent does, however it does."""
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        gone.set()


def _tell(message: Mapping[str, object]) -> None:
    """One line to the parent, which may have gone; written past `sys.stdout`, which would try again at exit."""
    with contextlib.suppress(OSError):
        os.write(1, (json.dumps(message) + "\n").encode())
