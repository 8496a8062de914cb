"""Schema versions: every release's state is read whole, an older one is brought up to date, a newer one refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sieve_jobs.errors import StateError
from sieve_jobs.state.export import export
from sieve_jobs.state.schema import SCHEMA, Schema
from sieve_jobs.state.sqlite import SqliteStore, open_store
from tests.state.make_v1 import LINEAGE, make
from tests.state.make_v2 import make as make_v2
from tests.state.samples import NOON, everything
from tests.state.test_sqlite import contents

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def path(path: Path) -> Path:
    """The state of the first release, as it lies in a project."""
    shutil.copyfile(FIXTURES / "v1.db", path)
    path.chmod(0o600)
    return path


def add_note(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE entries ADD COLUMN note TEXT NOT NULL DEFAULT 'none'")


def add_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE notes AS SELECT name, note FROM entries")


TODAY = SCHEMA.version
NEXT = Schema(TODAY + 1, {**SCHEMA.steps, TODAY: add_note})
LATER = Schema(TODAY + 2, {**SCHEMA.steps, TODAY: add_note, TODAY + 1: add_table})


def opened(path: Path, schema: Schema, *, read_only: bool = False) -> SqliteStore:
    return open_store(path, read_only=read_only, now=lambda: NOON, schema=schema)


def version_of(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def backups(path: Path) -> list[str]:
    return sorted(found.name for found in (path.parent / "backups").glob("*"))


def expected(tmp_path: Path) -> tuple[object, ...]:
    """What a state made today from the same writes shows."""
    fresh = tmp_path / "fresh" / "prod.db"
    if not fresh.exists():
        make(fresh)
    with open_store(fresh, read_only=True) as store:
        return contents(store)


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_the_first_release_is_read_whole(path: Path, tmp_path: Path, read_only: bool) -> None:
    with opened(path, SCHEMA, read_only=read_only) as store:
        assert store.load().header.lineage == LINEAGE
        assert contents(store) == expected(tmp_path)


def test_the_fixture_holds_every_kind_of_row(path: Path) -> None:
    with opened(path, SCHEMA, read_only=True) as store:
        document = export(store)
    assert [len(document[key]) for key in ("entries", "past", "intents")] == [6, 4, 2]  # type: ignore[arg-type]
    assert len(everything()) == 14


@pytest.mark.parametrize(
    ("schema", "version"), [(SCHEMA, 2), (NEXT, 3), (LATER, 4)], ids=["to today", "one step more", "two"]
)
def test_an_older_state_is_migrated_after_a_backup(path: Path, tmp_path: Path, schema: Schema, version: int) -> None:
    with opened(path, schema) as store:
        assert contents(store) == expected(tmp_path)
    assert version_of(path) == version
    assert backups(path) == ["prod-1.db"]
    assert version_of(path.parent / "backups" / "prod-1.db") == 1
    if schema is SCHEMA:
        return
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT DISTINCT note FROM entries").fetchall() == [("none",)]


def test_an_older_state_is_read_without_being_touched(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    with opened(path, LATER, read_only=True) as store:
        assert contents(store) == expected(tmp_path)
    assert path.read_bytes() == before
    assert sorted(found.name for found in path.parent.iterdir()) == ["prod.db"]


def test_a_step_that_fails_leaves_the_state_as_it_was(path: Path, tmp_path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM entries")
        connection.execute("SELECT nothing FROM nowhere")

    with pytest.raises(StateError) as caught:
        opened(path, Schema(TODAY + 2, {**SCHEMA.steps, TODAY: add_note, TODAY + 1: fail}))
    assert caught.value.diagnostics[0].code == "SJ153"
    assert "backups/prod-1.db" in (caught.value.diagnostics[0].hint or "")
    with opened(path, SCHEMA) as store:
        assert contents(store) == expected(tmp_path)


def _kill_myself(connection: sqlite3.Connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param({1: _kill_myself, 2: add_note, 3: add_table}, id="in the first step"),
        pytest.param({**SCHEMA.steps, 2: add_note, 3: _kill_myself}, id="in the last step"),
    ],
)
def test_a_killed_migration_never_happened(
    path: Path, tmp_path: Path, steps: dict[int, Callable[[sqlite3.Connection], None]], in_child: Callable[..., int]
) -> None:
    whole = expected(tmp_path)
    assert in_child(path, Schema(4, steps)) == -signal.SIGKILL
    with opened(path, SCHEMA, read_only=True) as store:
        assert contents(store) == whole
    with opened(path, LATER) as store:
        assert contents(store) == whole
    assert version_of(path) == 4


@pytest.fixture
def in_child() -> Callable[..., int]:
    """Opens a state in a process of its own, which may die of it; returns how it ended."""
    import multiprocessing

    def run(path: Path, schema: Schema) -> int:
        process = multiprocessing.get_context("spawn").Process(target=opened, args=(path, schema))
        process.start()
        process.join(60)
        assert process.exitcode is not None
        return process.exitcode

    return run


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_a_newer_state_is_refused_and_names_what_reads_it(path: Path, read_only: bool) -> None:
    opened(path, LATER).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE header SET tool = '0.9.0'")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StateError) as caught, opened(path, NEXT, read_only=read_only) as store:
        store.load()
    (told,) = caught.value.diagnostics
    assert told.code == "SJ154"
    assert "written by sieve-jobs 0.9.0 with schema 4; this version reads up to schema 3" in told.message
    assert told.hint == "use sieve-jobs 0.9.0 or later"
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_a_version_that_no_step_leaves_from_is_refused(path: Path, read_only: bool) -> None:
    with pytest.raises(StateError) as caught, opened(path, Schema(3, {2: add_table}), read_only=read_only) as store:
        store.load()
    assert caught.value.diagnostics[0].code == "SJ154"
    assert (version_of(path), backups(path)) == (1, [])


def test_a_migration_without_a_backup_does_not_happen(path: Path) -> None:
    (path.parent / "backups").write_text("in the way")
    with pytest.raises(StateError):
        opened(path, NEXT)
    assert version_of(path) == 1


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_what_the_second_schema_saved_is_read_whole(tmp_path: Path, read_only: bool) -> None:
    folder = tmp_path / ".sieve-jobs"
    folder.mkdir(mode=0o700)
    shutil.copyfile(FIXTURES / "v2.db", folder / "prod.db")
    (folder / "prod.db").chmod(0o600)
    assert version_of(folder / "prod.db") == 2
    make_v2(tmp_path / "fresh" / "prod.db")
    with open_store(tmp_path / "fresh" / "prod.db", read_only=True) as store:
        whole = contents(store)
    with opened(folder / "prod.db", SCHEMA, read_only=read_only) as store:
        assert contents(store) == whole
        assert store.load().saved.paths == ["out/dub/0.mp4", "out/dub/1.json"]


@pytest.mark.parametrize(
    ("harm", "read_only"),
    [
        pytest.param(harm, read_only, id=f"{name}, {'reading' if read_only else 'writing'}")
        for read_only in (True, False)
        for name, harm in {
            "an entry": "UPDATE entries SET digest = 'v1:sha256:00'",
            "an earlier job": "UPDATE past SET name = 'another'",
            "an intent": "UPDATE intents SET attempt = 1",
            "a header": "UPDATE header SET endpoint = 'https://elsewhere.example'",
            "a missing row": "DELETE FROM entries WHERE settled = 0 AND name = 'shows/lost'",
        }.items()
    ],
)
def test_damage_is_not_migrated_away(path: Path, harm: str, read_only: bool) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(harm)
        connection.commit()
    with pytest.raises(StateError) as caught, opened(path, SCHEMA, read_only=read_only) as store:
        store.load()
    assert caught.value.diagnostics[0].code == "SJ153"
    assert version_of(path) == 1
