"""Cloud: the stand-in in a thread of its own, driven and looked at from a test."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.cloud.jobs import KEY, ORGANIZATION, CloudJob
from tests.cloud.routes import FarSide, Request
from tests.cloud.script import Script
from tests.cloud.server import Live, listen

T = TypeVar("T")


class Cloud:
    """A running stand-in. Every method may be called from any thread but its own."""

    key = KEY
    organization = ORGANIZATION

    def __init__(self, script: Script | None = None) -> None:
        self._far_side = FarSide(script or Script())
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, name="stand-in", daemon=True)

    @classmethod
    @contextmanager
    def running(cls, script: Script | None = None, port: int = 0) -> Iterator[Cloud]:
        cloud = cls(script)
        cloud.start(port)
        try:
            yield cloud
        finally:
            cloud.stop()

    def start(self, port: int = 0) -> None:
        self._port = port
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the stand-in did not start within 10 s")

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return self._far_side.jobs.url

    @property
    def script(self) -> Script:
        """Live: what is changed here holds from the next request on."""
        return self._far_side.script

    @property
    def requests(self) -> list[Request]:
        return list(self._far_side.requests)

    @property
    def pushes(self) -> list[Request]:
        """Every POST /v2/push that came, answered or not."""
        return [request for request in self.requests if request.route == "push"]

    @property
    def jobs(self) -> list[CloudJob]:
        return list(self._far_side.jobs.by_id.values())

    def add_job(self, body: dict[str, Any], *, organization: str = ORGANIZATION, at: float | None = None) -> CloudJob:
        """A job that came another way: from another tool, or of another organisation. *at*: seconds since the epoch."""
        far_side = self._far_side
        when = far_side.now if at is None else at
        return self._call(lambda: far_side.jobs.make(body, b"", when, organization))

    def finish(self, job_id: str, status: str = "finished", error: str = "") -> None:
        self._call(lambda: self._far_side.jobs.by_id[job_id].end(status, error))

    def forget(self, job_id: str) -> None:
        """From now on the job is answered with 404."""
        self._call(lambda: setattr(self._far_side.jobs.by_id[job_id], "gone", True))

    def let_go(self) -> None:
        """Answers that are held go out, and none is held any more."""
        self._call(self._far_side.held.set)

    def reveal(self) -> None:
        self._call(self._far_side.reveal)

    def settle(self) -> None:
        """Returns once everything that clients had sent before was taken in: their death does not take it back."""
        for _ in range(4):  # accepted, connected, read, answered: a turn of the loop each
            self._call(lambda: None)

    def wait_for(self, found: Callable[[Cloud], bool], seconds: float = 20.0) -> None:
        """Until *found* holds, looked at after each request. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not found(self):
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"not seen within {seconds} s; requests: {len(self.requests)}")

    def _call(self, action: Callable[[], T]) -> T:
        async def run() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _recorded(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        live = Live()
        server = await listen(self._far_side, self._port, self._recorded, live)
        self._ready.set()
        await self._stopping.wait()
        await live.end(server)
