"""Local files as inputs: found beneath the project, hashed once, sent unchanged or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from sieve_jobs.errors import InvalidError
from sieve_jobs.spec.files import LocalFileError, file_url, read_local_file
from sieve_jobs.spec.request import masked_body, push_body
from sieve_jobs.spec.variables import Variables
from tests.project import write
from tests.spec.loading import detail, problems


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = (tmp_path / "project").resolve()
    write(root, {"clips/a b.mp4": "clip a", "clips/ü.mp4": "clip u", "secret": "x", "jobspecs/here.mp4": "here"})
    write(tmp_path, {"outside.mp4": "outside"})
    return root


def read(root: Path, shown: str) -> str:
    file = read_local_file(shown, beside=root / "jobspecs", root=root, known=lambda path, stamp: None)
    return f"{file.path.relative_to(root)} {file.size} {file.sha256[:8]}"


@pytest.mark.parametrize(
    ("shown", "path", "content"),
    [
        pytest.param("here.mp4", "jobspecs/here.mp4", "here", id="beside-the-spec"),
        pytest.param("../clips/a b.mp4", "clips/a b.mp4", "clip a", id="up-and-down"),
        pytest.param("./../clips/../clips/ü.mp4", "clips/ü.mp4", "clip u", id="detours"),
        pytest.param("linked.mp4", "clips/ü.mp4", "clip u", id="link-within"),
        pytest.param("folder/ü.mp4", "clips/ü.mp4", "clip u", id="folder-link-within"),
    ],
)
def test_what_is_read(root: Path, shown: str, path: str, content: str) -> None:
    (root / "jobspecs/linked.mp4").symlink_to("../clips/ü.mp4")
    (root / "jobspecs/folder").symlink_to("../clips")
    assert read(root, shown) == f"{path} {len(content)} {sha256(content)[:8]}"


def test_an_absolute_path_within_the_project(root: Path) -> None:
    assert read(root, str(root / "clips/ü.mp4")).startswith("clips/ü.mp4 6 ")


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        pytest.param("../../outside.mp4", "SJ206", id="above"),
        pytest.param("/etc/passwd", "SJ206", id="absolute"),
        pytest.param("out.mp4", "SJ206", id="link-out"),
        pytest.param("outer/outside.mp4", "SJ206", id="folder-link-out"),
        pytest.param("outer/project/clips/../../outside.mp4", "SJ206", id="out-and-in-and-out"),
        pytest.param("nowhere.mp4", "SJ205", id="missing"),
        pytest.param("here.mp4/x", "SJ205", id="below-a-file"),
        pytest.param("loop.mp4", "SJ205", id="loop"),
        pytest.param("..", "SJ205", id="the-root"),
        pytest.param("../clips", "SJ205", id="folder"),
        pytest.param("pipe", "SJ205", id="fifo"),
        pytest.param("", "SJ205", id="empty"),
        pytest.param("a\0b", "SJ205", id="nul"),
        pytest.param("x" * 5000, "SJ205", id="long"),
    ],
)
def test_what_is_not_read(root: Path, shown: str, code: str) -> None:
    (root / "jobspecs/out.mp4").symlink_to("../../outside.mp4")
    (root / "jobspecs/outer").symlink_to("../..")
    (root / "jobspecs/loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(root / "jobspecs/pipe")
    with pytest.raises(LocalFileError) as caught:
        read(root, shown)
    assert caught.value.code == code
    assert len(caught.value.message) < 200


def test_a_project_beside_one_with_a_longer_name(root: Path, tmp_path: Path) -> None:
    write(tmp_path, {"project2/clip": "x"})
    with pytest.raises(LocalFileError, match="outside"):
        read(root, "../../project2/clip")


def test_a_folder_swapped_for_a_link_is_not_followed_out(root: Path, tmp_path: Path) -> None:
    """Whoever swaps a folder for a link between two looks never gets the outer file's hash."""
    write(tmp_path, {"outer/clip": "outer"})
    write(root, {"swapped/clip": "inner"})
    folder, aside, link = root / "swapped", root / "aside", root / "link"
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            link.symlink_to("../outer")
            folder.rename(aside)
            link.rename(folder)
            folder.unlink()
            aside.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    found: set[str] = set()
    try:
        for _ in range(3000):
            try:
                file = read_local_file("../swapped/clip", beside=root / "jobspecs", root=root, known=lambda p, s: None)
                found.add(file.sha256)
            except LocalFileError as error:
                found.add(error.code)
    finally:
        ended.set()
        thread.join()
    assert found <= {sha256("inner"), "SJ205", "SJ206"}
    assert sha256("inner") in found


