"""The copy of a state on git, and the repository it lies in: what is made anew, what travels, what is left alone."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest

from sieve_jobs.errors import StateError
from sieve_jobs.state.writes import PutEntry, PutIntent
from tests.state.remote import REF, code_of, copy_of, git, install_hook, make_clone, make_remote, open_in, text_of, tip
from tests.state.samples import entry, everything, intent
from tests.state.test_sqlite import contents


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.unlink(), id="gone"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(b"not a database" * 99), id="of another program"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:5000]), id="cut"),
        pytest.param(lambda path: _execute(path, "UPDATE entries SET function = 'other'"), id="changed"),
        pytest.param(lambda path: _execute(path, "DELETE FROM origin"), id="without its origin"),
        pytest.param(lambda path: _execute(path, "PRAGMA user_version = 7"), id="of another version"),
        pytest.param(lambda path: _execute(path, "UPDATE settled SET body = x'00'"), id="shards changed"),
    ],
)
def test_a_damaged_copy_is_made_anew(tmp_path: Path, opened: ExitStack, damage: object) -> None:
    clone = make_clone(tmp_path)
    with open_in(clone) as store:
        store.commit(everything(), 0)
        before = contents(store)
    for left in ("-wal", "-shm"):
        Path(f"{copy_of(clone)}{left}").unlink(missing_ok=True)
    damage(copy_of(clone))  # type: ignore[operator]
    with open_in(clone) as store:
        assert contents(store) == before
        assert store.commit([PutEntry(entry("after"))], 1) == 2


def _execute(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def test_a_copy_that_came_from_another_clone_is_written_from(tmp_path: Path, opened: ExitStack) -> None:
    """As a cache of CI brings it: what it equals was never fetched here."""
    first, second = make_clone(tmp_path, "a"), make_clone(tmp_path, "b")
    with open_in(first) as store:
        store.commit([PutEntry(entry(f"spec-{number}")) for number in range(600)], 0)
    copy_of(second).write_bytes(copy_of(first).read_bytes())
    store = opened.enter_context(open_in(second))
    assert store.load().header.serial == 1
    store.commit([PutEntry(entry("spec-1", job="new"))], 1)
    assert len(opened.enter_context(open_in(make_clone(tmp_path, "c"))).load().settled) == 600


def test_a_shard_whose_content_is_gone_is_no_empty_one(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    (line,) = [line for line in git(clone, "ls-tree", "-r", REF).splitlines() if "entries/" in line]
    blob = line.split()[2]
    (clone / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(StateError) as caught:
        store.commit([PutEntry(entry("a", job="new"))], 1)
    assert code_of(caught.value) == "SJ165"
    assert list(opened.enter_context(open_in(make_clone(tmp_path, "b"))).load().settled) == ["a"]


def test_a_copy_that_cannot_be_written_is_kept_in_memory(tmp_path: Path, opened: ExitStack) -> None:
    store = opened.enter_context(open_in(make_clone(tmp_path, "a")))
    store.commit([PutEntry(entry("a"))], 0)
    clone = make_clone(tmp_path, "b")
    copy_of(clone).symlink_to(tmp_path / "elsewhere")
    reading = opened.enter_context(open_in(clone, read_only=True))
    assert list(reading.load().settled) == ["a"]
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(StateError):
        open_in(clone)
    without_folder = make_clone(tmp_path, "c")  # as on a disk that cannot be written
    shutil.rmtree(copy_of(without_folder).parent)
    reading = opened.enter_context(open_in(without_folder, read_only=True))
    assert list(reading.load().settled) == ["a"]


def test_what_did_not_change_does_not_travel(tmp_path: Path, opened: ExitStack) -> None:
    """One entry among 1,000: its shard, the trees above it and the head."""
    clone, remote = make_clone(tmp_path), make_remote(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry(f"spec-{number}")) for number in range(1000)], 0)
    before = tip(remote)
    store.commit([PutEntry(entry("spec-7", job="job-new")), PutIntent(intent("u1"))], 1)
    sent = git(remote, "rev-list", "--objects", f"{before}..{tip(remote)}").splitlines()
    assert len(sent) == 6, sent
    sizes = [int(git(remote, "cat-file", "-s", line.split()[0])) for line in sent]
    assert sum(sizes) < 20_000
    assert len(opened.enter_context(open_in(make_clone(tmp_path, "b"))).load().settled) == 1000


def test_history_is_cut_and_other_clones_follow(tmp_path: Path, opened: ExitStack) -> None:
    store, other = (opened.enter_context(open_in(make_clone(tmp_path, name), history=4)) for name in "ab")
    remote = make_remote(tmp_path)
    store.commit([PutEntry(entry(f"spec-{number}")) for number in range(300)], 0)
    longest = 0
    for serial in range(1, 10):
        before = tip(remote)
        store.commit([PutEntry(entry(f"spec-{serial}", job=f"new-{serial}"))], serial)
        longest = max(longest, int(git(remote, "rev-list", "--count", REF)))
        sent = git(remote, "rev-list", "--objects", f"{before}..{tip(remote)}").splitlines()
        assert len(sent) <= 10, f"everything travelled at serial {serial}"
        assert contents(other) == contents(store)
    assert longest <= 6


def test_nothing_else_of_the_repository_is_touched(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path)
    for name in ("pre-push", "reference-transaction", "post-commit"):
        install_hook(clone / ".git", name, "exit 1")
    git(clone, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.hooksPath=/dev/null", "commit", "-q",
        "--allow-empty", "-m", "x")  # fmt: skip
    (clone / ".gitignore").write_text(".sieve-jobs/\n.gitignore\n")
    git(clone, "config", "push.followTags", "true")
    refs = git(clone, "for-each-ref")
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    store.load()
    assert git(clone, "status", "--porcelain") == ""
    assert [line for line in git(clone, "for-each-ref").splitlines() if REF not in line] == refs.splitlines()
    assert not (clone / ".git" / "FETCH_HEAD").exists()
    assert git(make_remote(tmp_path), "for-each-ref", "--format=%(refname)") == REF


def test_a_shallow_clone_and_a_worktree_share_the_state(tmp_path: Path, opened: ExitStack) -> None:
    first = make_clone(tmp_path, "a")
    for message in "xyz":
        git(first, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", message)
    git(first, "push", "-q", "origin", "HEAD:refs/heads/main")
    store = opened.enter_context(open_in(first))
    store.commit([PutEntry(entry("a"))], 0)
    store.commit([PutEntry(entry("b"))], 1)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=main", f"file://{make_remote(tmp_path)}", str(shallow))
    beside = tmp_path / "beside"
    git(first, "worktree", "add", "-q", "--detach", str(beside))
    for serial, folder in enumerate([shallow, beside, shallow, first], 2):
        (folder / ".sieve-jobs").mkdir(mode=0o700, exist_ok=True)
        with open_in(folder) as other:
            assert other.load().header.serial == serial
            other.commit([PutEntry(entry(f"by-{serial}"))], serial)
    assert (shallow / ".git" / "shallow").read_text().count("\n") == 1
    assert len(store.load().settled) == 6


def test_without_a_repository_or_a_clear_remote_it_says_what_to_do(tmp_path: Path) -> None:
    clone = make_clone(tmp_path)
    git(clone, "remote", "rename", "origin", "upstream")
    with open_in(clone) as store:
        assert store.place.endswith("on upstream")
    git(clone, "remote", "add", "fork", "x")
    with pytest.raises(StateError) as caught:
        open_in(clone)
    assert code_of(caught.value) == "SJ165"
    assert "git remote rename" in text_of(caught.value)
    bare = tmp_path / "plain"
    (bare / ".sieve-jobs").mkdir(parents=True, mode=0o700)
    with pytest.raises(StateError) as caught:
        open_in(bare)
    assert code_of(caught.value) == "SJ165"
