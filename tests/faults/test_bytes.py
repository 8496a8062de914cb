"""Bytes of a spec file that are not the text they seem to be: refused with their offset, or read as what they are."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from sieve_jobs.spec.parse import ParseSettings, parse_file
from sieve_jobs.spec.variables import Variables
from tests.spec.loading import parse, where

HEAD = b"id: x\ndescription: a"
AT = len(HEAD)

READ = [
    pytest.param(b"\xef\xbb\xbf" + HEAD + b"\n", "a", id="byte-order-mark"),
    pytest.param(HEAD + b"\r\n", "a", id="line-ends-of-windows"),
    pytest.param(HEAD + b"\n\r\n", "a", id="line-ends-of-both"),
    pytest.param(HEAD, "a", id="no-line-end"),
    pytest.param(HEAD + b"\tb\n", "a\tb", id="a-tab-inside-a-text"),
    pytest.param(HEAD + b"\t# note\n", "a", id="a-tab-before-a-comment"),
    pytest.param(HEAD + b"\xc2\xa0\n", "a\xa0", id="a-space-that-does-not-break"),
    pytest.param(HEAD + "é".encode() + b"\n", "aé", id="two-bytes"),
    pytest.param(HEAD + "\ud55c".encode() + b"\n", "a\ud55c", id="three-bytes"),
    pytest.param(HEAD + "\U0001f600".encode() + b"\n", "a\U0001f600", id="four-bytes"),
    pytest.param(HEAD + "\U0010ffff".encode() + b"\n", "a\U0010ffff", id="the-last-character"),
    pytest.param(HEAD + "\ufeff".encode() + b"\n", "a\ufeff", id="a-mark-inside"),
    pytest.param(HEAD + "\u202e".encode() + b"\n", "a\u202e", id="a-turn-of-direction-is-data"),
    pytest.param(HEAD + "\ufffd".encode() + b"\n", "a\ufffd", id="the-character-for-none"),
]

REFUSED = [
    # bytes behind the head, and how far behind its end the bad one lies
    *[pytest.param(bytes([byte]), 0, id=f"control-{byte:02x}") for byte in (0, 1, 7, 8, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F)],
    pytest.param(b"b\rc", 1, id="lone-cr"),
    pytest.param(b"\r", 0, id="cr-at-the-end"),
    pytest.param(b"\r\r\n", 0, id="cr-twice"),
    pytest.param("\x80".encode(), 0, id="first-of-c1"),
    pytest.param("\x85".encode(), 0, id="next-line"),
    pytest.param("\x9b[2J".encode(), 0, id="control-sequence-of-c1"),
    pytest.param("\u2028".encode(), 0, id="line-separator"),
    pytest.param("é\u2029".encode(), 2, id="paragraph-separator"),
    pytest.param("\ufffe".encode(), 0, id="a-mark-turned-round"),
    pytest.param("\uffff".encode(), 0, id="no-character"),
    pytest.param(b"\xff", 0, id="ff"),
    pytest.param(b"\xc3", 0, id="half-a-character"),
    pytest.param(b"b\xe2\x80", 1, id="two-thirds-of-one"),
    pytest.param(b"\x80", 0, id="a-second-byte-alone"),
    pytest.param(b"\xc0\x80", 0, id="overlong-nul"),
    pytest.param(b"\xc0\xaf", 0, id="overlong-slash"),
    pytest.param(b"\xe0\x80\xaf", 0, id="overlong-in-three"),
    pytest.param(b"\xed\xa0\x80", 0, id="high-surrogate"),
    pytest.param(b"\xed\xb2\x80", 0, id="low-surrogate"),
    pytest.param(b"\xed\xa0\xbd\xed\xb8\x80", 0, id="a-pair-as-in-cesu"),
    pytest.param(b"\xf4\x90\x80\x80", 0, id="beyond-the-last"),
    pytest.param(b"\xf8\x88\x80\x80\x80", 0, id="five-bytes"),
    pytest.param("ü".encode("latin-1") + b"b", 0, id="latin-1"),
    pytest.param("„".encode("cp1252"), 0, id="windows-1252"),
    pytest.param("日".encode("shift-jis"), 0, id="shift-jis"),
    pytest.param(b"\x1f\x8b\x08", 1, id="gzip"),
]

ENCODED = [
    pytest.param("utf-16", 0, id="utf-16"),
    pytest.param("utf-16-le", 1, id="utf-16-le-without-mark"),
    pytest.param("utf-16-be", 0, id="utf-16-be-without-mark"),
    pytest.param("utf-32", 0, id="utf-32"),
    pytest.param("utf-32-be", 0, id="utf-32-be-without-mark"),
]


def offset(root: Path, content: bytes) -> int:
    (problem,) = parse(root, content).problems
    assert problem.code == "SJ107"
    found = re.search(r"\bbyte (\d+)\b", problem.message)
    assert found, problem.message
    assert problem.place is not None
    before = content[: int(found[1])].decode(errors="replace")
    assert problem.place.line == before.count("\n") + 1
    return int(found[1])


@pytest.mark.parametrize(("content", "text"), READ)
def test_what_is_text_is_read(tmp_path: Path, content: bytes, text: str) -> None:
    (detail,) = parse(tmp_path, content).details
    assert detail.spec.description == text


@pytest.mark.parametrize(("content", "at"), REFUSED)
def test_what_is_none_is_refused_by_its_byte(tmp_path: Path, content: bytes, at: int) -> None:
    assert offset(tmp_path, HEAD + content) == AT + at
    if content != b"\r":  # then it is a line's end
        assert offset(tmp_path, HEAD + content + b"\n") == AT + at
    assert offset(tmp_path, "# é\n".encode() + HEAD + content) == AT + at + 5


@pytest.mark.parametrize(("encoding", "at"), ENCODED)
def test_other_encodings_are_refused(tmp_path: Path, encoding: str, at: int) -> None:
    assert offset(tmp_path, HEAD.decode().encode(encoding)) == at


def test_tabs_as_indentation_are_refused_where_they_stand(tmp_path: Path) -> None:
    for content, place in ((b"id: x\nenv:\n\tA: b\n", (3, 1)), (b"id: x\ninputs:\n  - a\n\t- b\n", (4, 1))):
        assert [where(problem) for problem in parse(tmp_path, content).problems] == [("SJ100", *place)]


def parse_there(root: Path, path: str) -> list[str]:
    """The codes of what is told of a file that lies where *path* says."""
    settings = ParseSettings(root, Variables(environ={}))
    return [problem.code for problem in parse_file(path, "x.yaml", "x", settings, lambda path, stamp: None).problems]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param("/dev/zero", "SJ103", id="zero"),
        pytest.param("/dev/full", "SJ103", id="full"),
        pytest.param("/proc", "SJ103", id="folder"),
        pytest.param("/proc/self/mem", "SJ111", id="memory"),
        pytest.param("/proc/self/environ", None, id="of-no-size"),
    ],
)
def test_devices_and_files_of_the_system_are_never_read_on(tmp_path: Path, path: str, code: str | None) -> None:
    """By their own names, past the rule that a spec lies in the project; None where it depends on the machine."""
    found = parse_there(tmp_path, path)
    assert found
    assert code in (None, *found)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a device")
@pytest.mark.parametrize(("major", "minor"), [(1, 5), (1, 8)], ids=["zero", "random"])
def test_a_device_inside_the_project_is_not_read(tmp_path: Path, major: int, minor: int) -> None:
    try:
        os.mknod(tmp_path / "spec.yaml", 0o600 | 0o020000, os.makedev(major, minor))
    except PermissionError:
        pytest.skip("no device may be made here")
    assert parse_there(tmp_path, str(tmp_path / "spec.yaml")) == ["SJ103"]
