"""The git store: the contract on a real remote, races, lost answers, and a remote that is away."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from sieve_jobs.errors import LockedError, StateError
from sieve_jobs.state.git.command import telling
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import DropEntry, JobSaved, JobStatus, PutEntry, PutIntent, Restore
from sieve_jobs.wire import Status
from tests.state.contract import StoreContract
from tests.state.remote import REF, code_of, git, install_hook, make_clone, make_remote, open_in, text_of
from tests.state.samples import entry, everything, intent, saved, what_is_saved
from tests.state.test_sqlite import contents


class TestGitStore(StoreContract):
    def open(self, folder: Path) -> Store:
        return open_in(make_clone(folder))


def test_a_clone_reads_all_that_another_wrote(tmp_path: Path, opened: ExitStack) -> None:
    ours = opened.enter_context(open_in(make_clone(tmp_path, "a")))
    ours.commit([*everything(), *what_is_saved()], ours.load().header.serial)
    theirs = opened.enter_context(open_in(make_clone(tmp_path, "b"), read_only=True))
    assert contents(theirs) == contents(ours)
    ours.commit([DropEntry("dub-intro"), PutEntry(entry("later", orphaned=True))], 1)
    assert contents(theirs) == contents(ours)
    assert theirs.place == f"git {REF} on origin"


def test_a_clone_reads_what_another_saved(tmp_path: Path, opened: ExitStack) -> None:
    ours = opened.enter_context(open_in(make_clone(tmp_path, "a")))
    ours.commit([PutEntry(entry("a", save="out/{index}"))], ours.load().header.serial)
    theirs = opened.enter_context(open_in(make_clone(tmp_path, "b"), read_only=True))
    assert list(theirs.load().open) == ["a"]
    ours.commit([JobSaved("job-a", saved("out/0"))], None)
    assert contents(theirs) == contents(ours)
    assert theirs.load().saved == (["out/0"], ["p1"], ["a"])


def test_of_two_that_decide_on_one_serial_one_wins(tmp_path: Path, opened: ExitStack) -> None:
    ours, theirs = (opened.enter_context(open_in(make_clone(tmp_path, name))) for name in "ab")
    ours.commit([PutEntry(entry("first"))], ours.load().header.serial)
    assert theirs.load().header.serial == 1
    ours.commit([PutEntry(entry("ours"))], 1)
    with pytest.raises(LockedError) as caught:
        theirs.commit([PutEntry(entry("theirs"))], 1)
    assert code_of(caught.value) == "SJ159"
    assert theirs.names() == ["first", "ours"]
    assert contents(theirs) == contents(ours)


def test_the_first_commit_of_a_state_is_won_by_one(tmp_path: Path, opened: ExitStack) -> None:
    ours, theirs = (opened.enter_context(open_in(make_clone(tmp_path, name))) for name in "ab")
    assert ours.load().is_empty
    assert theirs.load().is_empty
    ours.commit([PutEntry(entry("ours"))], 0)
    with pytest.raises(LockedError):
        theirs.commit([PutEntry(entry("theirs"))], 0)
    assert theirs.load().header.lineage == ours.load().header.lineage


def test_statuses_merge_with_what_others_wrote_meanwhile(tmp_path: Path, opened: ExitStack) -> None:
    ours, theirs = (opened.enter_context(open_in(make_clone(tmp_path, name))) for name in "ab")
    ours.commit([PutEntry(entry(name, status=Status.PROCESSING)) for name in "xy"], 0)
    theirs.load()
    ours.commit([JobStatus("job-x", Status.FINISHED)], None)
    theirs.commit([JobStatus("job-y", Status.FINISHED)], None)
    assert sorted(ours.load().settled) == ["x", "y"]
    assert ours.load().header.serial == 1


KILLED_AFTER = '[ "$1" = committed ] && kill -9 $PPID; exit 0'


def test_an_answer_that_is_lost_after_the_write_is_found_out(tmp_path: Path, opened: ExitStack) -> None:
    store = opened.enter_context(open_in(make_clone(tmp_path), sleep=lambda _: None))
    store.commit([PutEntry(entry("before"))], 0)
    hook = install_hook(make_remote(tmp_path), "reference-transaction", KILLED_AFTER)
    assert store.commit([PutIntent(intent("u1"))], 1) == 2
    hook.unlink()
    assert [found.uuid for found in store.load().intents] == ["u1"]
    assert store.commit([PutEntry(entry("after"))], 2) == 3


def test_a_lost_answer_is_ours_though_another_wrote_on_top(tmp_path: Path, opened: ExitStack) -> None:
    """Between the lost answer and our second look another clone goes on from our commit."""
    store = opened.enter_context(open_in(make_clone(tmp_path)))
    store.commit([PutEntry(entry("before"))], 0)
    marker = tmp_path / "hooked"
    install_hook(
        make_remote(tmp_path), "reference-transaction",
        f"""[ "$1" = committed ] && [ ! -e {marker} ] || exit 0
        touch {marker}
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git update-ref {REF} $(git commit-tree {REF}^{{tree}} -p {REF} -m "on top")
        kill -9 $PPID""",
    )  # fmt: skip
    assert store.commit([PutIntent(intent("u1"))], 1) == 2
    assert git(make_remote(tmp_path), "log", "-1", "--format=%s", REF) == "on top"
    assert [found.uuid for found in store.load().intents] == ["u1"]
    assert store.commit([PutEntry(entry("after"))], 2) == 3


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param("kill -9 $PPID", "it is as it was before", id="killed"),
        pytest.param("echo 'no rights'; exit 1", "refused", id="declined"),
    ],
)
def test_a_push_that_fails_before_the_write_changes_nothing(
    tmp_path: Path, opened: ExitStack, script: str, said: str
) -> None:
    store = opened.enter_context(open_in(make_clone(tmp_path), sleep=lambda _: None))
    store.commit([PutEntry(entry("before"))], 0)
    before = contents(store)
    hook = install_hook(make_remote(tmp_path), "pre-receive", script)
    with pytest.raises(StateError) as caught:
        store.commit([PutIntent(intent("u1"))], 1)
    assert code_of(caught.value) == "SJ164"
    assert said in text_of(caught.value)
    assert contents(store) == before
    hook.unlink()
    assert store.commit([PutIntent(intent("u1"))], 1) == 2


def test_a_remote_that_is_away_is_said_and_nothing_is_written(tmp_path: Path, opened: ExitStack) -> None:
    clone, remote = make_clone(tmp_path), make_remote(tmp_path)
    store = opened.enter_context(open_in(clone, sleep=lambda _: None))
    store.commit([PutEntry(entry("before"))], 0)
    remote.rename(tmp_path / "away.git")
    with pytest.raises(StateError) as caught:
        store.commit([PutIntent(intent("u1"))], 1)
    assert "could not tell" in text_of(caught.value)
    with pytest.raises(StateError) as caught:
        store.load()
    assert code_of(caught.value) == "SJ164"
    offline = opened.enter_context(open_in(clone, read_only=True, offline=True))
    assert (list(offline.load().settled), offline.load().intents) == (["before"], ())
    (tmp_path / "away.git").rename(remote)
    assert store.commit([PutIntent(intent("u1"))], 1) == 2


def test_offline_a_state_that_was_fetched_by_hand_is_read(tmp_path: Path, opened: ExitStack) -> None:
    store = opened.enter_context(open_in(make_clone(tmp_path, "a")))
    store.commit([PutEntry(entry("a"))], 0)
    fork = make_clone(tmp_path, "b")
    assert opened.enter_context(open_in(fork, read_only=True, offline=True)).load().is_empty
    git(fork, "fetch", "-q", "origin", f"{REF}:{REF}")
    make_remote(tmp_path).rename(tmp_path / "away.git")
    assert list(opened.enter_context(open_in(fork, read_only=True, offline=True)).load().settled) == ["a"]


def test_a_restore_leaves_what_it_brings_and_nothing_else(tmp_path: Path, opened: ExitStack) -> None:
    store, other = (opened.enter_context(open_in(make_clone(tmp_path, name))) for name in "ab")
    store.commit([PutEntry(entry(name)) for name in ("a", "b")], 0)
    lineage = store.load().header.lineage
    other.load()
    assert store.commit([Restore(lineage, 41), PutEntry(entry("c", job="job-a")), PutIntent(intent("u1"))], 1) == 42
    assert store.names() == ["c"]
    assert contents(other) == contents(store)


@pytest.mark.parametrize(
    ("err", "shown"),
    [
        ("fatal: no access to 'https://x:ghp_canary@h/r.git/': 403\n", "fatal: no access to 'https://h/r.git/': 403"),
        ("a\nfatal: could not read https://h/r?token=canary now\n", "fatal: could not read https://h/r now"),
        ("only this\n", "only this"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_git_says_is_shown_without_credentials(err: str, shown: str) -> None:
    assert telling(err) == shown
