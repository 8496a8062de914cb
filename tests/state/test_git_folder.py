"""The git store from any folder of a repository, and rows that are not where the state counts them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from sieve_jobs.errors import StateError
from sieve_jobs.state.git.store import GitStore
from sieve_jobs.state.shards import shard_of
from sieve_jobs.state.snapshot import entry_path
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import DropEntry, PutEntry, PutPast
from tests.state.contract import StoreContract
from tests.state.remote import REF, code_of, commit_file, copy_of, git, make_clone, open_in, text_of
from tests.state.samples import entry, everything, past
from tests.state.test_sqlite import contents

TWINS = ("twin-0", next(name for name in map("twin-{}".format, range(1, 9999)) if shard_of(name) == shard_of("twin-0")))
"""Entries of one shard."""


def in_folder(clone: Path, name: str) -> GitStore:
    folder = clone / name
    (folder / ".sieve-jobs").mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_in(folder)


@pytest.mark.soak
class TestGitStoreInASubfolder(StoreContract):
    def open(self, folder: Path) -> Store:
        return in_folder(make_clone(folder), "videos")


@pytest.mark.parametrize("name", ["videos", "a b/ü", "entries", "."])
def test_a_state_is_the_same_from_every_folder(tmp_path: Path, opened: ExitStack, name: str) -> None:
    ours = opened.enter_context(in_folder(make_clone(tmp_path, "a"), name))
    ours.commit([*everything(), *map(PutEntry, map(entry, TWINS))], 0)
    theirs = opened.enter_context(in_folder(make_clone(tmp_path, "b"), name))
    assert contents(theirs) == contents(ours)
    theirs.commit([PutEntry(entry(TWINS[0], job="new"))], 1)
    assert set(TWINS) <= set(theirs.names())
    fresh = opened.enter_context(in_folder(make_clone(tmp_path, "c"), name))
    assert contents(fresh) == contents(theirs) == contents(ours)


def test_a_project_behind_a_link_is_where_the_link_leads(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path, "a")
    opened.enter_context(in_folder(clone, "videos/long")).commit([PutEntry(entry("a"))], 0)
    (tmp_path / "link").symlink_to(clone / "videos" / "long")
    copy_of(tmp_path / "link").unlink()
    assert list(opened.enter_context(open_in(tmp_path / "link")).load().settled) == ["a"]


def written(clone: Path) -> GitStore:
    store = open_in(clone)
    store.commit([*map(PutEntry, map(entry, TWINS)), PutEntry(entry("other")), PutPast(past("past-1"))], 0)
    return store


def test_the_head_counts_what_the_files_hold(tmp_path: Path, opened: ExitStack) -> None:
    store = opened.enter_context(written(make_clone(tmp_path)))
    assert counted(tmp_path) == {"entries": 3, "past": 1}
    store.commit([DropEntry("other"), PutPast(past("past-2")), PutEntry(entry(TWINS[0], job="new"))], 1)
    assert counted(tmp_path) == {"entries": 2, "past": 2}


def counted(folder: Path) -> object:
    return json.loads(git(folder / "remote.git", "show", f"{REF}:head.json"))["rows"]


def without_a_twin(clone: Path) -> None:
    path = entry_path(TWINS[0])
    first, _ = git(clone, "show", f"{REF}:{path}").splitlines()
    commit_file(clone, path, f"{first}\n")


def without_a_shard(clone: Path) -> None:
    commit_file(clone, entry_path("other"), None)


@pytest.mark.parametrize("damage", [without_a_twin, without_a_shard])
def test_files_that_hold_less_than_the_head_counts_are_refused(
    tmp_path: Path, opened: ExitStack, damage: Callable[[Path], None]
) -> None:
    clone = make_clone(tmp_path, "a")
    store = opened.enter_context(written(clone))
    damage(clone)
    for reader in (store, opened.enter_context(open_in(make_clone(tmp_path, "b"), read_only=True))):
        with pytest.raises(StateError) as caught:
            reader.load()
        assert code_of(caught.value) == "SJ153"
        assert "counts entries and earlier jobs as 3 and 1, its files hold 2 and 1" in text_of(caught.value)
    assert len(store.names()) == 3


def test_a_shard_that_is_not_there_is_not_written_anew(tmp_path: Path, opened: ExitStack) -> None:
    """The copy has them, and what it is said to equal has not."""
    clone = make_clone(tmp_path)
    store = opened.enter_context(written(clone))
    without_a_shard(clone)
    with sqlite3.connect(copy_of(clone)) as connection:
        connection.execute("UPDATE origin SET commit_id = ?", [git(clone, "rev-parse", "refs/heads/x")])
    connection.close()
    before = git(tmp_path / "remote.git", "rev-parse", REF)
    assert store.load().header.serial == 1
    with pytest.raises(StateError) as caught:
        store.commit([PutEntry(entry("other", job="new"))], 1)
    assert code_of(caught.value) == "SJ153"
    assert git(tmp_path / "remote.git", "rev-parse", REF) == before


def test_a_copy_that_lacks_rows_is_filled_anew(tmp_path: Path, opened: ExitStack) -> None:
    first, second = make_clone(tmp_path, "a"), make_clone(tmp_path, "b")
    ours, theirs = opened.enter_context(written(first)), opened.enter_context(open_in(second))
    theirs.load()
    with sqlite3.connect(copy_of(second)) as connection:
        connection.execute("DELETE FROM past")
    connection.close()
    ours.commit([PutEntry(entry("later"))], 1)
    assert contents(theirs) == contents(ours)
    assert len(list(theirs.history())) == 1


def test_a_head_of_an_earlier_version_counts_nothing_and_is_read(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path, "a")
    opened.enter_context(written(clone))
    head = json.loads(git(clone, "show", f"{REF}:head.json"))
    del head["rows"]
    commit_file(clone, "head.json", json.dumps({**head, "format": 2}))
    theirs = opened.enter_context(open_in(make_clone(tmp_path, "b")))
    assert len(theirs.load().settled) == 3
    theirs.commit([PutEntry(entry("later"))], 1)
    assert counted(tmp_path) == {"entries": 4, "past": 1}
