"""What lies on the disk of saved outputs, and whether an earlier job's are still there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sieve_jobs.push.disk import NotSavedError, are_there, folder_of, is_kept
from sieve_jobs.state.entry import Saved, SavedFile
from sieve_jobs.state.loaded import SavedOutputs
from sieve_jobs.state.place import ensure_place, missing, read_place


def file(path: str, text: str = "x") -> SavedFile:
    return SavedFile(path, len(text), hashlib.sha256(text.encode()).hexdigest())


def saved(*files: SavedFile, place: str = "here", complete: bool = True) -> Saved:
    return Saved("out/{index}", place, files, complete)


@pytest.mark.parametrize(
    ("found", "there"),
    [
        pytest.param("x", True, id="as saved"),
        pytest.param("y", False, id="another content"),
        pytest.param("xx", False, id="another size"),
        pytest.param(None, False, id="missing"),
    ],
)
def test_are_there(tmp_path: Path, found: str | None, there: bool) -> None:
    if found is not None:
        (tmp_path / "0").write_text(found)
    assert are_there([file("0")], tmp_path) is there


@pytest.mark.parametrize(
    ("earlier", "since", "kept"),
    [
        pytest.param(None, None, False, id="never saved"),
        pytest.param(saved(file("0"), complete=False), None, True, id="here, and its run died before it said so"),
        pytest.param(saved(file("0"), file("1"), complete=False), None, False, id="here in part"),
        pytest.param(saved(file("0"), complete=False, place="ci"), None, False, id="where a run died"),
        pytest.param(saved(complete=False), None, False, id="begun"),
        pytest.param(saved(file("0")), None, True, id="here"),
        pytest.param(saved(file("0"), file("1")), None, False, id="one is missing here"),
        pytest.param(saved(file("1"), place="ci"), None, True, id="elsewhere"),
        pytest.param(
            saved(file("1"), place="ci"), saved(file("2"), place="ci"), True, id="elsewhere, and others since"
        ),
        pytest.param(saved(file("1"), place="ci"), saved(file("1", "new")), False, id="elsewhere, and replaced since"),
        pytest.param(saved(), None, True, id="there was nothing to save"),
    ],
)
def test_is_kept(tmp_path: Path, earlier: Saved | None, since: Saved | None, kept: bool) -> None:
    (tmp_path / "0").write_text("x")
    assert is_kept(earlier, "here", tmp_path, since) is kept


@pytest.mark.parametrize("link", ["..", ".git", ".sieve-jobs/engine"])
def test_a_link_leads_neither_out_nor_into_what_is_ours(tmp_path: Path, link: str) -> None:
    root = tmp_path / "p"
    (root / ".git").mkdir(parents=True)
    (root / ".sieve-jobs/engine").mkdir(parents=True)
    (root / "out").symlink_to(link)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotSavedError, match="leads out of the project"):
        folder_of(root, "out/intro")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_within_the_project_is_followed(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "out").symlink_to("big")
    assert folder_of(tmp_path, "out/intro") == (tmp_path / "big/intro").resolve()


def test_only_what_this_folder_saved_is_missed(tmp_path: Path) -> None:
    (tmp_path / "0").touch()
    columns = SavedOutputs(["0", "1", "2", "3"], ["here", "here", "ci", "here"], ["a", "b", "c", "b"])
    assert missing(tmp_path, "here", columns) == {"b"}
    assert missing(tmp_path, "", columns) == frozenset()


def test_a_folder_has_an_id_of_its_own_once_it_saves(tmp_path: Path) -> None:
    assert read_place(tmp_path) == ""
    made = ensure_place(tmp_path)
    assert (len(made), read_place(tmp_path), ensure_place(tmp_path)) == (32, made, made)
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
