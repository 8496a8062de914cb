"""A state that is not as it was written is refused, or answers exactly what was written; it is never replaced."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sieve_jobs.errors import StateError
from sieve_jobs.state.records import entry_row
from sieve_jobs.state.rows import stored
from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import DropEntry, PutEntry
from tests.state.samples import NOON, entry, everything
from tests.state.test_sqlite import contents, open_at_noon

CUTS = 60


@pytest.fixture
def whole(path: Path) -> tuple[bytes, object]:
    """A state at rest, all kinds of rows in it: its bytes, and what a reader sees."""
    with open_at_noon(path) as store:
        store.commit(everything(), 0)
        store.commit([PutEntry(entry(f"many-{number}")) for number in range(40)], 1)
        expected = contents(store)
    shutil.rmtree(path.parent / "backups")
    return path.read_bytes(), expected


def seen(path: Path, *, read_only: bool) -> object:
    """What a store shows, or the code it refuses with."""
    try:
        with open_at_noon(path, read_only=read_only) as store:
            return contents(store)
    except StateError as error:
        return error.diagnostics[0].code


def spread(positions: list[int], count: int) -> list[int]:
    """*count* of *positions*, the same in every run, not in step with any structure of the file."""
    return sorted(positions, key=lambda position: zlib.crc32(b"%d" % position))[:count]


@pytest.mark.parametrize("flips", [40, pytest.param(3000, marks=pytest.mark.soak)])
def test_a_flipped_byte_is_refused_or_harmless(path: Path, whole: tuple[bytes, object], flips: int) -> None:
    content, expected = whole
    used = [position for position, byte in enumerate(content) if byte]
    refused = 0
    for position in [*range(100), *spread(used, flips)]:
        flipped = bytearray(content)
        flipped[position] ^= 0x01 if position % 2 else 0xFF
        for read_only in (True, False):
            for sidecar in ("-wal", "-shm"):
                Path(f"{path}{sidecar}").unlink(missing_ok=True)
            path.write_bytes(flipped)
            found = seen(path, read_only=read_only)
            assert found in ("SJ153", "SJ154", "SJ162", expected), f"byte {position}, {read_only=}"
            refused += isinstance(found, str)
            if isinstance(found, str):
                assert path.read_bytes() == flipped, f"byte {position}: a refused state was written"
    assert refused > flips


def test_a_cut_state_is_refused(path: Path, whole: tuple[bytes, object]) -> None:
    content, _ = whole
    ends = [0, 1, 99, 100, 4095, 4096, 4097, len(content) - 1, *spread(list(range(len(content))), CUTS)]
    for end in ends:
        for read_only in (True, False):
            path.write_bytes(content[:end])
            assert seen(path, read_only=read_only) == "SJ153", f"cut at {end}, {read_only=}"
            assert path.read_bytes() == content[:end]


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE header (serial INTEGER)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda path: path.write_bytes(b""), "empty", id="zero bytes"),
        pytest.param(lambda path: path.write_text("name: dub\n" * 500), "not a database", id="text"),
        pytest.param(lambda path: path.write_bytes(bytes(8192)), "not a database", id="zeros"),
        pytest.param(_foreign, "another program", id="another program's database"),
    ],
)
def test_what_is_no_state_is_refused_and_kept(
    path: Path, make: Callable[[Path], object], said: str, read_only: bool
) -> None:
    make(path)
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(StateError, match=said) as caught, open_at_noon(path, read_only=read_only) as store:
        store.load()
    assert caught.value.diagnostics[0].code == "SJ153"
    assert "there is no good backup" in (caught.value.diagnostics[0].hint or "")
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_a_damaged_state_names_the_last_good_backup(path: Path, read_only: bool) -> None:
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry())], 0)
    backups = path.parent / "backups"
    (good,) = backups.iterdir()
    (backups / "prod-9.db").write_bytes(good.read_bytes()[:5000])
    (backups / "prod-eu-2026-11-24.db").write_bytes(good.read_bytes())
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(StateError) as caught, open_at_noon(path, read_only=read_only) as store:
        store.load()
    (told,) = caught.value.diagnostics
    assert told.hint == (
        "nothing was changed; move '.sieve-jobs/prod.db*' away, then copy the last good backup, "
        "'.sieve-jobs/backups/prod-2026-11-23.db' (serial 1, written 2026-11-23 12:00:00Z), to '.sieve-jobs/prod.db'"
    )


def test_a_restored_backup_is_the_state_again(path: Path, tmp_path: Path) -> None:
    with open_at_noon(path) as store:
        store.commit(everything(), 0)
        expected = contents(store)
    path.write_bytes(b"")
    aside = tmp_path / "aside"
    aside.mkdir()
    for damaged in path.parent.glob("prod.db*"):
        damaged.rename(aside / damaged.name)
    shutil.copyfile(path.parent / "backups" / "prod-2026-11-23.db", path)
    path.chmod(0o600)
    assert seen(path, read_only=True) == expected
    assert seen(path, read_only=False) == expected


def _kill_leftovers(path: Path, commits: int) -> object:
    """What a process leaves that was killed after *commits*: file, log and index. Returns what a reader sees."""
    aside = path.parent.with_name("aside")
    with open_at_noon(path) as store:
        for serial in range(commits):
            store.commit([PutEntry(entry(f"spec-{serial}"))], serial)
        expected = contents(store)
        shutil.copytree(path.parent, aside)
    shutil.rmtree(path.parent)
    aside.rename(path.parent)
    return expected


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
@pytest.mark.parametrize("damage", ["lost", "emptied", "cut", "flipped"])
def test_a_log_that_lost_commits_is_noticed(path: Path, damage: str, read_only: bool) -> None:
    _kill_leftovers(path, 3)
    log = Path(f"{path}-wal")
    content = log.read_bytes()
    if damage == "lost":
        log.unlink()
    else:
        kept = {"emptied": b"", "cut": content[: len(content) // 2], "flipped": bytearray(content)}[damage]
        if isinstance(kept, bytearray):
            kept[len(content) // 2] ^= 0xFF
        log.write_bytes(kept)
    Path(f"{path}-shm").unlink()
    assert seen(path, read_only=read_only) == "SJ162"


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_a_log_without_its_file_is_refused(path: Path, read_only: bool) -> None:
    _kill_leftovers(path, 1)
    path.unlink()
    assert seen(path, read_only=read_only) == "SJ153"
    assert not path.exists()
    assert Path(f"{path}-wal").stat().st_size > 0


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_the_log_of_another_state_is_refused(path: Path, tmp_path: Path, read_only: bool) -> None:
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry(f"ours-{number}")) for number in range(30)], 0)
    other = tmp_path / "other" / ".sieve-jobs" / "prod.db"
    other.parent.mkdir(parents=True, mode=0o700)
    _kill_leftovers(other, 4)
    shutil.copyfile(f"{other}-wal", f"{path}-wal")
    assert seen(path, read_only=read_only) in {"SJ153", "SJ162"}


def test_an_older_copy_of_the_state_is_refused_until_that_is_meant(path: Path) -> None:
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry("a"))], 0)
    older = path.read_bytes()
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry("b"))], 1)
    path.write_bytes(older)
    assert [seen(path, read_only=read_only) for read_only in (True, False)] == ["SJ162", "SJ162"]
    Path(f"{path}-serial").unlink()
    with open_at_noon(path, read_only=True) as store:
        assert store.names() == ["a"]


def test_a_mark_that_says_nothing_is_no_obstacle(path: Path) -> None:
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry("a"))], 0)
    for content in (b"", b"\xff\x00", b"other-lineage 0\n", b"x " * 4000):
        Path(f"{path}-serial").write_bytes(content)
        with open_at_noon(path, read_only=True) as store:
            assert store.names() == ["a"]


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_the_state_of_another_project_is_refused_until_that_is_meant(
    path: Path, tmp_path: Path, read_only: bool
) -> None:
    other = tmp_path / "other" / "prod.db"
    for place in (path, other):
        with open_at_noon(place) as store:
            store.commit([PutEntry(entry(place.parent.name))], 0)
    shutil.copyfile(other, path)
    assert seen(path, read_only=read_only) == "SJ163"
    assert path.read_bytes() == other.read_bytes()
    Path(f"{path}-serial").unlink()
    with open_at_noon(path, read_only=read_only) as store:
        assert store.names() == ["other"]


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_a_state_that_is_gone_is_not_made_anew(path: Path, read_only: bool) -> None:
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry("a"))], 0)
    path.unlink()
    with pytest.raises(StateError) as caught, open_at_noon(path, read_only=read_only) as store:
        store.load()
    (told,) = caught.value.diagnostics
    assert (told.code, told.message) == (
        "SJ162", "the state '.sieve-jobs/prod.db' is gone, but serial 1 was written here before",
    )  # fmt: skip
    assert "'.sieve-jobs/backups/prod-2026-11-23.db' (serial 1, " in (told.hint or "")
    assert not path.exists()
    Path(f"{path}-serial").unlink()
    with open_at_noon(path, read_only=read_only) as store:
        assert store.names() == []


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        pytest.param("DELETE FROM entries WHERE name = 'shows/pilot'", (), id="an open entry is gone"),
        pytest.param("DELETE FROM entries WHERE name = 'dub-intro'", (), id="a settled entry is gone"),
        pytest.param("UPDATE entries SET settled = 1 WHERE name = 'shows/pilot'", (), id="an open entry is hidden"),
        pytest.param("UPDATE entries SET job_id = 'x' WHERE name = 'dub-intro'", (), id="another job"),
        pytest.param("UPDATE entries SET digest = 'x' WHERE name = 'dub-intro'", (), id="another digest"),
        pytest.param("UPDATE entries SET status = 'finished' WHERE name = 'shows/pilot'", (), id="another status"),
        pytest.param("DELETE FROM settled", (), id="the settled entries are gone"),
        pytest.param("DELETE FROM settled WHERE rowid = (SELECT min(rowid) FROM settled)", (), id="a shard is gone"),
        pytest.param("UPDATE settled SET shard = shard + 1024", (), id="shards in another's place"),
        pytest.param("UPDATE settled SET body = 'text'", (), id="a shard of another type"),
        pytest.param("DELETE FROM intents WHERE uuid LIKE '1%'", (), id="an intent is gone"),
        pytest.param("UPDATE intents SET confirmed_job = NULL", (), id="another intent"),
        pytest.param("DELETE FROM past WHERE job_id = 'past-3'", (), id="an unfinished earlier job is gone"),
        pytest.param("UPDATE past SET digest = ?", ("v1:sha256:00",), id="earlier jobs of another digest"),
        pytest.param("UPDATE header SET serial = 99", (), id="another serial"),
        pytest.param("UPDATE header SET endpoint = 'https://evil.example'", (), id="another endpoint"),
        pytest.param("DELETE FROM header", (), id="no header"),
        pytest.param("DROP TABLE past", (), id="no table"),
    ],
)
def test_rows_that_are_not_as_written_are_refused(path: Path, statement: str, values: tuple[str, ...]) -> None:
    with open_at_noon(path) as store:
        store.commit(everything(), 0)
    connection = sqlite3.connect(path)
    assert connection.execute(statement, values).rowcount != 0
    connection.commit()
    connection.close()
    assert [seen(path, read_only=read_only) for read_only in (True, False)] == ["SJ153", "SJ153"]


def test_a_commit_that_meets_damage_writes_nothing(path: Path) -> None:
    with open_at_noon(path) as store:
        store.commit(everything(), 0)
        connection = sqlite3.connect(path)
        connection.execute("UPDATE entries SET digest = 'x' WHERE name = 'dub-intro'")
        connection.commit()
        with pytest.raises(StateError) as caught:
            store.commit([PutEntry(entry("new")), DropEntry("dub-intro")], 1)
        assert caught.value.diagnostics[0].code == "SJ153"
        assert connection.execute("SELECT serial FROM header").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM entries WHERE name = 'new'").fetchone() == (0,)
        connection.close()


def test_a_checksum_does_not_depend_on_how_python_writes_json(path: Path) -> None:
    """A row is trusted as it is stored: a release that packs otherwise can still replace rows of this one."""
    put = entry("spaced")
    row = list(entry_row(put))
    row[3] = '{ "function": "sieve/dubbing" }'
    text = "\x1f".join("\x00" if value is None else str(value) for value in row)
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry("spaced", orphaned=True))], 0)
    connection = sqlite3.connect(path)
    old = connection.execute("SELECT checksum FROM entries").fetchone()[0]
    row[19 - 1] = 1
    text = "\x1f".join("\x00" if value is None else str(value) for value in row)
    new = zlib.crc32(text.encode())
    connection.execute("UPDATE entries SET parts = ?, checksum = ?", (stored((row[3],))[0], new))
    header = list(connection.execute("SELECT * FROM header").fetchone())
    header[header.index(old)] = new
    values = header[1:-1]
    header_text = "\x1f".join("\x00" if value is None else str(value) for value in values)
    connection.execute("UPDATE header SET open_sum = ?, checksum = ?", (new, zlib.crc32(header_text.encode())))
    connection.commit()
    connection.close()
    with open_store(path, now=lambda: NOON) as store:
        assert store.get(["spaced"])["spaced"].parts == {"function": "sieve/dubbing"}
        store.commit([PutEntry(put)], 1)
        assert store.load().settled == {"spaced": put.fingerprint}
