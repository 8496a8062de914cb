"""The cache's file: damaged, foreign, unwritable, written by several at once; and what an unchanged tree imports."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sieve_jobs.spec.cache import ParseCache
from sieve_jobs.spec.load import load_tree
from tests.project import write
from tests.spec.cached import ALL, Cached

READS = "jobspecs/reads.yaml"
INVERTED = bytes(255 - byte for byte in range(256))


def spoil(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE folder (path TEXT, blob TEXT)")
        connection.execute("CREATE TABLE meta (basis TEXT, more TEXT)")
        connection.execute("INSERT INTO meta VALUES ('theirs', 'x')")
    connection.close()


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def forge(path: Path) -> None:
    """Bytes that were never meant for us, under a sum that holds."""
    connection = sqlite3.connect(path, isolation_level=None)
    for body in (b"", b"\xff" * 10, b"(\x02\x00\x00\x00", b"i\x01\x00\x00\x00", b"[\x00\x00\x00\x00"):
        connection.execute("UPDATE folder SET blob = ?", (zlib.crc32(body).to_bytes(4, "big") + body,))
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.unlink(), id="deleted"),
        pytest.param(spoil(lambda raw: b""), id="emptied"),
        pytest.param(spoil(lambda raw: raw[: len(raw) // 2]), id="cut"),
        pytest.param(spoil(lambda raw: raw[:100] + os.urandom(len(raw))), id="noise-behind-its-head"),
        pytest.param(
            spoil(lambda raw: raw[:4096] + raw[4096:].translate(INVERTED)), id="inverted-behind-its-first-page"
        ),
        pytest.param(spoil(lambda raw: b"x" * 5000), id="no-database"),
        pytest.param(spoil(lambda raw: raw.replace(b"plain", b"plane")), id="texts-changed"),
        pytest.param(foreign, id="another-program's"),
        pytest.param(become_a_folder, id="a-folder"),
        pytest.param(forge, id="forged"),
    ],
)
def test_a_damaged_cache_is_an_empty_one(project: Cached, damage: Callable[[Path], object]) -> None:
    damage(project.cache)
    assert project.load().parsed
    if project.cache.is_file():
        assert not project.load().parsed
        assert project.cache.stat().st_mode & 0o777 in {0o600, 0o644}


def test_a_new_cache_is_for_its_owner_alone(project: Cached) -> None:
    project.cache.unlink()
    project.load()
    assert project.cache.stat().st_mode & 0o777 == 0o600


def test_no_flipped_bit_changes_an_answer(project: Cached) -> None:
    sound = project.cache.read_bytes()
    given = project.settings()
    expected = sorted(load_tree(given, None).wanted)
    for position in range(0, len(sound), 251):
        flipped = bytearray(sound)
        flipped[position] ^= 1 << position % 8
        project.cache.write_bytes(flipped)
        tree = load_tree(given, ParseCache(project.cache, basis=given.basis()))
        assert (sorted(tree.wanted), tree.problems) == (expected, ())


def test_where_nothing_can_be_written_it_is_read_again(project: Cached) -> None:
    given = project.settings()
    for path in (
        project.root / "no/such/folder/cache.db",
        project.root / "clips/a.mp4/cache.db",
        Path("/proc/cache.db"),
    ):
        for _ in range(2):
            assert set(load_tree(given, ParseCache(path, basis=given.basis())).parsed) == ALL


def test_names_that_are_no_text(project: Cached) -> None:
    folder = os.path.join(os.fsencode(project.root / "jobspecs"), b"\xff")  # noqa: PTH118 - a path of bytes
    os.mkdir(folder)  # noqa: PTH102
    with open(os.path.join(folder, b"\xfe.yaml"), "wb") as file:  # noqa: PTH118, PTH123
        file.write(b"name: odd\nfunction: a/b\n")
    for _ in range(2):
        assert "odd" in {row.name for row in project.load().wanted}


def test_rows_of_another_basis_never_stay(project: Cached) -> None:
    """One run opened the cache before another target's run began it anew, and saves after it."""
    early = ParseCache(project.cache, basis=project.settings().basis())
    other = project.settings(ignore_query=("token",))
    load_tree(other, ParseCache(project.cache, basis=other.basis()))
    early.put("jobspecs/shows", early.folder("jobspecs/shows"))
    early.save()
    assert ParseCache(project.cache, basis=project.settings().basis()).paths() == {"jobspecs/shows"}
    assert not ParseCache(project.cache, basis=other.basis()).paths()


_RACE = """
import sys
from pathlib import Path
from sieve_jobs.spec.cache import ParseCache
from sieve_jobs.spec.load import load_tree
from tests.spec.loading import settings
root, ignored = Path(sys.argv[1]), tuple(sys.argv[2:])
given = settings(root, ignore_query=ignored)
expected = sorted(load_tree(given, None).wanted)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    tree = load_tree(given, ParseCache(root / "cache.db", basis=given.basis()))
    assert sorted(tree.wanted) == expected and not tree.problems
"""


def test_processes_at_once_never_take_each_others_answers(tmp_path: Path) -> None:
    """Two targets with unlike rules for urls, and two runs of each, on one cache."""
    root = tmp_path.resolve()
    write(root, {f"jobspecs/{i}/{i}.yaml": f"id: x\ninputs: {{u: 'https://h/?a={i}&b={i}'}}\n" for i in range(20)})
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", _RACE, str(root), *ignored],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2],
        )
        for ignored in (["a"], ["b"], ["a"], ["b"])
    ]  # fmt: skip
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == b"ready\n"
    told = [run.communicate(b"\n", timeout=60)[1] for run in runs]
    assert ([run.returncode for run in runs], told) == ([0] * 4, [b""] * 4)


_UNCHANGED = """
import sys
from pathlib import Path
from sieve_jobs.spec.cache import ParseCache
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.tree import LoadSettings
from sieve_jobs.spec.tags import key_from
from sieve_jobs.spec.variables import Variables
root = Path(sys.argv[1])
given = LoadSettings(root, ("jobspecs",), Variables(environ={}), key=key_from(b"k" * 32))
tree = load_tree(given, ParseCache(root / "cache.db", basis=given.basis()))
print(len(tree.wanted), *sorted({"yaml", "pydantic", "httpx", "sieve_jobs.spec.parse"} & set(sys.modules)))
"""


def test_an_unchanged_tree_imports_no_parser(project: Cached) -> None:
    (project.root / READS).unlink()
    write(project.root, {READS: "function: a/b\nenv: {K: '${A_KEY:-}'}\n"})
    project.settle()
    argv = [sys.executable, "-c", _UNCHANGED, str(project.root)]
    shown = [subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split() for _ in range(2)]
    assert shown == [["5", "pydantic", "sieve_jobs.spec.parse", "yaml"], ["5"]]
