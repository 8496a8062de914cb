"""A state on git that is not the one meant: older, gone, another's, of a newer format, damaged."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from sieve_jobs.errors import GuardedError, SieveJobsError, StateError
from sieve_jobs.state.git.repository import Repository
from sieve_jobs.state.snapshot import FORMAT
from sieve_jobs.state.writes import PutEntry, PutIntent
from tests.state.remote import (
    REF,
    code_of,
    commit_file,
    copy_of,
    git,
    install_hook,
    make_clone,
    make_remote,
    open_in,
    text_of,
    tip,
)
from tests.state.samples import entry, intent


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
    git(clone, "push", "-q", "origin", REF)  # what was tried meanwhile is not in it
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


def back(clone: Path, error: SieveJobsError) -> None:
    """Does what *error* says in *clone*."""
    command = str(error.diagnostics[0].hint).split("'git ")[1].split("'")[0]
    git(clone, *command.split())


def test_a_clone_that_refuses_a_state_can_put_its_own_back(tmp_path: Path, opened: ExitStack) -> None:
    clone, remote = make_clone(tmp_path), make_remote(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    first = tip(remote)
    store.commit([PutEntry(entry("b"))], 1)
    newest = tip(remote)
    git(remote, "update-ref", REF, first)
    for _ in range(2):
        with pytest.raises(StateError) as caught:
            opened.enter_context(open_in(clone, read_only=True)).load()
        assert code_of(caught.value) == "SJ162"
    back(clone, caught.value)
    assert (tip(remote), store.names()) == (newest, ["a", "b"])
    git(remote, "update-ref", "-d", REF)
    opened.enter_context(open_in(make_clone(tmp_path, "b"))).commit([PutEntry(entry("c"))], 0)
    with pytest.raises(StateError) as caught:
        store.load()
    assert code_of(caught.value) == "SJ163"
    back(clone, caught.value)
    assert (tip(remote), list(store.load().settled)) == (newest, ["a", "b"])


def test_a_commit_that_was_not_taken_is_not_what_a_clone_puts_back(tmp_path: Path, opened: ExitStack) -> None:
    clone, remote = make_clone(tmp_path), make_remote(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a"))], 0)
    hook = install_hook(remote, "pre-receive", "exit 1")
    with pytest.raises(StateError):
        store.commit([PutIntent(intent("u1"))], 1)
    hook.unlink()
    assert git(clone, "rev-parse", REF) == tip(remote)


def test_what_is_there_by_now_is_fetched(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path, "a")
    opened.enter_context(open_in(clone)).commit([PutEntry(entry("a"))], 0)
    behind = Repository(make_clone(tmp_path, "b"), os.environ, REF)
    assert behind.fetch("1" * 40) == tip(make_remote(tmp_path))
    assert behind.local() is None


def test_a_newer_format_is_not_read(tmp_path: Path, opened: ExitStack) -> None:
    rewrite_head(tmp_path, opened, lambda head: {"format": FORMAT + 1, "tool": "9.9", "what": head["lineage"]})
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


def test_a_shard_with_a_path_that_leads_out_is_damage(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path)
    store = opened.enter_context(open_in(clone))
    store.commit([PutEntry(entry("a", save="out/{index}"))], 0)
    (path,) = [line for line in git(clone, "ls-tree", "-r", "--name-only", REF).split() if line.startswith("entries/")]
    commit_file(clone, path, git(clone, "show", f"{REF}:{path}").replace("out/{index}", "../{index}") + "\n")
    with pytest.raises(StateError) as caught:
        opened.enter_context(open_in(make_clone(tmp_path, "b"))).load()
    assert code_of(caught.value) == "SJ153"
    assert f"{path}:1.save: expected a path below the project's root" in text_of(caught.value)
