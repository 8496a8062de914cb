"""Clocks that jump, here and there, and a Retry-After of any kind: nothing is waited for too short or for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from sieve_jobs.push.clock import SystemClock
from sieve_jobs.push.events import Event
from tests.cloud import Cloud, Fault, Script
from tests.push.scene import FastClock, Scene, clips

YEARS = timedelta(days=731)
LAG, SETTLE = 40.0, 60.0


class Skipping(FastClock):
    """The machine's clock; who sleeps finds that the time is over."""

    def __init__(self, speed: float) -> None:
        super().__init__(speed)
        self.skipped = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.skipped)

    def monotonic(self) -> float:
        return super().monotonic() + self.skipped

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.skipped += seconds
        await asyncio.sleep(0)


class Jumping(FastClock):
    """A fast clock whose wall time is off by the next of *by* at each look."""

    def __init__(self, speed: float, by: Sequence[timedelta]) -> None:
        super().__init__(speed)
        self._by = cycle(by)

    def now(self) -> datetime:
        return super().now() + next(self._by)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0), ("0", 0.0), ("-3", 0.0), ("299.5", 299.5), ("1000000000", 300.0), ("inf", 300.0),
        ("nan", 0.5), ("soon", 0.5), ("", 0.5), (None, 0.5),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 300.0), ("Sat, 01 Jan 2000 00:00:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_a_429_is_waited_for_as_long_as_it_says_within_bounds(tmp_path: Path, text: str | None, seconds: float) -> None:
    headers = {} if text is None else {"Retry-After": text}
    with Cloud.running(Script(faults=[Fault(status=429, match='"width":1}', headers=headers)])) as cloud:
        scene = Scene(tmp_path, cloud, speed=1.0, make_clock=Skipping)
        ran = scene.apply(clips(2), detach=True)
        assert ran.exit_code == 0
        said = [event.seconds for event in ran.events if event.kind == "waiting"]  # type: ignore[union-attr]
        assert said[0] == seconds
        assert sum(ran.slept) == pytest.approx(seconds, abs=0.5)
        assert len(cloud.pushes) == 3
        assert scene.pushed() == [0, 1]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param([YEARS], [YEARS], id="ahead"),
        pytest.param([-YEARS], [-YEARS], id="behind"),
        pytest.param([YEARS, -YEARS], [-YEARS, YEARS], id="to-and-fro"),
        pytest.param([YEARS], [-YEARS], id="set-back-between"),
        pytest.param([-YEARS], [YEARS], id="set-ahead-between"),
    ],
)
def test_the_settle_time_is_never_cut_short_by_this_machine_s_clock(
    tmp_path: Path, first: list[timedelta], then: list[timedelta]
) -> None:
    faults = [Fault("close", match='"width":0}'), Fault("close", match='"width":1}', created=True)]
    with Cloud.running(Script(faults=faults, lag_seconds=LAG)) as cloud:
        scene = Scene(tmp_path, cloud, make_clock=lambda speed: Jumping(speed, first))
        assert scene.apply(clips(3), detach=True).exit_code == 5
        scene.make_clock = lambda speed: Jumping(speed, then)
        ran = scene.apply(clips(3), settle=SETTLE)
        assert ran.exit_code == 0, ran.result.problems
        assert scene.pushed() == [0, 1, 2]
        assert len(cloud.pushes) == 4
        assert not scene.state().intents


@pytest.mark.parametrize("runs", [1, 2], ids=["in-one-run", "between-runs"])
def test_nor_by_the_far_side_s(tmp_path: Path, runs: int) -> None:
    with Cloud.running(Script(faults=[Fault("close", match='"width":1}', created=True)], lag_seconds=LAG)) as cloud:
        scene = Scene(tmp_path, cloud)

        def jump(event: Event) -> None:
            """Its `Date` is two years on from now on; the jobs it made stay as old as they are."""
            if event.kind == "in_doubt":
                cloud.script.date_offset = YEARS.total_seconds()

        if runs == 2:
            assert scene.apply(clips(2), on_event=jump, detach=True).exit_code == 5
        ran = scene.apply(clips(2), on_event=jump, settle=SETTLE)
        assert ran.exit_code == 0, ran.result.problems
        assert scene.pushed() == [0, 1]
        assert len(cloud.pushes) == 2


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux alone counts the time that it slept")
def test_the_clock_of_deadlines_goes_on_while_the_machine_sleeps() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= SystemClock().monotonic() <= time.clock_gettime(time.CLOCK_BOOTTIME)
