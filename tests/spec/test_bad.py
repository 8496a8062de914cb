"""One folder of bad specs: all are told of in one run, each at its place, in words worth reading."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.pages import read_pages
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.tree import Tree
from sieve_jobs.spec.variables import Variables
from tests.project import write
from tests.spec.loading import settings, where

BAD = Path(__file__).parent / "bad"
ENVIRON = {"A_KEY": "s3cret", "AWS_REGION": "eu", "CDN_HOST": "cdn.example.com"}
At = list[tuple[str, int, int]]

EXPECTED: Mapping[str, At] = {
    "alias-as-key": [("SJ108", 4, 3)],
    "alias-before-anchor": [("SJ100", 3, 6)],
    "anchor-cycle": [("SJ101", 3, 7)],
    "binary-tag": [("SJ105", 3, 6)],
    "both-function-and-id": [("SJ220", 2, 1)],
    "colon-without-space": [("SJ200", 1, 1)],
    "deep": [("SJ102", 2, 72)],
    "description-list": [("SJ210", 2, 14)],
    "duplicate-key": [("SJ104", 5, 3)],
    "duplicate-merge": [("SJ104", 4, 3)],
    "empty-mapping": [("SJ221", 1, 1)],
    "env-as-list": [("SJ210", 3, 3)],
    "env-name": [("SJ215", 3, 3)],
    "env-nul": [("SJ215", 3, 6)],
    "env-number": [("SJ210", 3, 10)],
    "expression": [("SJ203", 3, 6)],
    "file-gone": [("SJ205", 3, 16)],
    "file-is-a-folder": [("SJ205", 3, 16)],
    "file-number": [("SJ210", 3, 16)],
    "file-outside": [("SJ206", 4, 11)],
    "function-form": [("SJ212", 1, 11)],
    "function-list": [("SJ210", 1, 11)],
    "function-url": [("SJ212", 1, 11)],
    "id-empty": [("SJ212", 1, 5)],
    "infinite-number": [("SJ106", 3, 6)],
    "inputs-text": [("SJ210", 2, 9)],
    "integer-key": [("SJ108", 3, 3)],
    "integer-too-large": [("SJ106", 3, 6)],
    "labels-number": [("SJ210", 3, 12)],
    "later-defaults": [("SJ203", 1, 1), ("SJ203", 3, 1)],
    "later-matrix": [("SJ203", 2, 1)],
    "list-document": [("SJ200", 1, 1)],
    "many": [
        ("SJ201", 1, 1), ("SJ211", 2, 7), ("SJ210", 3, 10), ("SJ215", 3, 13), ("SJ213", 5, 11),
        ("SJ214", 6, 10), ("SJ204", 7, 5), ("SJ210", 8, 8), ("SJ210", 9, 10),
    ],
    "merge-of-text": [("SJ109", 3, 3)],
    "name-brackets": [("SJ211", 1, 7)],
    "name-empty": [("SJ211", 1, 7)],
    "name-long": [("SJ211", 1, 7)],
    "name-number": [("SJ210", 1, 7)],
    "name-path": [("SJ211", 1, 7)],
    "name-space": [("SJ211", 1, 7)],
    "neither": [("SJ221", 1, 1)],
    "no name for this": [("SJ211", 1, 1)],
    "protect-text": [("SJ210", 2, 10)],
    "python-tag": [("SJ105", 2, 9)],
    "rerun-float": [("SJ210", 2, 8)],
    "on-change-later": [("SJ203", 2, 12)],
    "on-change-word": [("SJ217", 2, 12)],
    "rerun-on-word": [("SJ217", 2, 21)],
    "save-clash": [("SJ232", 7, 7)],
    "save-key": [("SJ201", 2, 21)],
    "save-outside": [("SJ230", 3, 7)],
    "save-s3": [("SJ203", 2, 12)],
    "save-secret": [("SJ170", 2, 11)],
    "save-word": [("SJ231", 4, 8)],
    "second-document-broken": [("SJ201", 1, 1), ("SJ100", 4, 7)],
    "second-document-without-name": [("SJ202", 3, 1)],
    "secret-in-label": [("SJ170", 2, 16)],
    "secret-in-name": [("SJ170", 1, 12)],
    "tab": [("SJ100", 3, 1)],
    "taken-b": [("SJ104", 2, 7)],
    "text-document": [("SJ200", 1, 1)],
    "two-colons": [("SJ100", 1, 14)],
    "unclosed-bracket": [("SJ100", 2, 18)],
    "unclosed-interpolation": [("SJ123", 3, 16)],
    "unclosed-quote": [("SJ100", 3, 6)],
    "unknown-key": [("SJ201", 2, 1)],
    "unset-demanded": [("SJ120", 3, 6)],
    "unset": [("SJ120", 3, 16)],
    "webhook-event": [("SJ213", 3, 11)],
    "webhook-extra": [("SJ201", 3, 47)],
    "webhook-no-url": [("SJ204", 3, 5)],
    "webhook-text": [("SJ210", 2, 11)],
    "webhook-url": [("SJ214", 3, 28)],
    "withheld": [("SJ122", 3, 6)],
    "wrong-case": [("SJ201", 1, 1)],
}  # fmt: skip

GENERATED: Mapping[str, tuple[bytes, At]] = {
    "bad-utf8": (b"function: a/b\nname: x\xff\n", [("SJ107", 2, 8)]),
    "bom-twice": (b"\xef\xbb\xbf\xef\xbb\xbffunction: a/b\n", []),
    "brackets": (b"[" * 100_000, [("SJ102", 1, 65)]),
    "c1-control": ("function: a/b\nname: é\x9b\n".encode(), [("SJ107", 2, 8)]),
    "delete": (b"function: a/b\x7f\n", [("SJ107", 1, 14)]),
    "escape": (b"function: a/b\nlabels:\n  a: \x1b[2J\n", [("SJ107", 3, 6)]),
    "line-separator": ("function: a/b\ndescription: x\u2028name: y\n".encode(), [("SJ107", 2, 15)]),
    "lone-cr": (b"function: a/b\rname: x\n", [("SJ107", 1, 14)]),
    "next-line": ("function: a/b\x85name: x\n".encode(), [("SJ107", 1, 14)]),
    "nul": (b"function: a/b\nname: a\0b\n", [("SJ107", 2, 8)]),
    "overlong": (b"function: a/\xc0\xaf\n", [("SJ107", 1, 13)]),
    "surrogate": (b"function: a/\xed\xa0\x80\n", [("SJ107", 1, 13)]),
    "utf16": ("function: a/b\n".encode("utf-16"), [("SJ107", 1, 1)]),
    "utf16-without-mark": ("function: a/b\n".encode("utf-16-le"), [("SJ107", 1, 2)]),
    "too-large": (b"#" * (4 * 1024 * 1024 + 1), [("SJ103", 0, 0)]),
}


def write_bad(root: Path) -> None:
    """A project whose specs are all bad, some of them not even files."""
    folder = root / "jobspecs"
    shutil.copytree(BAD, folder)
    write(folder, {f"{name}.yaml": content for name, (content, at) in GENERATED.items() if at})
    os.mkfifo(folder / "fifo.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "dangling.yaml").symlink_to("nowhere")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "device.yaml").symlink_to("/dev/zero")
    (folder / "elsewhere").symlink_to("/")
    (folder / "looping").symlink_to("looping")
    with (folder / "sparse.yaml").open("wb") as file:
        file.truncate(10 * 1024**3)
    write(folder, {"_defaults.yaml": "env: {}\n", "_note.yaml": "not: [a spec", ".hidden.yaml": "x", "notes.txt": "x"})
    write(folder / "within", {"deeper.yml": "function: x\n"})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad").resolve()
    write_bad(root)
    return root


UNREADABLE: Mapping[str, At] = {
    "fifo.yaml": [("SJ103", 0, 0)],
    "folder.yaml": [("SJ103", 0, 0)],
    "sparse.yaml": [("SJ103", 0, 0)],
    "dangling.yaml": [("SJ111", 0, 0)],
    "loop.yaml": [("SJ111", 0, 0)],
    "device.yaml": [("SJ206", 0, 0)],
    "elsewhere": [("SJ206", 0, 0)],
    "_defaults.yaml": [("SJ203", 0, 0)],
    "within/deeper.yml": [("SJ212", 1, 11)],
}


@pytest.fixture(scope="module")
def tree(root: Path) -> Tree:
    return load_tree(settings(root, variables=Variables(environ=ENVIRON)), None)


@pytest.fixture(scope="module")
def told(tree: Tree) -> dict[str, list[Diagnostic]]:
    found: dict[str, list[Diagnostic]] = {}
    for problem in tree.problems:
        assert problem.place is not None
        found.setdefault(problem.place.path.removeprefix("jobspecs/"), []).append(problem)
    return found


def test_the_table_is_the_folder() -> None:
    assert {path.stem for path in BAD.iterdir()} == {*EXPECTED, "taken-a"}
    assert len(EXPECTED) >= 45


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(pytest.param(f"{name}.yaml", at, id=name) for name, at in EXPECTED.items()),
        *(pytest.param(f"{name}.yaml", at, id=name) for name, (_, at) in GENERATED.items()),
        *(pytest.param(name, at, id=name) for name, at in UNREADABLE.items()),
    ],
)
def test_every_problem_is_told_at_its_place(told: dict[str, list[Diagnostic]], name: str, expected: At) -> None:
    assert [where(problem) for problem in told.get(name, [])] == expected


def test_nothing_else_is_told_and_nothing_is_wanted_but_what_is_valid(
    tree: Tree, told: dict[str, list[Diagnostic]]
) -> None:
    generated = {f"{name}.yaml" for name, (_, at) in GENERATED.items() if at}
    assert set(told) == {f"{name}.yaml" for name in EXPECTED} | generated | set(UNREADABLE)
    assert sorted(row.name for row in tree.wanted) == ["Taken", "clash-one", "clash-two", "taken"]
    assert list(tree.problems) == sorted(tree.problems, key=lambda each: str(each.place and each.place.path))


def test_both_places_of_what_stands_twice_are_shown(told: dict[str, list[Diagnostic]]) -> None:
    also = {name: [str(place) for place in told[name][0].also] for name in told if told[name][0].also}
    assert also == {
        "duplicate-key.yaml": ["jobspecs/duplicate-key.yaml:3:3"],
        "duplicate-merge.yaml": ["jobspecs/duplicate-merge.yaml:3:3"],
        "save-clash.yaml": ["jobspecs/save-clash.yaml:3:7"],
        "taken-b.yaml": ["jobspecs/taken-a.yaml:1:7"],
    }


def test_the_words(tree: Tree, root: Path) -> None:
    codes = read_pages()
    for problem in tree.problems:
        place = problem.place
        assert place is not None
        assert problem.code in codes
        for text in filter(None, (problem.message, problem.expected, problem.hint)):
            assert not text.endswith("."), text
            assert not text[0].isupper(), text
            assert len(text) < 200, text
            assert "Error" not in text
            assert "s3cret" not in text
            assert not re.search(r"\bNone\b|<[a-z]|0x[0-9a-f]{6}", text), text
        if place.line:
            lines = (root / place.path).read_bytes().decode(errors="replace").split("\n")
            assert place.text == lines[place.line - 1].removesuffix("\r")
            assert 1 <= place.column <= len(place.text) + 1
            assert place.width >= 1


def test_a_way_out_is_shown_for_almost_all(tree: Tree) -> None:
    without = [problem.message for problem in tree.problems if not (problem.hint or problem.expected)]
    assert len(without) < len(tree.problems) / 3, without


_COUNT = """
import collections, json, sys
from pathlib import Path
opened = collections.Counter()
sys.addaudithook(lambda event, args: opened.update([str(args[0])]) if event == "open" else None)
from sieve_jobs.spec.load import load_tree
from tests.spec.loading import settings
from sieve_jobs.spec.variables import Variables
root = Path(sys.argv[1])
tree = load_tree(settings(root, variables=Variables(environ=json.loads(sys.argv[2]))), None)
counts = {Path(path).name: times for path, times in opened.items() if path.startswith(str(root / "jobspecs"))}
print(json.dumps({"problems": len(tree.problems), "counts": counts}))
"""


def test_none_is_read_twice(root: Path, tree: Tree) -> None:
    argv = [sys.executable, "-c", _COUNT, str(root), json.dumps(ENVIRON)]
    ran = subprocess.run(argv, capture_output=True, check=True, timeout=60, cwd=Path(__file__).parents[2])
    found = json.loads(ran.stdout)
    assert found["problems"] == len(tree.problems)
    # Two names that are one, and two folders, are looked up once more, to show both places.
    twice = {name for name, times in found["counts"].items() if times > 1}
    assert twice == {"taken-a.yaml", "taken-b.yaml", "save-clash.yaml"}
    assert "device.yaml" not in found["counts"]
