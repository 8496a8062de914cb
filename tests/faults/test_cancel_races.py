"""A cancellation races the end of its job, at the engine's own store: one of them wins, and one event tells of it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sieve_jobs.engine import jobs
from sieve_jobs.engine.records import Ended, Hook, NewJob, Run
from sieve_jobs.engine.store import Store
from sieve_jobs.wire import Event

SEED = 6
AT_ONCE = 50
NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def race(store: Store, number: int, chance: random.Random) -> tuple[bool, bool]:
    """A running job that is cancelled, and of which a worker says the end; which of both counted."""
    name = f"job-{number}"
    run = Run(name, f"{name}-1")
    hook = Hook(Event.COMPLETE, "http://receiver/")
    made = NewJob(name, run.run_id, "function", "me", "add", False, {}, {}, (hook,), "api")
    await store.write(lambda db: jobs.create(db, made, NOW))
    await store.write(lambda db: jobs.claim(db, name, "function", NOW))

    async def cancel(steps: int) -> bool:
        for _ in range(steps):
            await asyncio.sleep(0)
        return bool(await store.write(lambda db: jobs.cancel(db, name, NOW)))

    async def finish(steps: int) -> bool:
        for _ in range(steps):
            await asyncio.sleep(0)
        ended = Ended(1, chance.choice(["", "boom"]))
        return await store.insist(lambda db: jobs.record(db, run, {0: {"data": 1}}, ended, NOW))

    won = await asyncio.gather(cancel(chance.randrange(4)), finish(chance.randrange(4)))
    # Whoever comes later changes nothing.
    assert not await store.write(lambda db: jobs.cancel(db, name, NOW))
    assert not await store.insist(lambda db: jobs.finish(db, run, Ended(1, ""), NOW))
    return won[0], won[1]


async def races(path: Path, count: int) -> list[tuple[bool, bool]]:
    store, chance = Store(path, asyncio.get_running_loop()), random.Random(SEED)
    try:
        won: list[tuple[bool, bool]] = []
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            won += await asyncio.gather(*(race(store, number, chance) for number in numbers))
        return won
    finally:
        store.close()


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_cancelled_job_that_ends_has_one_end_and_tells_it_once(tmp_path: Path, count: int) -> None:
    won = Counter(asyncio.run(races(tmp_path / "engine.db", count)))
    assert won.keys() == {(True, False), (False, True)}
    with closing(sqlite3.connect(tmp_path / "engine.db")) as db:
        ends = Counter(status for (status,) in db.execute("SELECT status FROM jobs"))
        told = db.execute("SELECT job_id, count(*) FROM outbox GROUP BY job_id").fetchall()
        outputs = db.execute("SELECT count(*) FROM outputs").fetchone()[0]
    print(f"{count:,} races: {dict(ends)}, {len(told):,} events")
    assert ends["cancelled"] == won[True, False]
    assert ends["finished"] + ends["error"] == won[False, True] == outputs
    assert [number for _, number in told] == [1] * count
