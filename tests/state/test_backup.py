"""Backups of a day's writes, and the whole state as one document."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sieve_jobs.state.backup import last_good
from sieve_jobs.state.export import export
from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import ClearIntent, DropEntry, PutEntry
from tests.state.samples import NOON, entry, everything
from tests.state.test_sqlite import contents, open_at_noon


def write_on(path: Path, day: datetime, name: str) -> None:
    with open_store(path, now=lambda: day) as store:
        store.commit([PutEntry(entry(name))], store.load().header.serial)


def names(path: Path) -> list[str]:
    return sorted(found.name for found in (path.parent / "backups").glob("*"))


def test_a_day_of_writes_leaves_one_backup(path: Path) -> None:
    write_on(path, NOON, "a")
    write_on(path, NOON + timedelta(hours=3), "b")
    assert names(path) == ["prod-2026-11-23.db"]
    with open_at_noon(path.parent / "backups" / "prod-2026-11-23.db", read_only=True) as store:
        assert store.names() == ["a"]
    assert last_good(path) == "'.sieve-jobs/backups/prod-2026-11-23.db' (serial 1, written 2026-11-23 12:00:00Z)"


def test_a_run_that_writes_nothing_leaves_none(path: Path) -> None:
    with open_at_noon(path) as store:
        store.load()
        store.commit([], 0)
    assert names(path) == []
    assert last_good(path) is None


def test_the_last_five_days_are_kept_and_other_files_left(path: Path) -> None:
    write_on(path, NOON, "first")
    others = ["prod-7.db", "prod-eu-2026-01-01.db", "notes.txt"]
    for other in others:
        (path.parent / "backups" / other).write_text("")
    for day in range(1, 8):
        write_on(path, NOON + timedelta(days=day), f"day-{day}")
    days = [f"prod-2026-11-{day}.db" for day in range(26, 31)]
    assert names(path) == sorted([*days, *others])
    assert "serial 8" in (last_good(path) or "")


def test_a_backup_that_fails_is_a_warning(path: Path) -> None:
    (path.parent / "backups").write_text("in the way")
    store = open_at_noon(path)
    store.commit([PutEntry(entry())], 0)
    assert store.warnings == []
    store.close()
    assert [warning.code for warning in store.warnings] == ["SJ158"]
    with open_at_noon(path, read_only=True) as reader:
        assert reader.names() == ["dub-intro"]


DAMAGE = [
    "UPDATE entries SET digest = 'x' WHERE name = 'shows/pilot'",
    "UPDATE entries SET job_id = 'x' WHERE name = 'dub-intro'",
    "DELETE FROM entries WHERE name = 'dub-intro'",
    "UPDATE past SET digest = 'x' WHERE job_id = 'past-1'",
]


def harm(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute(statement).rowcount == 1
        connection.commit()


@pytest.mark.parametrize("statement", DAMAGE[1:])
def test_a_damaged_state_pushes_out_no_good_backup(path: Path, statement: str) -> None:
    with open_at_noon(path) as store:
        store.commit(everything(), 0)
    harm(path, statement)
    with open_store(path, now=lambda: NOON + timedelta(days=1)) as store:
        store.commit([PutEntry(entry("new"))], 1)
    (told,) = store.warnings
    assert told.code == "SJ153"
    assert "'.sieve-jobs/backups/prod-2026-11-23.db' (serial 1" in (told.hint or "")
    assert names(path) == ["prod-2026-11-23.db"]


@pytest.mark.parametrize("statement", DAMAGE)
def test_a_damaged_backup_is_not_called_good(path: Path, statement: str) -> None:
    with open_at_noon(path) as store:
        store.commit(everything(), 0)
    write_on(path, NOON + timedelta(days=1), "new")
    assert "serial 2" in (last_good(path) or "")
    harm(path.parent / "backups" / "prod-2026-11-24.db", statement)
    assert "serial 1" in (last_good(path) or "")


def test_a_backup_is_whole_while_another_writes(path: Path) -> None:
    with open_at_noon(path) as other:
        with open_at_noon(path) as store:
            store.commit(everything(), 0)
            expected = contents(store)
        other.commit([DropEntry("dub-intro")], 1)
    with open_at_noon(path.parent / "backups" / "prod-2026-11-23.db", read_only=True) as backup:
        assert contents(backup) == expected


def test_export_holds_the_whole_state(path: Path) -> None:
    with open_at_noon(path) as store:
        store.commit(everything(), 0)
        store.commit([ClearIntent("11111111-1111-4111-8111-111111111111")], 1)
        document = json.loads(json.dumps(export(store)))
    head = {key: value for key, value in document.items() if not isinstance(value, list)}
    assert len(head.pop("lineage")) == 32
    assert head == {
        "format_version": "1.0", "serial": 2, "endpoint": "https://mango.sievedata.com", "organization_id": "org-1",
        "written_at": "2026-11-23T12:00:00.195000Z",
    }  # fmt: skip
    assert [found["name"] for found in document["entries"]] == [
        "dub-intro", "dub-intro[lang=es,voice=alto]", "shows/broken", "shows/gone", "shows/lost", "shows/pilot",
    ]  # fmt: skip
    assert [found["job_id"] for found in document["past"]] == ["past-4", "past-3", "past-2", "past-1"]
    assert [found["draft"]["name"] for found in document["intents"]] == ["dub-fr"]
    for kind, written in (("entries", entry()), ("past", entry().past())):
        assert set(document[kind][0]) == set(type(written).__dataclass_fields__)
    assert document["entries"][0]["tags"] == {
        "key": "k1", "env": {"REGION": "0f" * 16}, "secrets": {"env.OPENAI_API_KEY": "1e" * 16}, "webhooks": "2d" * 16,
    }  # fmt: skip


def test_export_of_a_missing_state_is_empty(path: Path) -> None:
    with open_at_noon(path, read_only=True) as store:
        document = export(store)
    assert (document["serial"], document["entries"], document["past"], document["intents"]) == (0, [], [], [])
