"""Which data files count: those that code reads by name, and none that it may write."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

from sieve_jobs.source import DeclaredFunction, read_functions
from sieve_jobs.source.modules import LARGE
from sieve_jobs.source.reads import named_files

FILE = "/p/functions/main.py"
HERE = "/p/functions"
DEEP = "x" + "/ 'a'" * 2_000


@pytest.mark.parametrize(
    ("code", "found"),
    [
        pytest.param("open('a.txt')", ["a.txt"], id="opened"),
        pytest.param("with open('a.txt', 'rb') as f: pass", ["a.txt"], id="in-a-mode-that-reads"),
        pytest.param("def f():\n    return open(file='a.txt').read()", ["a.txt"], id="inside-a-function"),
        pytest.param("json.load(open('./x/../a.json'))", ["a.json"], id="normalised"),
        pytest.param("Path('a.txt').read_text()", ["a.txt"], id="a-path-that-is-read"),
        pytest.param("Path('a.txt').open()", ["a.txt"], id="a-path-that-is-opened"),
        pytest.param("Path(__file__).parent.joinpath('d', 'a.txt').read_text()", [f"{HERE}/d/a.txt"], id="joinpath"),
        pytest.param("Path(__file__).with_name('a.txt').read_bytes()", [f"{HERE}/a.txt"], id="with-name"),
        pytest.param("open(os.path.join(os.path.dirname(__file__), 'a'))", [f"{HERE}/a"], id="os-path"),
        pytest.param(
            "HERE = Path(__file__).resolve().parent\nA: Path = HERE / 'd' / 'a'\nT = A.read_text()", [f"{HERE}/d/a"],
            id="over-names",
        ),
        pytest.param("A = 'a.csv'\ndef f():\n    if os.path.exists(A): return read_csv(A)", ["a.csv"], id="looked-for"),
        pytest.param("cv2.imread('a.png')\nImageFont.truetype('b.ttf', 9)", ["a.png", "b.ttf"], id="readers"),
        pytest.param("open('a.txt', 'w')", [], id="written"),
        pytest.param("open('a.txt', mode='r+')", [], id="read-and-written"),
        pytest.param("open('a.txt', mode)", [], id="in-a-mode-that-is-not-told"),
        pytest.param("open('a.txt', 'a')\nopen('a.txt')", [], id="written-elsewhere"),
        pytest.param("Path('a').write_text('')\nPath('a').read_text()", [], id="a-path-that-is-written"),
        pytest.param("A = 'a.mp4'\nrun(['ffmpeg', A])\nav.open(A)", [], id="handed-on"),
        pytest.param("os.system('ffmpeg -i x.mp4 ./a.mp4')\nav.open('a.mp4')", [], id="handed-on-in-a-command"),
        pytest.param("A = 'a'\nrun(f'cp x {A}')\nopen(A)", [], id="handed-on-in-a-text"),
        pytest.param("run(['cp', 'x', f'{d}/a'])\nopen('a')", [], id="handed-on-in-a-computed-path"),
        pytest.param("self.out = 'a'\nopen('a')", [], id="kept-for-others"),
        pytest.param(
            "'reads a.txt'\nif not isfile('a.txt'): raise OSError('no a.txt here')\nopen('a.txt')", ["a.txt"],
            id="told",
        ),
        pytest.param("open('a.txt')\nreturned = sieve.File(path='a.txt')", [], id="given-back"),
        pytest.param("A = 'a'\nA = 'b'\nopen(A)", [], id="a-name-bound-twice"),
        pytest.param("A = 'a'\ndef f(A): open(A)", [], id="a-name-that-is-an-argument-too"),
        pytest.param("A = A\nopen(A)", [], id="a-name-of-itself"),
        pytest.param("open(f'{x}.txt')\nopen('a' + x)\nopen(d / 'a')", [], id="computed"),
        pytest.param("urlopen('https://a.example/open')\nopen('https://a.example')", [], id="a-url"),
        pytest.param("'open a.txt'\nx = 'a.txt'\nprint('b.txt', open)", [], id="said"),
        pytest.param(f"open({DEEP})", [], id="too-deep"),
    ],
)  # fmt: skip
def test_what_is_read_by_name(code: str, found: list[str]):
    named = named_files([*ast.walk(ast.parse(code))], FILE)
    assert sorted(path for path in named.read if PurePath(path).name not in named.touched) == found


MAIN = """
import sieve
import words

PROMPT = open("prompts/prompt.txt").read()

@sieve.function(name="x")
def run():
    return open("x.log", "a")
"""
OTHER = 'import sieve\n@sieve.function(name="y")\ndef run(): ...\n'
WORDS = "from pathlib import Path\nWORDS = Path(__file__).with_name('words.json').read_text()\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "functions"
    (folder / "prompts").mkdir(parents=True)
    for name, text in (("main.py", MAIN), ("other.py", OTHER), ("prompts/prompt.txt", "one"), ("x.log", "")):
        (folder / name).write_text(text)
    for name, text in (("words.py", WORDS), ("words.json", "[]")):
        (tmp_path / name).write_text(text)
    return folder


def read(folder: Path, name: str = "x") -> DeclaredFunction:
    return read_functions([folder]).functions[name]


def test_the_files_that_a_function_and_its_modules_read_are_its_data(folder: Path):
    top = folder.parent
    assert [file.relative_to(top).as_posix() for file in read(folder).data] == [
        "functions/prompts/prompt.txt", "words.json",
    ]  # fmt: skip
    assert read(folder, "y").data == ()


@pytest.mark.parametrize(
    ("place", "counts"),
    [("functions/prompts/prompt.txt", True), ("words.json", True), ("functions/x.log", False), ("a.txt", False)],
)
def test_what_changes_a_version(folder: Path, place: str, counts: bool):
    before, other = read(folder), read(folder, "y")
    file = folder.parent / place
    file.write_text("two")
    changed = read(folder)
    assert (changed.source_hash != before.source_hash) is counts
    os.utime(file, (1, 1))
    assert read(folder) == changed
    assert read(folder, "y") == other
    file.unlink()
    assert (read(folder).source_hash != changed.source_hash) is counts


def test_a_large_file_counts_by_its_size_and_time(folder: Path):
    file = folder / "prompts" / "prompt.txt"
    with file.open("wb") as large:
        large.truncate(LARGE + 1)
    os.utime(file, (1, 1))
    before = read(folder).source_hash
    assert read(folder).source_hash == before
    os.utime(file, (2, 2))
    assert read(folder).source_hash != before


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_counts_for_nothing(folder: Path, make: Callable[[Path], None]):
    file = folder / "prompts" / "prompt.txt"
    file.unlink()
    without = read(folder)
    make(file)
    assert read(folder).source_hash == without.source_hash


def test_what_lies_outside_of_the_project_is_no_part_of_it(folder: Path):
    outside = folder.parent.parent / "outside.txt"
    for place in ("../../outside.txt", str(outside)):
        (folder / "main.py").write_text(MAIN.replace("prompts/prompt.txt", place))
        assert [file.name for file in read(folder).data] == ["words.json"]


def test_what_one_module_reads_and_another_may_write_is_no_part_of_it(folder: Path):
    (folder / "main.py").write_text(MAIN + "\nos.system('make words.json')\n")
    assert [file.name for file in read(folder).data] == ["prompt.txt"]
