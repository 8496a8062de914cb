"""Sends webhook events from the outbox: in order, at least once, and never in a job's way."""

from __future__ import annotations

import asyncio
import importlib
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sieve_jobs.engine import jobs, outbox
from sieve_jobs.engine.present import View, event_json, json_text
from sieve_jobs.engine.records import Delivery
from sieve_jobs.engine.report import report
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.store import Store

if TYPE_CHECKING:
    import httpx

_AT_ONCE = 16
"""Lanes that are sent to at the same time."""
_LOOK = 0.01
_GONE = 410
"""The receiver says it will never want this: no retry."""


def delay_before(retry: int, settings: Settings, jitter: float) -> float:
    """Seconds before retry number *retry*, from 1. *jitter* in 0..1 takes up to a quarter off.

    Source: Sieve retries up to ten times with exponential backoff; first delay and cap are ours.
    """
    full = min(settings.hook_longest, settings.hook_first * 2.0 ** min(retry - 1, 32))
    return full * (1.0 - jitter / 4)


class Deliverer:
    """Runs as one task; `wake` it after anything that may have queued an event. *view* is how jobs are shown."""

    def __init__(self, store: Store, settings: Settings, view: Callable[[], View]) -> None:
        self._store = store
        self._settings = settings
        self._view = view
        self._news = asyncio.Event()
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._client: httpx.AsyncClient | None = None

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """Sends what is due until cancelled; what is on its way then stays pending and is sent again."""
        try:
            while True:
                self._news.clear()
                try:
                    self._start_due()
                    await self._until_due()
                except sqlite3.Error as error:
                    report(f"could not read webhook events: {error}")
                    await asyncio.sleep(self._settings.hook_first)
        finally:
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)
            if self._client is not None:
                await self._client.aclose()

    async def finish(self, longest: float) -> None:
        """Waits until nothing is due now, at most *longest* seconds: an engine that ends still says so to its hooks."""
        try:
            async with asyncio.timeout(longest):
                while self._sending or self._is_anything_due():
                    self._news.set()
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            return  # the rest is pending, and sent by the next engine

    def _is_anything_due(self) -> bool:
        return bool(self._store.read(lambda db: outbox.due(db, time.time(), 1)))

    def _start_due(self) -> None:
        # Those being sent are still pending in the store, so that many more are asked for.
        limit = _AT_ONCE + len(self._sending)
        for delivery in self._store.read(lambda db: outbox.due(db, time.time(), limit)):
            if delivery.id not in self._sending and len(self._sending) < _AT_ONCE:
                task = asyncio.create_task(self._attempt(delivery))
                self._sending[delivery.id] = task
                task.add_done_callback(partial(self._sent, delivery.id))

    async def _until_due(self) -> None:
        due = self._store.read(lambda db: outbox.next_due(db, list(self._sending)))
        timeout = None if due is None else max(0.0, due - time.time())
        if len(self._sending) >= _AT_ONCE:
            timeout = None  # a finished one wakes
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return

    def _sent(self, delivery_id: int, task: asyncio.Task[None]) -> None:
        del self._sending[delivery_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            report(f"could not record a webhook delivery: {error}")
        self._news.set()

    async def _attempt(self, delivery: Delivery) -> None:
        row = self._store.read(lambda db: jobs.get(db, delivery.job_id))
        body = event_json(delivery.type, row, delivery.place, self._view()) if row else None
        if body is None:
            status, met = _GONE, "the output it is about is gone"
        else:
            status, met = await self._post(delivery, json_text(body).encode())
        try:
            await self._store.write(_verdict(delivery, status, met, self._settings))
        except sqlite3.Error as error:
            report(f"could not record a webhook delivery: {error}")
            await asyncio.sleep(self._settings.hook_first)

    async def _post(self, delivery: Delivery, body: bytes) -> tuple[int, str]:
        """The status and a word for it; status 0 when there was no answer. The URL goes out byte for byte."""
        if "httpx" not in sys.modules:  # a tenth of a second that the event loop need not stand still for
            await asyncio.to_thread(importlib.import_module, "httpx")
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=self._settings.hook_timeout, follow_redirects=False, trust_env=False
            )
        headers = {"content-type": "application/json", "webhook-id": delivery.message_id, "user-agent": "sieve-jobs"}
        try:
            request = self._client.build_request(
                "POST",
                delivery.url,
                content=body,
                headers={**headers, "webhook-timestamp": str(int(time.time()))},
                extensions={"target": _target(delivery.url)},
            )
            async with asyncio.timeout(self._settings.hook_timeout):
                response = await self._client.send(request, stream=True)
                await response.aclose()  # what it says beyond its status is not read
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            return 0, type(error).__name__
        return response.status_code, f"answered {response.status_code}"


def _verdict(delivery: Delivery, status: int, met: str, settings: Settings) -> Callable[[sqlite3.Connection], None]:
    """What an attempt changes: any 2xx delivers, 410 and too many attempts give up, the rest is tried again."""
    delivered = 200 <= status < 300
    if delivered or status == _GONE or delivery.attempts >= settings.hook_retries:
        return lambda db: outbox.settle(db, delivery.id, delivered=delivered, last=met)
    due_at = time.time() + delay_before(delivery.attempts + 1, settings, random.random())  # noqa: S311 -- jitter
    return lambda db: outbox.postpone(db, delivery.id, due_at, met)


def _target(url: str) -> bytes:
    """The request target as the URL has it, without its fragment."""
    rest = url.partition("://")[2].partition("#")[0]
    start = min((place for mark in "/?" if (place := rest.find(mark)) >= 0), default=len(rest))
    target = rest[start:]
    return (target if target.startswith("/") else "/" + target).encode("ascii")
