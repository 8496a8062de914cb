"""Files made to hurt end in an error: no crash, not above 256 MiB, not for long, and few words."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.spec.parse import ParseSettings, parse_file
from sieve_jobs.spec.reading import MAX_FINDINGS
from sieve_jobs.spec.variables import Variables
from tests.project import REPOSITORY, run_program
from tests.spec.hostile import CASES, MEBI, cases

BOMBS = {"alias-bomb", "merge-bomb", "text-bomb", "key-bomb", "template-bomb", "cycle"}


@pytest.mark.parametrize("part", [pytest.param(1, marks=pytest.mark.soak), 32])
def test_hostile_files(tmp_path: Path, part: int) -> None:
    """What a process with 256 MiB of data and 60 s of processor time says of each file; one process for all.

    Files that are nothing but many values hold that *part* of as many as may be.
    """
    ran = run_program([sys.executable, "-m", "tests.spec.hostile", str(tmp_path), str(part)], REPOSITORY)
    assert (ran.code, ran.err) == (0, "")
    told = {row["name"]: row for row in map(json.loads, ran.out.splitlines())}
    first = {name: (row["codes"][:1], row["specs"]) for name, row in told.items()}
    expected = {name: CASES[name][1] for name in cases(part)}
    assert first == {name: ([code], 0) if code else ([], 1) for name, code in expected.items()}
    assert {name: len(row["codes"]) for name, row in told.items() if len(row["codes"]) > MAX_FINDINGS + 1} == {}
    assert {name: row["shown"] for name, row in told.items() if row["shown"] >= 50_000} == {}
    # What is cut off is said.
    assert told["unknown-keys"]["codes"] == ["SJ201"] * MAX_FINDINGS + ["SJ112"]
    assert told["documents"]["codes"] == ["SJ200"] * MAX_FINDINGS + ["SJ112"]
    # A bomb is stopped while it is small, whatever it would have become.
    assert {name: row["grown"] for name, row in told.items() if name in BOMBS and row["grown"] >= 50 * MEBI} == {}
    if part == 1:
        slow = {name: row["seconds"] for name, row in told.items() if row["seconds"] > 2.0}
        brackets = {name: row["seconds"] for name, row in told.items() if "rackets" in name and row["seconds"] > 0.5}
        most = max(told.values(), key=lambda row: row["grown"])
        print(f"{len(told)} files, at most {max(row['seconds'] for row in told.values()):.2f} s; {most}")
        assert (slow, brackets) == ({}, {})


SPEC = b"""\
name: clip
function: a/b:v1
inputs: {x: [1, 2.5, true, null, "${V}"], f: {file: clip.mp4}, d: {$file: {y: &y 1}}, z: *y}
env: {A: "${A_KEY}", B: b}
webhooks: [{type: job.complete, url: "https://h.example/${V:-x}"}]
labels: {l: x}
rerun: 1
rerun_on: [secrets]
protect: false
"""
PIECES = [
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\t", b"\x1b", b"&y ", b"*y", b"<<: *y", b"{", b"}", b"[", b"]", b"${",
    b"}}", b"$${", b"'", b'"', b"\n", b"\n  ", b"---\n", b": ", b"- ", b"!!int ", b"!x ", b"null", b"5", b"[]", b"{}",
    b".inf", b"#", b"${A_KEY}", b"file", b"$file", b"\xe2\x80\xa8", b"%TAG ! x\n", b"matrix: 1\n", b"name: clip\n",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """The spec above with a few pieces put in, taken out or doubled."""
    text = SPEC
    for _ in range(draw(st.integers(1, 5))):
        at, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        end = min(end, at + draw(st.integers(0, 12)))
        text = text[:at] + draw(st.sampled_from([*PIECES, text[at:end] * 2])) + text[end:]
    return text


@given(mutated() | st.binary(max_size=60))
def test_parsing_never_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "parse"
    folder.mkdir(exist_ok=True)
    (folder / "clip.mp4").write_bytes(b"x")
    path = folder / "x.yaml"
    path.write_bytes(content)
    settings = ParseSettings(folder.resolve(), Variables(environ={"V": "v", "A_KEY": "c4n4ry"}), sources={})
    found = parse_file(str(path), "x.yaml", "x", settings, lambda path, stamp: None)
    assert not (found.problems and found.details)
    assert "c4n4ry" not in repr(found)
    for problem in found.problems:
        assert problem.place is not None
        assert problem.message
        assert problem.place.line <= content.count(b"\n") + 2
