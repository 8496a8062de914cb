"""The git store: the contract on a real remote, and what is its own: races, lost answers, what travels, leases."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from sieve_jobs.errors import GuardedError, LockedError, SieveJobsError, StateError
from sieve_jobs.state.git.command import telling
from sieve_jobs.state.git.store import GitStore
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import DropEntry, JobStatus, PutEntry, PutIntent, Restore
from sieve_jobs.wire import Status
from tests.state.contract import StoreContract
from tests.state.remote import REF, copy_of, git, install_hook, make_clone, make_remote, open_in, tip
from tests.state.samples import NOON, OWNER, entry, everything, intent
from tests.state.test_sqlite import contents


class TestGitStore(StoreContract):
    def open(self, folder: Path) -> Store:
        return open_in(make_clone(folder))


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def code_of(error: SieveJobsError) -> str:
    return error.diagnostics[0].code


def text_of(error: SieveJobsError) -> str:
    return f"{error.diagnostics[0].message} {error.diagnostics[0].hint}"


def test_a_clone_reads_all_that_another_wrote(tmp_path: Path, opened: ExitStack) -> None:
    ours = opened.enter_context(open_in(make_clone(tmp_path, "a")))
    ours.commit(everything(), ours.load().header.serial)
    theirs = opened.enter_context(open_in(make_clone(tmp_path, "b"), read_only=True))
    assert contents(theirs) == contents(ours)
    ours.commit([DropEntry("dub-intro"), PutEntry(entry("later", orphaned=True))], 1)
    assert contents(theirs) == contents(ours)
    assert theirs.place == f"git {REF} on origin"


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
    other = opened.enter_context(open_in(make_clone(tmp_path, "b")))
    clone = make_clone(tmp_path, "a")
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("job", status=Status.PROCESSING))], 0)
    other.load()
    remote = make_remote(tmp_path)
    marker = tmp_path / "hooked"
    script = f'[ "$1" = committed ] && [ ! -e {marker} ] && touch {marker} && kill -9 $PPID; exit 0'
    install_hook(remote, "reference-transaction", script)
    looked: list[str] = []
    find_tip = store._swap._repository.tip

    def meanwhile() -> str | None:
        if not looked:
            looked.append("")
            other.load()
            other.commit([JobStatus("job-job", Status.FINISHED)], None)
        return find_tip()

    store._swap._repository.tip = meanwhile  # type: ignore[method-assign]
    assert store.commit([PutIntent(intent("u1"))], 1) == 2
    assert sorted(store.load().settled) == ["job"]
    assert len(store.load().intents) == 1


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


def test_an_older_state_than_was_seen_is_refused(tmp_path: Path, opened: ExitStack) -> None:
    clone, remote = make_clone(tmp_path), make_remote(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    older = tip(remote)
    store.commit([PutEntry(entry("b"))], 1)
    git(remote, "update-ref", REF, older)
    for read_only in (False, True):
        with pytest.raises(StateError) as caught:
            opened.enter_context(open_in(clone, read_only=read_only)).load()
        assert code_of(caught.value) == "SJ162"
        assert "serial 1, but serial 2" in text_of(caught.value)
    for left in copy_of(clone).parent.glob("prod.copy.db*"):
        if not left.name.endswith("-serial"):
            left.unlink()
    with pytest.raises(StateError, match="serial 2 was seen"):
        opened.enter_context(open_in(clone)).load()
    copy_of(clone).with_name("prod.copy.db-serial").unlink()
    assert opened.enter_context(open_in(clone)).load().header.serial == 1


def test_a_state_that_is_gone_is_refused_and_can_be_put_back(tmp_path: Path, opened: ExitStack) -> None:
    clone, remote = make_clone(tmp_path), make_remote(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    git(remote, "update-ref", "-d", REF)
    with pytest.raises(StateError) as caught:
        store.load()
    assert code_of(caught.value) == "SJ162"
    assert f"git push origin {REF}" in text_of(caught.value)
    with pytest.raises(SieveJobsError):
        store.commit([PutIntent(intent("u1"))], 1)
    git(clone, "push", "-q", "origin", f"{git(clone, 'rev-parse', f'{REF}^')}:{REF}")  # what was tried last is on top
    assert list(store.load().settled) == ["a"]


def test_another_lineage_is_refused(tmp_path: Path, opened: ExitStack) -> None:
    clone, remote = make_clone(tmp_path), make_remote(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    with pytest.raises(StateError) as caught:
        opened.enter_context(open_in(make_clone(tmp_path, "pinned"), lineage="another1")).load()
    assert code_of(caught.value) == "SJ163"
    assert "the config says 'another1'" in text_of(caught.value)
    git(remote, "update-ref", "-d", REF)
    other = opened.enter_context(open_in(make_clone(tmp_path, "b")))
    other.commit([PutEntry(entry(str(number))) for number in range(3)], 0)
    with pytest.raises(StateError) as caught:
        store.load()
    assert code_of(caught.value) == "SJ163"


def test_a_missing_state_that_the_config_names_is_refused_until_it_is_meant(tmp_path: Path, opened: ExitStack) -> None:
    with pytest.raises(GuardedError) as caught:
        opened.enter_context(open_in(make_clone(tmp_path, "a"), lineage="lineage-1")).load()
    assert code_of(caught.value) == "SJ155"
    assert "state adopt" in text_of(caught.value)
    assert "--new-state" in text_of(caught.value)
    assert opened.enter_context(open_in(make_clone(tmp_path, "b"), lineage="lineage-1", read_only=True)).load().is_empty
    made = opened.enter_context(open_in(make_clone(tmp_path, "a"), lineage="lineage-1", new_state=True))
    assert made.load().header.lineage == "lineage-1"
    made.commit([PutEntry(entry("a"))], 0)
    again = opened.enter_context(open_in(make_clone(tmp_path, "b"), lineage="lineage-1"))
    assert (again.load().header.lineage, again.names()) == ("lineage-1", ["a"])


def test_a_newer_format_is_not_read(tmp_path: Path, opened: ExitStack) -> None:
    rewrite_head(tmp_path, opened, lambda head: {"format": 2, "tool": "9.9", "what": head["lineage"]})
    with pytest.raises(StateError) as caught:
        opened.enter_context(open_in(make_clone(tmp_path, "b"))).load()
    assert code_of(caught.value) == "SJ154"
    assert "9.9" in text_of(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda head: {**head, "serial": "1"}, id="serial of the wrong kind"),
        pytest.param(lambda head: {**head, "extra": 1}, id="unknown key"),
        pytest.param(lambda head: {key: head[key] for key in head if key != "lineage"}, id="no lineage"),
        pytest.param(lambda head: [head], id="a list"),
        pytest.param(lambda head: {**head, "lease": {}}, id="empty lease"),
        pytest.param(lambda head: {**head, "intents": [{"uuid": "u"}]}, id="half an intent"),
    ],
)
def test_a_head_that_is_none_is_refused(tmp_path: Path, opened: ExitStack, damage: object) -> None:
    rewrite_head(tmp_path, opened, damage)
    with pytest.raises(StateError) as caught:
        opened.enter_context(open_in(make_clone(tmp_path, "b"))).load()
    assert code_of(caught.value) == "SJ153"


def rewrite_head(tmp_path: Path, opened: ExitStack, change: object) -> None:
    clone = make_clone(tmp_path, "a")
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    head = json.loads(git(clone, "show", f"{REF}:head.json"))
    commit_file(clone, "head.json", json.dumps(change(head)))  # type: ignore[operator]


def commit_file(clone: Path, path: str, text: str) -> None:
    """Puts a file into the state as nobody should."""
    stream = f"commit refs/heads/x\ncommitter a <a@b> 0 +0000\ndata 0\nfrom {git(clone, 'rev-parse', REF)}\n"
    stream += f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n"
    subprocess.run(["git", "fast-import", "--quiet"], input=stream.encode(), cwd=clone, check=True)
    git(clone, "push", "-q", "origin", f"refs/heads/x:{REF}")


def test_a_shard_with_anothers_entry_is_refused(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path, "a")
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    (path,) = [line for line in git(clone, "ls-tree", "-r", "--name-only", REF).split() if line.startswith("entries/")]
    commit_file(clone, "entries/00/000.jsonl", git(clone, "show", f"{REF}:{path}") + "\n")
    with pytest.raises(StateError) as caught:
        opened.enter_context(open_in(make_clone(tmp_path, "b"))).load()
    assert "another shard" in text_of(caught.value)
    with pytest.raises(StateError):
        store.load()
    assert store.names() == ["a"]


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
        store.commit([PutEntry(entry(f"spec-{number}")) for number in range(3000)], 0)
    copy_of(second).write_bytes(copy_of(first).read_bytes())
    store = opened.enter_context(open_in(second))
    assert store.load().header.serial == 1
    store.commit([PutEntry(entry("spec-1", job="new"))], 1)
    assert len(opened.enter_context(open_in(make_clone(tmp_path, "c"))).load().settled) == 3000


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


def test_what_did_not_change_does_not_travel(tmp_path: Path, opened: ExitStack) -> None:
    """One entry among 5,000: its shard, the trees above it and the head."""
    clone, remote = make_clone(tmp_path), make_remote(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry(f"spec-{number}")) for number in range(5000)], 0)
    before = tip(remote)
    store.commit([PutEntry(entry("spec-7", job="job-new")), PutIntent(intent("u1"))], 1)
    sent = git(remote, "rev-list", "--objects", f"{before}..{tip(remote)}").splitlines()
    assert len(sent) == 6, sent
    sizes = [int(git(remote, "cat-file", "-s", line.split()[0])) for line in sent]
    assert sum(sizes) < 20_000
    assert len(opened.enter_context(open_in(make_clone(tmp_path, "b"))).load().settled) == 5000


def test_history_is_cut_and_other_clones_follow(tmp_path: Path, opened: ExitStack) -> None:
    store, other = (opened.enter_context(open_in(make_clone(tmp_path, name), history=4)) for name in "ab")
    remote = make_remote(tmp_path)
    store.commit([PutEntry(entry(f"spec-{number}")) for number in range(300)], 0)
    longest = 0
    for serial in range(1, 14):
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


class TestLease:
    """Who holds it, who waits, who takes over."""

    @pytest.fixture
    def stores(self, tmp_path: Path, opened: ExitStack) -> tuple[GitStore, GitStore]:
        self.at, self.ticks = NOON, 0.0

        def sleep(seconds: float) -> None:
            self.at += timedelta(seconds=seconds)
            self.ticks += seconds

        options = {"now": lambda: self.at, "clock": lambda: self.ticks, "sleep": sleep}
        ours, theirs = (opened.enter_context(open_in(make_clone(tmp_path, name), **options)) for name in "ab")
        return ours, theirs

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds

    def test_it_is_taken_with_the_first_commit_and_given_back(
        self, tmp_path: Path, stores: tuple[GitStore, GitStore]
    ) -> None:
        ours, theirs = stores
        ours.commit([PutEntry(entry("a"))], 0)
        before = tip(make_remote(tmp_path))
        with ours.lease(OWNER, timeout=0.0):
            assert tip(make_remote(tmp_path)) == before
            with theirs.lease(OWNER, timeout=0.0):
                pass
        assert tip(make_remote(tmp_path)) == before
        with ours.lease(OWNER, timeout=0.0):
            ours.commit([PutEntry(entry("b"))], 1)
            with pytest.raises(LockedError) as caught, theirs.lease(OWNER, timeout=0.0):
                pass
            assert code_of(caught.value) == "SJ151"
            for fact in ("ann", "build-7", "4711", "apply --target prod", "2026-11-23 12:00:00Z"):
                assert fact in text_of(caught.value)
        with theirs.lease(OWNER, timeout=0.0):
            theirs.commit([PutEntry(entry("c"))], theirs.load().header.serial)

    def test_a_dead_holders_lease_is_taken_over_and_fences_it_off(self, stores: tuple[GitStore, GitStore]) -> None:
        ours, theirs = stores
        with ours.lease(OWNER, timeout=0.0):
            ours.commit([PutIntent(intent("u1"))], 0)
            with theirs.lease(OWNER, timeout=80.0):
                assert self.ticks >= 70.0
                serial = theirs.load().header.serial
                assert len(theirs.load().intents) == 1
                theirs.commit([JobStatus("nobody", Status.FINISHED)], None)
                theirs.commit([PutEntry(entry("theirs"))], serial)
                with pytest.raises(LockedError) as caught:
                    ours.commit([PutIntent(intent("u2"))], 1)
            with pytest.raises(LockedError) as caught:
                ours.commit([PutIntent(intent("u2"))], theirs.load().header.serial)
            assert code_of(caught.value) == "SJ151"
        assert [found.uuid for found in theirs.load().intents] == ["u1"]

    def test_a_holder_whose_clock_runs_ahead_does_not_hold_for_ever(self, stores: tuple[GitStore, GitStore]) -> None:
        ours, theirs = stores
        self.at += timedelta(days=700)
        with ours.lease(OWNER, timeout=0.0):
            ours.commit([PutIntent(intent("u1"))], 0)
            self.at -= timedelta(days=700)
            with pytest.raises(LockedError), theirs.lease(OWNER, timeout=30.0):
                pass
            with theirs.lease(OWNER, timeout=80.0):
                pass

    def test_the_same_folder_takes_over_at_once(self, tmp_path: Path, stores: tuple[GitStore, GitStore]) -> None:
        ours, _ = stores
        with ours.lease(OWNER, timeout=0.0):
            ours.commit([PutIntent(intent("u1"))], 0)
            with open_in(make_clone(tmp_path, "a"), now=lambda: self.at) as again, again.lease(OWNER, timeout=0.0):
                again.commit([PutEntry(entry("a"))], 1)

    def test_it_is_renewed_while_nothing_is_written(self, tmp_path: Path, opened: ExitStack) -> None:
        store = opened.enter_context(open_in(make_clone(tmp_path), lease=0.3))
        remote = make_remote(tmp_path)
        with store.lease(OWNER, timeout=0.0):
            store.commit([PutIntent(intent("u1"))], 0)
            seen = {tip(remote)}
            for _ in range(5000):
                seen.add(tip(remote))
                if len(seen) == 3:
                    break
        assert len(seen) == 3
        assert store.load().header.serial == 1
        assert json.loads(git(remote, "show", f"{REF}:head.json"))["lease"] is None
