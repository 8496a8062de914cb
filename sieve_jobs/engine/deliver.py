"""Sends webhook events from the outbox: in order, at least once, and never in a job's way."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from sieve_jobs.engine import jobs, outbox
from sieve_jobs.engine.post import Met, Sender
from sieve_jobs.engine.present import View, event_json, json_text
from sieve_jobs.engine.records import Delivery
from sieve_jobs.engine.report import report
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.store import Store

_AT_ONCE = 32
"""Lanes that are sent to at the same time."""
_AT_ONCE_TO_ONE = 16
"""Of these to one receiver: one that does not answer must not keep the others waiting."""
_LOOK = 0.01


def delay_before(retry: int, settings: Settings, jitter: float) -> float:
    """Seconds before retry number *retry*, from 1. *jitter* in 0..1 takes up to a quarter off.

    Source: Sieve retries up to ten times with exponential backoff; first delay and cap are ours.
    """
    full = min(settings.hook_longest, settings.hook_first * 2.0 ** min(retry - 1, 32))
    return full * (1.0 - jitter / 4)


class Deliverer:
    """Runs as one task; `wake` it after anything that may have queued an event. *view* is how jobs are shown."""

    def __init__(self, store: Store, settings: Settings, view: Callable[[], View], sender: Sender) -> None:
        self._store = store
        self._settings = settings
        self._view = view
        self._sender = sender
        self._news = asyncio.Event()
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._receivers: Counter[str] = Counter()
        self._given_up: set[int] = set()

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

    async def finish(self, longest: float, patience: float = 0.0, told: Callable[[int], None] = lambda _: None) -> None:
        """Waits until nothing is to be sent, for an engine that ends; durations are seconds from now.

        What is due at once gets *longest*, a retry that is due within *patience* is waited for; *told* is called with
        the number of events that are to be sent before the first such wait. The rest is left to the next engine.
        """
        begun, has_told = time.time(), False
        while time.time() < begun + max(longest, patience):
            if not self._sending:
                due = self._store.read(lambda db: outbox.next_due(db, ()))
                if due is None or (due > time.time() and due >= begun + patience):
                    return
                if due > time.time() and not has_told:
                    told(self._store.read(outbox.count_pending))
                    has_told = True
            self._news.set()
            await asyncio.sleep(_LOOK)

    def undelivered(self) -> int:
        """How many events wait to be sent, or were given up since the engine started."""
        return self._store.read(outbox.count_pending) + len(self._given_up)

    def _start_due(self) -> None:
        while len(self._sending) < _AT_ONCE:
            started = [delivery for delivery in self._due() if self._start(delivery)]
            if not started:
                return

    def _due(self) -> list[Delivery]:
        # Those being sent are still pending in the store, so that many more are asked for.
        limit = _AT_ONCE + len(self._sending)
        return self._store.read(lambda db: outbox.due(db, time.time(), limit, self._busy()))

    def _start(self, delivery: Delivery) -> bool:
        origin = delivery.origin
        if delivery.id in self._sending or len(self._sending) >= _AT_ONCE or origin in self._busy():
            return False
        task = asyncio.create_task(self._attempt(delivery))
        self._sending[delivery.id] = task
        self._receivers[origin] += 1
        task.add_done_callback(partial(self._sent, delivery.id, origin))
        return True

    def _busy(self) -> list[str]:
        return [origin for origin, lanes in self._receivers.items() if lanes >= _AT_ONCE_TO_ONE]

    async def _until_due(self) -> None:
        due = self._store.read(lambda db: outbox.next_due(db, list(self._sending), self._busy()))
        timeout = None if due is None else max(0.0, due - time.time())
        if len(self._sending) >= _AT_ONCE:
            timeout = None  # a finished one wakes
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return

    def _sent(self, delivery_id: int, origin: str, task: asyncio.Task[None]) -> None:
        del self._sending[delivery_id]
        self._receivers -= Counter([origin])  # which drops what falls to none
        if not task.cancelled() and (error := task.exception()) is not None:
            report(f"could not record a webhook delivery: {error}")
        self._news.set()

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            body = await self._frozen(delivery)
            if body is None:
                met = Met(0, "not sent: what it is about is gone", is_final=True)
            else:
                met = await self._sender.post(delivery.url, delivery.message_id, body)
            await self._store.write(_verdict(delivery, met, self._settings))
            self._note(delivery, met)
        except sqlite3.Error as error:
            report(f"could not record a webhook delivery: {error}")
            await asyncio.sleep(self._settings.hook_first)

    def _note(self, delivery: Delivery, met: Met) -> None:
        self._given_up.discard(delivery.id)
        if not met.is_delivered and _is_last(delivery, met, self._settings):
            self._given_up.add(delivery.id)

    async def _frozen(self, delivery: Delivery) -> bytes | None:
        """What the event says, on the disk before it is sent; None if its job or its output is gone."""
        if delivery.body is not None:
            return delivery.body
        row = self._store.read(lambda db: jobs.get(db, delivery.job_id))
        event = event_json(delivery.type, row, delivery.place, self._view(), delivery.shape) if row else None
        if event is None:
            return None
        body = json_text(event).encode()
        await self._store.write(lambda db: outbox.freeze(db, delivery.id, body))
        return body


def _verdict(delivery: Delivery, met: Met, settings: Settings) -> Callable[[sqlite3.Connection], None]:
    """What an attempt changes: it delivers, gives up where a retry is of no use or was the last, or waits for it."""
    now = time.time()
    if met.is_delivered or _is_last(delivery, met, settings):
        return lambda db: outbox.settle(db, delivery.id, delivered=met.is_delivered, now=now, met=met.word)
    due_at = now + delay_before(delivery.attempts + 1, settings, random.random())  # noqa: S311 -- jitter
    return lambda db: outbox.postpone(db, delivery, due_at, now, met.word)


def _is_last(delivery: Delivery, met: Met, settings: Settings) -> bool:
    return met.is_final or delivery.attempts >= settings.hook_retries
