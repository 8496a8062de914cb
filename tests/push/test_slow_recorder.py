"""A state far away: what gathers while a commit is under way goes with the next one, and statuses wait for company."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from sieve_jobs.errors import LockedError, StateError
from sieve_jobs.push.recorder import recorder_for
from sieve_jobs.push.slow_recorder import SlowRecorder
from sieve_jobs.state.sqlite import SqliteStore, open_store
from sieve_jobs.state.writes import JobStatus, Write
from sieve_jobs.wire import Status
from tests.push.test_recorder import entries


class FarStore(SqliteStore):
    """A SQLite state whose commits wait until they are let go, as a push waits for the network."""

    def __init__(self, path: Path) -> None:
        near = open_store(path)
        super().__init__(path, near._access)
        self.gate = threading.Semaphore(0)
        self.commits: list[Sequence[Write]] = []
        self.began = threading.Event()
        self.broken = False

    @property
    def slow(self) -> bool:
        return True

    def commit(self, writes: Sequence[Write], expect_serial: int | None) -> int:
        self.commits.append(writes)
        self.began.set()
        assert self.gate.acquire(timeout=20)
        if self.broken:
            raise StateError()
        return super().commit(writes, expect_serial)


@pytest.fixture
def far(tmp_path: Path) -> FarStore:
    return FarStore(tmp_path / "s.db")


async def begun(store: FarStore) -> None:
    await asyncio.to_thread(store.began.wait, 20)
    store.began.clear()


def recorder_of(store: FarStore) -> SlowRecorder:
    recorder = recorder_for(store, 0)
    assert isinstance(recorder, SlowRecorder)
    return recorder


def test_what_comes_while_a_commit_is_under_way_is_the_next_one(far: FarStore) -> None:
    async def main() -> None:
        recorder = recorder_of(far)
        puts = entries(9)
        first = asyncio.create_task(recorder.write(puts[0]))
        await begun(far)
        others = [asyncio.create_task(recorder.write(put)) for put in puts[1:]]
        await asyncio.sleep(0)
        recorder.status(JobStatus("job-0", Status.FINISHED))
        assert not any(task.done() for task in (first, *others))
        far.gate.release()
        await first
        await begun(far)
        assert not any(task.done() for task in others)
        far.gate.release()
        began = await asyncio.gather(*others)
        assert len(set(began)) == 1
        await recorder.flush()

    asyncio.run(main())
    assert [len(commit) for commit in far.commits] == [1, 9]
    assert far.load().header.serial == 2
    assert far.get(["clip-0"])["clip-0"].status is Status.FINISHED


def test_statuses_alone_wait_until_they_are_asked_for(far: FarStore) -> None:
    async def main() -> None:
        recorder = recorder_of(far)
        for number in range(5):
            recorder.status(JobStatus(f"job-{number}", Status.PROCESSING))
        await recorder.check()
        await recorder.flush(statuses=False)
        assert far.commits == []
        far.gate.release()
        await recorder.flush()

    asyncio.run(main())
    assert [len(commit) for commit in far.commits] == [5]


def test_statuses_go_by_themselves_after_their_time(far: FarStore) -> None:
    async def main() -> None:
        recorder = SlowRecorder(far, 0, lambda: 0.0, hold=0.0)
        recorder.status(JobStatus("job-0", Status.PROCESSING))
        await begun(far)
        far.gate.release()
        await recorder.flush()

    asyncio.run(main())
    assert len(far.commits) == 1


def test_nothing_handed_over_is_nothing_to_wait_for(far: FarStore) -> None:
    async def main() -> None:
        recorder = recorder_of(far)
        recorder.later()
        await asyncio.wait_for(recorder.flush(), 5)

    asyncio.run(main())
    assert far.commits == []


def test_after_a_failed_commit_everybody_who_waits_is_told(far: FarStore) -> None:
    far.broken = True

    async def main() -> None:
        recorder = recorder_of(far)
        first, second = entries(2)
        one = asyncio.create_task(recorder.write(first))
        await begun(far)
        two = asyncio.create_task(recorder.write(second))
        await asyncio.sleep(0)
        far.gate.release(2)  # what is learned of pushes under way is tried nevertheless
        for told in await asyncio.gather(one, two, return_exceptions=True):
            assert isinstance(told, StateError)
        for call in (recorder.check(), recorder.flush(), recorder.write(first)):
            with pytest.raises(StateError):
                await call

    asyncio.run(main())
    assert len(far.commits) == 2


def test_what_was_learned_goes_in_though_another_run_came_first(far: FarStore) -> None:
    put, other = entries(2)

    async def main() -> None:
        recorder = recorder_of(far)
        far.gate.release(9)
        await recorder.write(put)
        SqliteStore.commit(far, [other], 1)
        recorder.status(JobStatus("job-0", Status.FINISHED))
        with pytest.raises(LockedError):
            await recorder.write(other)

    asyncio.run(main())
    assert far.get(["clip-0"])["clip-0"].status is Status.FINISHED
