"""Two projects in one repository: a state is that of one of them, and goes with it where it moves."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from sieve_jobs.errors import StateError
from sieve_jobs.state.git.store import GitStore
from sieve_jobs.state.writes import PutEntry
from tests.state.remote import REF, code_of, commit_file, git, make_clone, open_in, text_of
from tests.state.samples import entry

PINNED = {"lineage": "0123456789abcdef"}


def project(clone: Path, name: str) -> Path:
    folder = clone / name
    (folder / ".sieve-jobs").mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "sieve-jobs.toml").write_text("[targets.prod]\n")
    return folder


def begun(clone: Path, name: str, **options: object) -> Path:
    """A project whose state was written."""
    folder = project(clone, name)
    with open_in(folder, **options, new_state=True) as store:
        store.commit([PutEntry(entry("a"))], store.load().header.serial)
    return folder


def folder_of(clone: Path) -> object:
    return json.loads(git(clone.parent / "remote.git", "show", f"{REF}:head.json"))["folder"]


def refusal(store: GitStore) -> str:
    with pytest.raises(StateError) as caught:
        store.load()
    assert code_of(caught.value) == "SJ169"
    return text_of(caught.value)


@pytest.mark.parametrize("pinned", [pytest.param({}, id="without a lineage"), pytest.param(PINNED, id="copied config")])
@pytest.mark.parametrize(("first", "second"), [("a", "b/c"), ("", "b"), ("a", "")])
def test_a_state_of_another_project_is_neither_read_nor_written(
    tmp_path: Path, opened: ExitStack, pinned: dict[str, str], first: str, second: str
) -> None:
    clone = make_clone(tmp_path)
    ours = begun(clone, first, **pinned)
    theirs = project(clone, second)
    before = git(tmp_path / "remote.git", "rev-parse", REF)
    for read_only in (True, False):
        said = refusal(opened.enter_context(open_in(theirs, read_only=read_only, new_state=not read_only, **pinned)))
        shown = {"": "the top folder"}
        assert f"in {shown.get(first, repr(first))}, not to the one in {shown.get(second, repr(second))}" in said
        assert "[targets.NAME]" in said
    with pytest.raises(StateError):
        opened.enter_context(open_in(theirs, **pinned)).commit([PutEntry(entry("b"))], 0)
    assert git(tmp_path / "remote.git", "rev-parse", REF) == before
    assert opened.enter_context(open_in(ours, **pinned)).names() == ["a"]
    other = opened.enter_context(open_in(theirs, target="prod-b"))
    other.commit([PutEntry(entry("b"))], 0)
    assert list(other.load().settled) == ["b"]


def test_a_state_goes_with_a_project_that_moves(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path)
    old = begun(clone, "old", **PINNED)
    git(clone, "add", ".")
    new = project(clone, "new/place")
    said = refusal(opened.enter_context(open_in(new, **PINNED)))
    assert "if the project was moved here, remove it in 'old'" in said
    shutil.rmtree(old)
    refusal(opened.enter_context(open_in(new, **PINNED)))  # not here, as in a checkout of some folders, but in git
    git(clone, "add", "--all")
    said = refusal(opened.enter_context(open_in(new)))
    assert f'pin it: lineage = "{PINNED["lineage"]}"' in said
    moved = opened.enter_context(open_in(new, **PINNED))
    assert list(moved.load().settled) == ["a"]
    assert folder_of(clone) == "old"
    moved.commit([PutEntry(entry("b"))], 1)
    assert folder_of(clone) == "new/place"
    refusal(opened.enter_context(open_in(project(clone, "old"), **PINNED)))


def test_a_state_of_an_earlier_version_is_that_of_who_writes_it_next(tmp_path: Path, opened: ExitStack) -> None:
    clone = make_clone(tmp_path)
    begun(clone, "a")
    head = json.loads(git(clone, "show", f"{REF}:head.json"))
    del head["folder"]
    commit_file(clone, "head.json", json.dumps({**head, "format": 2}))
    theirs = opened.enter_context(open_in(project(make_clone(tmp_path, "later"), "b")))
    assert list(theirs.load().settled) == ["a"]
    theirs.commit([PutEntry(entry("b"))], 1)
    assert folder_of(clone) == "b"
    refusal(opened.enter_context(open_in(clone / "a")))