def test_a_known_hash_is_taken_only_for_the_same_stamp(root: Path) -> None:
    asked = []
    for answer in ("known", None):
        file = read_local_file(
            "here.mp4", beside=root / "jobspecs", root=root,
            known=lambda path, stamp, answer=answer: asked.append((path, stamp)) or answer,
        )  # fmt: skip
        assert file.sha256 == (answer or sha256("here"))
        assert asked[-1] == (str(root / "jobspecs/here.mp4"), file.stamp)


def test_the_url_the_engine_reads(root: Path) -> None:
    file = read_local_file("../clips/a b.mp4", beside=root / "jobspecs", root=root, known=lambda p, s: None)
    assert file_url(file) == (root / "clips/a b.mp4").as_uri()
    assert "a%20b.mp4" in file_url(file)
    for change in (lambda: (root / "clips/a b.mp4").write_text("other!"), (root / "clips/a b.mp4").unlink):
        change()
        with pytest.raises(InvalidError) as caught:
            file_url(file)
        assert [problem.code for problem in caught.value.diagnostics] == ["SJ110"]


def test_files_in_a_spec(root: Path) -> None:
    text = """\
function: a/b
inputs:
  one: {file: jobspecs/here.mp4}
  list: [{file: "${DIR}/a b.mp4"}, {file: x, more: 1}]
  data: {$file: {file: jobspecs/here.mp4}}
  file: text
"""
    spec = detail(root, text, variables=Variables(environ={"DIR": "clips"})).spec
    assert {pointer: file.shown for pointer, file in spec.files.items()} == {
        ("inputs", "one"): "jobspecs/here.mp4", ("inputs", "list", 0): "clips/a b.mp4",
        ("inputs", "data", "file"): "jobspecs/here.mp4",
    }  # fmt: skip
    here = {"url": (root / "jobspecs/here.mp4").as_uri()}
    assert push_body(spec, file_url=file_url)["inputs"] == {
        "one": here, "list": [{"url": (root / "clips/a b.mp4").as_uri()}, {"file": "x", "more": 1}],
        "data": {"file": here}, "file": "text",
    }  # fmt: skip
    assert masked_body(spec)["inputs"] == {
        "one": {"url": "jobspecs/here.mp4"}, "list": [{"url": "clips/a b.mp4"}, {"file": "x", "more": 1}],
        "data": {"file": {"url": "jobspecs/here.mp4"}}, "file": "text",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "sent"),
    [
        pytest.param("{file: jobspecs/here.mp4}", {"file": "jobspecs/here.mp4"}, id="a-parameter-named-file"),
        pytest.param("{$file: x}", {"$file": "x"}, id="a-parameter-named-$file"),
        pytest.param("{a: {$file: x}}", {"a": {"file": "x"}}, id="data"),
        pytest.param("{a: {$file: {$file: x}}}", {"a": {"file": {"file": "x"}}}, id="data-in-data"),
        pytest.param("[{$file: x}]", [{"file": "x"}], id="positional"),
    ],
)
def test_data_that_looks_like_a_file(root: Path, inputs: str, sent: object) -> None:
    assert push_body(detail(root, f"function: a/b\ninputs: {inputs}\n").spec, file_url=file_url)["inputs"] == sent


def test_a_remote_target_takes_none_yet(root: Path) -> None:
    text = "function: a/b\ninputs: {a: {file: secret}, b: {file: nowhere}}\n"
    assert problems(root, text, local=False, sources=None) == [("SJ203", 2, 20), ("SJ203", 2, 39)]
