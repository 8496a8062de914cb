"""The SQLite store: the contract, and what is its own, such as leaving no trace where it only reads."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sieve_jobs.errors import LockedError, StateError
from sieve_jobs.state.entry import Entry
from sieve_jobs.state.records import entry_of, entry_row, is_settled, past_of, past_row
from sieve_jobs.state.schema import SCHEMA
from sieve_jobs.state.sqlite import SqliteStore, open_store
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import (
    ClearIntent,
    DropEntry,
    DropPast,
    JobSaved,
    JobStatus,
    PutEntry,
    PutIntent,
    PutPast,
    Write,
)
from sieve_jobs.wire import Status
from tests.state.contract import StoreContract
from tests.state.samples import NOON, entry, everything, intent, past, saved

Open = Callable[..., SqliteStore]


def open_at_noon(path: Path, *, read_only: bool = False) -> SqliteStore:
    return open_store(path, read_only=read_only, now=lambda: NOON)


def contents(store: Store) -> tuple[object, ...]:
    """All that a store can tell."""
    state = store.load()
    names = store.names()
    history = store.history()
    digests = sorted({job.digest for job in history})
    by_name = {job.name: store.past_of(job.name) for job in history}
    return state, names, store.get(names), history, store.past(digests), by_name


class TestSqliteStore(StoreContract):
    def open(self, folder: Path) -> Store:
        (folder / ".sieve-jobs").mkdir(mode=0o700, exist_ok=True)
        return open_at_noon(folder / ".sieve-jobs" / "prod.db")


def test_a_store_fits_the_protocol(path: Path) -> None:
    store: Store = open_at_noon(path)
    assert store.place == ".sieve-jobs/prod.db"
    store.close()


def test_files_are_private_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_at_noon(path)
        store.commit([PutIntent(intent("u1"))], 0)
        modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert set(modes) >= {"prod.db", "prod.db-wal", "prod.db-shm", "prod.db-serial", "prod.db-reserve"}
    assert set(modes.values()) == {0o600}
    backups = path.parent / "backups"
    assert stat.S_IMODE(backups.stat().st_mode) == 0o700
    assert [stat.S_IMODE(found.stat().st_mode) for found in backups.iterdir()] == [0o600]


def test_the_file_says_what_it_is(path: Path) -> None:
    open_at_noon(path).close()
    head = path.read_bytes()[:100]
    assert head[68:72] == b"SJST"
    assert int.from_bytes(head[60:64], "big") == SCHEMA.version


def test_commits_reach_the_disk_before_they_are_acknowledged(path: Path) -> None:
    with open_at_noon(path) as store:
        connection = store._access._connection  # type: ignore[union-attr]
        assert connection is not None
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


class TestReading:
    """Read-only, nothing on the disk is made or changed."""

    def test_a_missing_state_is_empty_and_stays_missing(self, tmp_path: Path) -> None:
        with open_at_noon(tmp_path / ".sieve-jobs" / "prod.db", read_only=True) as store:
            assert store.load().is_empty
            assert (store.load().header.lineage, store.load().header.serial) == ("", 0)
            assert contents(store)[1:4] == ([], {}, [])
        assert list(tmp_path.iterdir()) == []

    def test_at_rest(self, path: Path) -> None:
        with open_at_noon(path) as writer:
            writer.commit(everything(), 0)
            expected = contents(writer)
        assert _read_and_look(path) == (expected, True)

    def test_while_a_writer_has_it_open(self, path: Path) -> None:
        with open_at_noon(path) as writer:
            writer.commit(everything(), 0)
            assert _read_and_look(path) == (contents(writer), True)

    def test_after_a_crash(self, path: Path, tmp_path: Path) -> None:
        expected = _crashed(path, tmp_path / "copy")
        assert _read_and_look(path) == (expected, True)

    def test_after_a_crash_whose_shared_memory_is_gone(self, path: Path, tmp_path: Path) -> None:
        expected = _crashed(path, tmp_path / "copy")
        Path(f"{path}-shm").unlink()
        assert _read_and_look(path) == (expected, True)

    def test_reads_after_a_load_are_of_its_snapshot(self, path: Path) -> None:
        with open_at_noon(path) as writer, open_at_noon(path, read_only=True) as reader:
            serial = writer.commit([PutEntry(entry("a"))], 0)
            assert reader.load().header.serial == serial
            writer.commit([DropEntry("a"), PutEntry(entry("b"))], serial)
            assert reader.names() == ["a"]
            assert reader.get(["a", "b"]) == {"a": entry("a")}
            assert reader.load().header.serial == serial + 1
            assert reader.names() == ["b"]

    def test_a_snapshot_that_is_gone_is_an_error_not_another_state(self, path: Path) -> None:
        with open_at_noon(path) as writer:
            writer.commit([PutEntry(entry("a"))], 0)
        with open_at_noon(path, read_only=True) as reader:
            reader.load()
            with open_at_noon(path) as writer:
                writer.commit([DropEntry("a")], 1)
            with pytest.raises(LockedError) as caught:
                reader.get(["a"])
            assert caught.value.diagnostics[0].code == "SJ159"
            assert reader.load().is_empty

    def test_a_commit_is_refused(self, path: Path) -> None:
        open_at_noon(path).close()
        with open_at_noon(path, read_only=True) as reader, pytest.raises(StateError) as caught:
            reader.commit([PutEntry(entry())], 0)
        assert caught.value.diagnostics[0].code == "SJ152"


def _read_and_look(path: Path) -> tuple[object, bool]:
    """What a reader sees, and whether the folder is as it was."""

    def listing() -> dict[str, tuple[int, bytes]]:
        # The log's index is SQLite's scratch space, rebuilt from the log whenever it is in doubt.
        return {
            found.name: (found.stat().st_mtime_ns, found.read_bytes())
            for found in path.parent.iterdir()
            if found.is_file() and not found.name.endswith("-shm")
        }

    before, names = listing(), sorted(found.name for found in path.parent.iterdir())
    with open_at_noon(path, read_only=True) as reader:
        seen = contents(reader)
        seen_again = contents(reader)
    assert seen == seen_again
    return seen, listing() == before and sorted(found.name for found in path.parent.iterdir()) == names


def _crashed(path: Path, aside: Path) -> tuple[object, ...]:
    """Leaves at *path* what a process that was killed after its commit leaves: the file, its log and its index."""
    with open_at_noon(path) as writer:
        writer.commit(everything(), 0)
        expected = contents(writer)
        shutil.copytree(path.parent, aside)
    shutil.rmtree(path.parent)
    shutil.copytree(aside, path.parent)
    assert Path(f"{path}-wal").stat().st_size > 0
    return expected


def test_a_store_serves_several_threads(path: Path) -> None:
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry(f"spec-{number}", status=Status.QUEUED)) for number in range(40)], 0)
        failures: list[BaseException] = []

        def work(first: int) -> None:
            try:
                for number in range(first, 40, 4):
                    store.commit([JobStatus(f"job-spec-{number}", Status.FINISHED)], None)
                    store.load()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert (len(store.load().settled), store.load().header.serial) == (40, 1)


def test_a_writer_that_hangs_is_reported_as_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sieve_jobs.state.writer._BUSY_SECONDS", 0.01)
    with open_at_noon(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError) as caught:
            store.commit([PutEntry(entry())], 0)
        assert caught.value.diagnostics[0].code == "SJ159"
        other.execute("ROLLBACK")
        other.close()
        assert store.commit([PutEntry(entry())], 0) == 1


def test_the_module_is_light() -> None:
    heavy = ["asyncio", "pydantic", "httpx", "yaml", "rich", "click", "tempfile", "shutil", "subprocess"]
    code = f"import sys, sieve_jobs.state.sqlite; print([name for name in {heavy!r} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


NAMES = st.sampled_from(["a", "b", "c/d", "e[x=1]"])
JOBS = st.sampled_from(["j1", "j2", "j3", "j4"])
STATUSES = st.sampled_from(list(Status))
ANY = st.booleans()
SAVED = st.builds(
    lambda complete, count: saved(*[f"out/{n}" for n in range(count)], complete=complete), ANY, st.integers(0, 3)
)
WRITES = st.lists(
    st.one_of(
        st.builds(lambda n, s, o: PutEntry(entry(n, status=s, orphaned=o)), NAMES, STATUSES, st.booleans()),
        st.builds(DropEntry, NAMES),
        st.builds(lambda j, s: PutPast(past(j, status=s)), JOBS, STATUSES),
        st.builds(DropPast, JOBS),
        st.builds(lambda u: PutIntent(intent(u)), st.sampled_from(["u1", "u2"])),
        st.builds(ClearIntent, st.sampled_from(["u1", "u2"])),
        st.builds(lambda n, s: JobStatus(f"job-{n}", s), NAMES, STATUSES),
        st.builds(lambda n, s, w: PutEntry(entry(n, save="out/{index}", saved=s if w else None)), NAMES, SAVED, ANY),
        st.builds(lambda n, s: JobSaved(f"job-{n}", s), NAMES, SAVED),
    ),
    max_size=12,
)


@settings(max_examples=settings.default.max_examples // 8)
@given(batches=st.lists(WRITES, max_size=5))
def test_any_writes_leave_a_state_that_reads_whole(
    batches: list[list[Write]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "prod.db"
    present: set[str] = set()
    with open_at_noon(path) as store:
        for writes in batches:
            store.commit(writes, store.load().header.serial)
            for write in writes:
                if isinstance(write, PutEntry):
                    present.add(write.entry.name)
                elif isinstance(write, DropEntry):
                    present.discard(write.name)
            state = store.load()
            assert set(state.settled) | set(state.open) == present
            entries = store.get(present)
            assert all(is_settled(found) == (name in state.settled) for name, found in entries.items())
            files = [
                (file.path, found.saved.place, name)
                for name, found in entries.items()
                if is_settled(found) and found.save and found.saved is not None
                for file in found.saved.files
            ]
            assert sorted(zip(*state.saved, strict=True)) == sorted(files)
        expected = contents(store)
    with open_at_noon(path) as again:
        assert contents(again) == expected


TEXT = st.text(st.characters(exclude_categories=[]), max_size=20)


@given(path=TEXT, error=TEXT, reason=TEXT, parts=st.dictionaries(TEXT, st.floats(allow_nan=False) | TEXT | st.none()))
def test_rows_give_back_any_text(path: str, error: str, reason: str, parts: dict[str, str | float | None]) -> None:
    put = entry(path=path, error=error, reason=reason, parts=parts)
    assert entry_of(entry_row(put)) == put
    assert past_of(past_row(put.past())) == put.past()


@settings(max_examples=settings.default.max_examples // 10)
@given(path=TEXT, error=TEXT)
def test_a_state_gives_back_any_text(path: str, error: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    put: Entry = entry(path=path, error=error, status=Status.ERROR)
    with open_at_noon(tmp_path_factory.mktemp("text") / "prod.db") as store:
        store.commit([PutEntry(put), PutPast(put.past())], 0)
        assert store.load().open == {put.name: put}
        assert store.history() == [put.past()]
