"""Writes of concurrent pushes share commits; a state that moved on ends the run with nothing lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sieve_jobs.errors import LockedError, StateError
from sieve_jobs.plan.action import Reason
from sieve_jobs.push.draft import draft_entry
from sieve_jobs.push.events import Event
from sieve_jobs.push.recorder import Recorder
from sieve_jobs.state.recover import Answer
from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import JobStatus, Pin, PutEntry, PutIntent
from sieve_jobs.wire import Status
from tests.plan.world import START
from tests.push.scene import Scene, clips
from tests.state.samples import intent


def entries(count: int) -> list[PutEntry]:
    drafts = [draft_entry(detail, Reason.NEW, now=START, commit=None) for detail in clips(count)]
    return [PutEntry(type(draft)(**{**fields(draft), "job_id": f"job-{i}"})) for i, draft in enumerate(drafts)]


def fields(entry: object) -> dict[str, object]:
    return {name: getattr(entry, name) for name in entry.__slots__}  # type: ignore[attr-defined]


def test_writes_that_come_together_are_one_commit(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:
        before = store.load().header.serial

        async def main() -> None:
            recorder = Recorder(store, before)
            await asyncio.gather(*(recorder.write(write) for write in entries(20)))

        asyncio.run(main())
        assert len(store.names()) == 20
        assert store.load().header.serial == before + 1


def test_a_commit_for_which_all_wait_is_not_put_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sieve_jobs.push.recorder.GATHER", 3600.0)
    with open_store(tmp_path / "s.db") as store:
        before = store.load().header.serial

        async def main() -> None:
            recorder = Recorder(store, before)
            recorder.company = 2
            async with asyncio.timeout(20):
                await asyncio.gather(*(recorder.write(write) for write in entries(4)))

        asyncio.run(main())
        assert len(store.names()) == 4
        assert store.load().header.serial == before + 2


def test_what_is_handed_over_is_there_after_a_flush(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:

        async def main() -> None:
            recorder = Recorder(store, store.load().header.serial)
            recorder.later(*entries(1))
            recorder.status(JobStatus("job-0", Status.FINISHED))
            await recorder.flush()

        asyncio.run(main())
        assert store.get(["clip-0"])["clip-0"].status is Status.FINISHED


def test_after_a_failed_commit_nothing_more_is_written(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:

        async def main() -> None:
            recorder = Recorder(store, store.load().header.serial + 5)
            for _ in range(2):
                with pytest.raises(LockedError):
                    await recorder.write(*entries(1))
            recorder.later(*entries(2))
            with pytest.raises(LockedError):
                await recorder.flush()

        asyncio.run(main())
        assert not store.names()


def test_one_that_is_cancelled_while_it_waits_takes_nothing_from_the_others(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:

        async def main() -> None:
            recorder = Recorder(store, store.load().header.serial)
            first, second = (asyncio.create_task(recorder.write(write)) for write in entries(2))
            await asyncio.sleep(0)  # both wait for the same commit now
            first.cancel()
            await second
            assert first.cancelled()

        asyncio.run(main())
        assert list(store.names()) == ["clip-0", "clip-1"]


def test_an_error_that_nobody_foresaw_is_told_to_those_who_wait(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:

        async def main() -> None:
            recorder = Recorder(store, store.load().header.serial)
            unwritable = replace(entries(1)[0].entry, tags=object())  # type: ignore[arg-type]
            with pytest.raises(AttributeError):
                await asyncio.wait_for(recorder.write(PutEntry(unwritable)), 10)

        asyncio.run(main())
        assert not store.names()


def test_after_a_push_that_could_not_begin_answers_to_others_are_still_recorded(tmp_path: Path) -> None:
    (tmp_path / "s.db-reserve").mkdir()  # as if the disk were full: what comes back has no room kept
    with open_store(tmp_path / "s.db") as store:

        async def main() -> None:
            recorder = Recorder(store, store.load().header.serial)
            with pytest.raises(StateError):
                await recorder.write(PutIntent(intent("0b1c")))
            recorder.later(*entries(2))
            with pytest.raises(StateError):
                await recorder.write(PutIntent(intent("0b1d")))
            with pytest.raises(StateError):
                await recorder.flush()

        asyncio.run(main())
        assert list(store.names()) == ["clip-0", "clip-1"]
        assert not store.load().intents


@pytest.mark.parametrize("room", [True, False], ids=["moved-on", "no-room-for-a-push"])
def test_an_answer_that_the_state_did_not_take_is_kept(tmp_path: Path, room: bool) -> None:
    if not room:
        (tmp_path / "s.db-reserve").mkdir()
    with open_store(tmp_path / "s.db") as store:

        async def main() -> Recorder:
            recorder = Recorder(store, store.load().header.serial + 5 * room)
            recorder.answer(intent("0b1c"), None, "job", "run", Status.QUEUED)
            with pytest.raises((LockedError, StateError)):
                await recorder.write(PutIntent(intent("0b1d")))
            return recorder

        recorder = asyncio.run(main())
        # An answer goes in without the push that is to begin beside it.
        kept = [Answer("0b1c", intent("0b1c").name, "job", "run", Status.QUEUED)] if room else []
        assert recorder.unrecorded == kept
        assert len(store.names()) == 1 - len(kept)


def test_a_state_that_moved_on_under_a_run_ends_it_and_loses_nothing(scene: Scene) -> None:
    def watch(event: Event) -> None:
        if event.kind == "pushed" and len(scene.cloud.pushes) == 1:
            with open_store(scene.path) as other:
                other.commit([Pin("https://far.example", None)], other.load().header.serial)

    ran = scene.apply(clips(5), on_event=watch, concurrency=1)
    assert ran.exit_code == 7
    assert len(scene.cloud.pushes) == 1
    assert ran.row("clip-0")["job_id"] == scene.cloud.jobs[0].id
    assert ran.result.unrecorded is not None
    assert [answer.job_id for answer in ran.result.unrecorded.answers] == [scene.cloud.jobs[0].id]
    again = scene.apply(clips(5))
    assert again.exit_code == 0
    assert scene.pushed() == [*range(5)]
