"""What may go and what stays, decided from facts; and changes that take it out of the database, a slice at a time."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sieve_jobs.engine import jobs, litter, outbox, removal
from sieve_jobs.engine.litter import Removed
from sieve_jobs.engine.records import Ended as Result
from sieve_jobs.engine.records import Hook, NewJob, Run
from sieve_jobs.engine.removal import Needed
from sieve_jobs.engine.retention import Ended, doomed, ids_in, is_stale_upload, spared
from sieve_jobs.engine.schema import SCHEMA_STEPS
from sieve_jobs.wire import Event, format_time

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 3, tzinfo=UTC)
A, B, C = (str(uuid.UUID(int=number)) for number in (1, 2, 3))


def ended(seq: int, name: str, parent: str | None = None, *, open_child: bool = False) -> Ended:
    return Ended(seq, name, parent, open_child)


@pytest.mark.parametrize(
    ("ended_jobs", "needed", "gone", "expected"),
    [
        pytest.param([ended(1, A), ended(2, B)], set(), set(), [A, B], id="nothing-speaks-for-them"),
        pytest.param([ended(1, A), ended(2, B)], {A}, set(), [B], id="an-open-job-names-one"),
        pytest.param([ended(1, A, open_child=True)], set(), set(), [], id="its-child-is-open"),
        pytest.param([ended(2, B, A)], set(), set(), [], id="its-parent-stays"),
        pytest.param([ended(2, B, A)], set(), {A}, [B], id="its-parent-went-before"),
        pytest.param([ended(1, A), ended(2, B, A), ended(3, C, B)], set(), set(), [A, B, C], id="a-family"),
        pytest.param([ended(1, A), ended(2, B, A), ended(3, C, B)], {A}, set(), [], id="a-family-whose-first-is-named"),
        pytest.param([ended(1, A), ended(2, B, A), ended(3, C, B)], {B}, set(), [A], id="one-in-the-middle-is-named"),
    ],
)
def test_doomed(ended_jobs: list[Ended], needed: set[str], gone: set[str], expected: list[str]):
    assert [job.id for job in doomed(ended_jobs, needed, gone)] == expected


def test_what_is_named_since_stays_with_all_below_it():
    family = [ended(1, A), ended(2, B, A), ended(3, C, B)]
    assert spared(family, set()) == set()
    assert spared(family, {A}) == {A, B, C}
    assert spared(family[2:], {B}) == {C}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"http://127.0.0.1:1/v2/files/f/{A}/x/a.txt?sig=1", id="url"),
        pytest.param(f"file:///p/.sieve-jobs/engine/files/{A}/x/a.txt", id="path"),
        pytest.param(A, id="bare"),
        pytest.param("".join(f"%{ord(char):02x}" for char in A), id="percent-encoded"),
        pytest.param("x" * ((1 << 18) - 10) + A + "x" * 10, id="across-two-pieces"),
        pytest.param("x" * ((1 << 18) - 20) + A.replace("-", "%2D"), id="encoded-across-two-pieces"),
    ],
)
def test_ids_are_found_in_whatever_names_a_file(text: str):
    assert set(ids_in(text)) == {A}


@pytest.mark.parametrize(
    ("name", "changed", "expected"),
    [(A, 1.0, True), (A, 3.0, False), (B, 1.0, False), ("..", 1.0, False)],
    ids=["old", "young", "named", "odd"],
)
def test_uploads(name: str, changed: float, expected: bool):
    assert is_stale_upload(name, changed, 2.0, {B}) is expected


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.row_factory = sqlite3.Row
    for step in SCHEMA_STEPS:
        database.executescript(step)
    yield database
    database.close()


def add(
    db: sqlite3.Connection, name: str, *, end: datetime | None = NOW, parent: str | None = None, **inputs: str
) -> None:
    hooks = (Hook(Event.COMPLETE, "http://127.0.0.1:1/"),) if "hook" in inputs else ()
    job = NewJob(name, f"{name}-1", "function", "me", "add", False, dict(inputs), {}, hooks, "api", parent)
    jobs.create(db, job, NOW)
    if end is not None:
        jobs.claim(db, name, "function", NOW)
        jobs.record(db, Run(name, f"{name}-1"), {0: {"data": 1}}, None, NOW)
        jobs.finish(db, Run(name, f"{name}-1"), Result(1, ""), end)


def found(db: sqlite3.Connection, before: datetime = LATER) -> list[str]:
    return [job.id for job in removal.ended_jobs(0, format_time(before), before.timestamp(), db)]


def times(number: int) -> Callable[[], bool]:
    """Time for *number* steps."""
    left = [number]

    def within() -> bool:
        left[0] -= 1
        return left[0] > 0

    return within


def test_ended_jobs_are_those_of_which_all_is_told_but_the_newest(db: sqlite3.Connection):
    add(db, "open", end=None)
    add(db, "ended")
    add(db, "late", end=LATER)
    add(db, "pending", hook="")
    add(db, "told", hook="")
    add(db, "given-up-late", hook="")
    add(db, "newest")
    events = dict(db.execute("SELECT job_id, id FROM outbox").fetchall())
    outbox.settle(db, events["told"], delivered=True, now=NOW.timestamp(), met="answered 200")
    outbox.settle(db, events["given-up-late"], delivered=False, now=LATER.timestamp(), met="no answer")
    assert found(db) == ["ended", "told"]
    assert removal.old_events(db, LATER.timestamp()) == [events["told"]]
    assert removal.count_old_events(db, LATER.timestamp() + 1) == 2


def test_what_an_open_job_has_told_stays_as_a_later_attempt_must_not_tell_it_again(db: sqlite3.Connection):
    hooks = (Hook(Event.START, "http://127.0.0.1:1/"),)
    jobs.create(db, NewJob("job", "job-1", "function", "me", "add", False, {}, {}, hooks, "api"), NOW)
    jobs.claim(db, "job", "function", NOW)
    (event,) = [row[0] for row in db.execute("SELECT id FROM outbox")]
    outbox.settle(db, event, delivered=True, now=NOW.timestamp(), met="answered 200")
    assert (removal.old_events(db, LATER.timestamp()), removal.count_old_events(db, LATER.timestamp())) == ([], 0)
    removal.drop_event(db, event, LATER.timestamp())
    assert db.execute("SELECT count(*) FROM outbox").fetchone()[0] == 1
    jobs.finish(db, Run("job", "job-1"), Result(0, ""), NOW)
    assert removal.old_events(db, LATER.timestamp()) == [event]


def test_a_replayed_event_is_not_dropped(db: sqlite3.Connection):
    add(db, "job", hook="")
    (event,) = [row[0] for row in db.execute("SELECT id FROM outbox")]
    outbox.settle(db, event, delivered=False, now=NOW.timestamp(), met="no answer")
    assert removal.old_events(db, LATER.timestamp()) == [event]
    outbox.replay(db, None, NOW.timestamp())
    removal.drop_event(db, event, LATER.timestamp())
    assert [tuple(row) for row in db.execute("SELECT id, state FROM outbox")] == [(event, "pending")]


def test_jobs_are_dropped_a_slice_at_a_time_and_a_push_between_spares_a_family(db: sqlite3.Connection):
    for name, parent in (("first", None), (A, None), (B, A), (C, B), ("newest", None)):
        add(db, name, parent=parent)
    known = removal.needed(Needed(), db)
    page = removal.ended_jobs(0, format_time(LATER), LATER.timestamp(), db)
    going = doomed(page, known.ids, set())
    assert [job.id for job in going] == ["first", A, B, C]
    done, went, known = removal.drop_jobs(db, going, known, times(1))
    assert (done, went) == (1, 1)
    add(db, "pushed meanwhile", end=None, url=f"http://127.0.0.1:1/v2/files/f/{A}/x/y?sig=1")
    for start in (1, 2, 3):  # each in a change of its own
        done, went, known = removal.drop_jobs(db, going[start:], known, times(1))
        assert (done, went) == (1, 0)
    left = [row[0] for row in db.execute("SELECT id FROM jobs ORDER BY seq")]
    assert left == [A, B, C, "newest", "pushed meanwhile"]


def test_what_is_left_of_jobs_goes_in_steps(db: sqlite3.Connection):
    for name in (A, B):
        add(db, name)
        db.executemany("INSERT INTO logs VALUES (?, ?, '', '', '')", [(name, at) for at in range(1_200)])
    db.execute("DELETE FROM jobs WHERE id = ?", (A,))
    assert [removal.orphaned(part, db) for part in removal.PARTS] == [[A], [A]]
    assert removal.drop_parts("logs", db, [A], times(1)) == 0
    assert db.execute("SELECT count(*) FROM logs WHERE job_id = ?", (A,)).fetchone()[0] == 700
    assert removal.drop_parts("logs", db, [A], times(9)) == 1
    assert removal.drop_parts("outputs", db, [A], times(9)) == 1
    assert [removal.orphaned(part, db) for part in removal.PARTS] == [[], []]
    assert db.execute("SELECT count(*) FROM logs").fetchone()[0] == 1_200


def test_links_are_removed_as_links_and_strangers_stay(tmp_path: Path):
    outside, files = tmp_path / "outside", tmp_path / "files"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "precious.txt").write_text("precious")
    (files / A / "id").mkdir(parents=True)
    (files / A / "id" / "a.txt").write_text("12345")
    (files / A / "id" / "away").symlink_to(outside)
    (files / A / "up").symlink_to("..")
    (files / A / "id" / "twice").hardlink_to(outside / "deep" / "precious.txt")
    (files / B).symlink_to(outside)
    (files / "notes").mkdir()
    (files / "\x1b[2J\n").write_text("")
    assert sorted(litter.names_in(files)) == [A, B]
    before = sorted(tmp_path.rglob("*"))
    measured = litter.remove(files, [A, B, C], dry=True)
    assert sorted(tmp_path.rglob("*")) == before
    assert litter.remove(files, [A, B, C]) == measured == Removed(files=5, bytes=5, folders=2)
    assert (outside / "deep" / "precious.txt").read_text() == "precious"
    assert sorted(path.name for path in files.iterdir()) == ["\x1b[2J\n", "notes"]


def test_a_folder_of_uploads_that_is_a_link_is_not_looked_into(tmp_path: Path):
    (tmp_path / "outside" / A).mkdir(parents=True)
    (tmp_path / "uploads").symlink_to(tmp_path / "outside")
    assert litter.uploads_in(tmp_path / "uploads") == []
    (found,) = litter.uploads_in(tmp_path / "outside")
    assert found[0] == A
