"""The parse cache answers for what did not change, for nothing else, and never keeps a value."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sieve_jobs.spec.cache import ParseCache, is_settled
from sieve_jobs.spec.load import LoadSettings, Tree, load_tree
from tests.language.world import settings

LONG_AGO = 1_600_000_000_000_000_001
"""Nanoseconds: a time that no reading is racy with."""


def write(root: Path, name: str, text: str) -> Path:
    path = root / "jobspecs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load(root: Path, environ: Mapping[str, str] | None = None, **more: object) -> tuple[Tree, set[str]]:
    """The tree, and the names of the specs that had to be parsed."""
    wanted: LoadSettings = settings(root, environ, **more)
    tree = load_tree(wanted, ParseCache(root / "cache.db", basis=wanted.basis()))
    return tree, set(tree.parsed)


def settle(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Readings from here on are *seconds* from now: what was written before is older than they are."""
    import time

    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + int(seconds * 1e9))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, "a.yaml", "function: a/b\n")
    write(tmp_path, "sub/b.yaml", "function: a/b\ninputs: {v: '${V:-none}'}\n")
    settle(monkeypatch, 10)
    assert load(tmp_path)[1] == {"a", "sub/b"}
    return tmp_path


def test_an_unchanged_tree_parses_nothing_and_is_the_same(root: Path) -> None:
    tree, parsed = load(root)
    assert parsed == set()
    bare = load_tree(settings(root), None)
    assert sorted(tree.wanted) == sorted(bare.wanted)
    assert tree.details(["a"])["a"].digest == bare.parsed["a"].digest


@pytest.mark.parametrize(
    ("environ", "parsed"),
    [
        ({}, set()), ({"V": "x"}, {"sub/b"}), ({"V": ""}, {"sub/b"}), ({"OTHER": "x"}, set()),
    ],
    ids=["as before", "set", "empty", "another"],
)  # fmt: skip
def test_a_variable_counts_where_it_is_used(root: Path, environ: dict[str, str], parsed: set[str]) -> None:
    assert load(root, environ)[1] == parsed


def test_an_edit_a_new_file_and_a_removed_one(root: Path) -> None:
    write(root, "a.yaml", "function: a/c\n")
    write(root, "c.yaml", "function: a/d\n")
    (root / "jobspecs" / "sub" / "b.yaml").unlink()
    tree, parsed = load(root)
    assert parsed == {"a", "c"}
    assert {spec.name for spec in tree.wanted} == {"a", "c"}


def test_an_edit_of_the_same_size_that_keeps_the_time_is_seen(root: Path) -> None:
    path = root / "jobspecs" / "a.yaml"
    times = path.stat()
    path.write_text("function: a/c\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    tree, parsed = load(root)
    assert parsed == {"a"}
    assert tree.parsed["a"].spec.function == "a/c"


def test_a_file_as_new_as_its_reading_is_not_trusted(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "function: a/b\n")
    assert load(tmp_path)[1] == {"a"}
    assert load(tmp_path)[1] == {"a"}


@pytest.mark.parametrize(
    ("stamp", "read_at", "settled"),
    [
        ((1, LONG_AGO, 1, LONG_AGO), LONG_AGO + 1, False),
        ((1, LONG_AGO, 1, LONG_AGO), LONG_AGO + 100_000_000, True),
        ((1, LONG_AGO, 1, LONG_AGO + 99_000_000), LONG_AGO + 100_000_000, False),
        ((1, 1_600_000_000_000_000_000, 1, 0), 1_600_000_001_000_000_000, False),
        ((1, 1_600_000_000_000_000_000, 1, 0), 1_600_000_003_000_000_000, True),
    ],
)
def test_racily_clean(stamp: tuple[int, int, int, int], read_at: int, settled: bool) -> None:
    assert is_settled(stamp, read_at) is settled


def test_without_a_key_a_file_that_reads_a_variable_is_always_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.yaml", "function: a/b\ninputs: {v: '${V}'}\n")
    settle(monkeypatch, 10)
    for _ in range(2):
        assert load(tmp_path, {"V": "x"}, key=None)[1] == {"a"}


def test_a_changed_function_is_parsed_anew(root: Path) -> None:
    for sources, parsed in (({"a/b": "1"}, {"a", "sub/b"}), ({"a/b": "1"}, set()), ({"a/b": "2"}, {"a", "sub/b"})):
        assert load(root, sources=sources)[1] == parsed


def test_a_changed_local_file_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.bin").write_bytes(b"one")
    write(tmp_path, "a.yaml", "function: a/b\ninputs: {f: {file: ../x.bin}}\n")
    settle(monkeypatch, 10)
    first, _ = load(tmp_path, local=True)
    assert load(tmp_path, local=True)[1] == set()
    (tmp_path / "x.bin").write_bytes(b"two")
    second, parsed = load(tmp_path, local=True)
    assert parsed == {"a"}
    assert first.wanted[0].digest != second.wanted[0].digest


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign", "folder"])
def test_damage_costs_a_parse_and_nothing_else(root: Path, damage: str) -> None:
    path = root / "cache.db"
    data = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 2000]) + data[middle + 2000 :]
        path.write_bytes(
            {"cut": data[:middle], "flipped": flipped, "empty": b"", "foreign": b"not sqlite" * 99}[damage]
        )
    tree, _ = load(root)
    assert {spec.name for spec in tree.wanted} == {"a", "sub/b"}
    assert sorted(tree.wanted) == sorted(load_tree(settings(root), None).wanted)


def test_no_value_of_a_variable_is_kept(root: Path) -> None:
    load(root, {"V": "c4nary-value"})
    kept = b"".join(path.read_bytes() for path in root.glob("cache.db*"))
    assert b"V" in kept
    assert b"c4nary" not in kept


def test_two_at_once_both_have_the_tree(root: Path) -> None:
    for number in range(200):
        write(root, f"many/{number}.yaml", f"function: a/b\ninputs: {{n: {number}}}\n")
    code = (
        "import sys; from pathlib import Path; from tests.language.test_cache import load;"
        "tree, _ = load(Path(sys.argv[1])); print(len(tree.wanted), len(tree.problems))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        for _ in range(3)
    ]
    assert [each.communicate(timeout=60)[0] for each in running] == ["202 0\n"] * 3
