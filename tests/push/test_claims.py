"""An intent that took long to be written is written again before its push, and given up after a few times."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.push.apply import apply
from sieve_jobs.push.client import Client
from sieve_jobs.push.events import Event
from sieve_jobs.push.result import ApplyResult
from sieve_jobs.push.send import LONGEST_START, MOST_CLAIMS
from sieve_jobs.state.sqlite import SqliteStore, open_store
from sieve_jobs.state.writes import PutIntent, Write
from tests.push.scene import KEY, FastClock, Scene, clips


class Slow(SqliteStore):
    """A state whose first commits of intents take longer than a push may wait, by the clock of the run."""

    def __init__(self, path: Path, clock: SuspendedClock, slow: int) -> None:
        super().__init__(path, open_store(path)._access)
        self.clock, self.left = clock, slow
        self.claims: list[int] = []

    def commit(self, writes: Sequence[Write], expect_serial: int | None) -> int:
        serial = super().commit(writes, expect_serial)
        intents = [write for write in writes if isinstance(write, PutIntent)]
        if intents:
            self.claims.append(len(intents))
            if self.left:
                self.left -= 1
                self.clock.slept_through += LONGEST_START + 1.0
        return serial


class SuspendedClock(FastClock):
    slept_through = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.slept_through


@pytest.mark.parametrize("slow", [1, MOST_CLAIMS - 1, MOST_CLAIMS, 99])
def test_a_state_that_takes_too_long_ends_the_run_before_the_push(scene: Scene, slow: int) -> None:
    clock = SuspendedClock()
    options = replace(scene.options, clock=clock, plan=PlanOptions(key=KEY))
    plan = scene.plan(clips(1), options.plan)

    async def main() -> ApplyResult:
        client = Client(scene.cloud.url, scene.cloud.key, clock=clock, jitter=lambda: 1.0)
        async with client:
            return await apply(plan, store, client, options, lambda _: None)

    with Slow(scene.path, clock, slow) as store:
        result = asyncio.run(main())
        claims = store.claims
    if slow < MOST_CLAIMS:
        assert (int(result.exit_code), len(scene.cloud.pushes)) == (0, 1)
        assert len(claims) == slow + 1
    else:
        assert (int(result.exit_code), len(scene.cloud.pushes)) == (1, 0)
        assert [problem.code for problem in result.problems] == ["SJ166"]
        assert len(claims) == MOST_CLAIMS
        assert not scene.state().intents


@pytest.mark.parametrize("held_up", [1, 3])
def test_a_run_that_stands_still_before_its_push_writes_the_intent_again(scene: Scene, held_up: int) -> None:
    """A terminal that takes no more text, or a laptop that sleeps, between the intent and the first byte."""
    clock = SuspendedClock()
    options = replace(scene.options, clock=clock, plan=PlanOptions(key=KEY))
    plan = scene.plan(clips(1), options.plan)
    pushing: list[int] = []

    def stand_still(event: Event) -> None:
        if event.kind == "pushing":
            pushing.append(len(scene.cloud.pushes))
            if len(pushing) <= held_up:
                clock.slept_through += LONGEST_START + 1.0

    async def main() -> ApplyResult:
        async with Client(scene.cloud.url, scene.cloud.key, clock=clock, jitter=lambda: 1.0) as client:
            return await apply(plan, store, client, options, stand_still)

    with Slow(scene.path, clock, 0) as store:
        result = asyncio.run(main())
        claims = store.claims
    assert (int(result.exit_code), len(scene.cloud.pushes)) == (0, 1)
    assert pushing == [0] * (held_up + 1)
    assert len(claims) == held_up + 1
