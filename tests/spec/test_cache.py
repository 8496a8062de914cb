"""The parse cache answers where nothing changed, and only there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs.spec.cache import is_settled
from sieve_jobs.spec.tags import key_from
from sieve_jobs.spec.variables import Variables
from tests.project import write
from tests.spec.cached import ALL, ENVIRON, FILES, SOURCES, Cached


def rewrite(root: Path, name: str, old: str, new: str, *, keep_time: bool = False) -> None:
    path = root / name
    status = path.stat()
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(root: Path) -> None:
    """Another file of the same size and time under the same name."""
    path = root / "jobspecs/plain.yaml"
    status = path.stat()
    write(root, {"new": FILES["jobspecs/plain.yaml"].replace("1", "2")})
    os.utime(root / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (root / "new").replace(path)


def relink(root: Path) -> None:
    link = root / "clips/link.mp4"
    link.unlink()
    link.symlink_to("b.mp4")


PLAIN, READS = "jobspecs/plain.yaml", "jobspecs/reads.yaml"
CHANGES: list[Any] = [
    pytest.param(lambda root: None, set(), id="nothing"),
    pytest.param(lambda root: rewrite(root, PLAIN, "1", "123"), {"plain"}, id="edited"),
    pytest.param(lambda root: rewrite(root, PLAIN, "1", "2"), {"plain"}, id="same-size"),
    pytest.param(lambda root: rewrite(root, PLAIN, "1", "2", keep_time=True), {"plain"}, id="same-size-and-time"),
    pytest.param(lambda root: (root / PLAIN).touch(), {"plain"}, id="touched"),
    pytest.param(lambda root: (root / PLAIN).chmod(0o600), {"plain"}, id="another-mode"),
    pytest.param(replace, {"plain"}, id="replaced"),
    pytest.param(lambda root: (root / PLAIN).rename(root / "jobspecs/other.yaml"), {"other"}, id="renamed"),
    pytest.param(lambda root: (root / PLAIN).rename(root / "jobspecs/shows/p.yaml"), {"shows/p"}, id="moved"),
    pytest.param(lambda root: (root / "jobspecs/shows").rename(root / "jobspecs/films"),
                 {"films/two", "second", "films/clip"}, id="folder-renamed"),
    pytest.param(lambda root: (root / PLAIN).unlink(), set(), id="removed"),
    pytest.param(lambda root: write(root, {"jobspecs/more.yaml": "id: y\n"}), {"more"}, id="added"),
    pytest.param(lambda root: write(root, {"jobspecs/new/more.yaml": "id: y\n"}), {"new/more"}, id="folder-added"),
    pytest.param(lambda root: write(root, {"jobspecs/notes.txt": "x"}), set(), id="no-spec-added"),
    pytest.param(lambda root: rewrite(root, "clips/a.mp4", "a", "A", keep_time=True), {"shows/clip"}, id="file-edited"),
    pytest.param(lambda root: rewrite(root, "clips/b.mp4", "b", "B"), set(), id="file-that-nobody-names"),
    pytest.param(relink, {"shows/clip"}, id="link-to-another-file"),
    pytest.param(lambda root: (root / "clips/a.mp4").unlink(), set(), id="file-removed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "parsed"), CHANGES)
def test_changes_of_files(project: Cached, change: Callable[[Path], object], parsed: set[str]) -> None:
    change(project.root)
    assert set(project.load().parsed) == parsed
    project.settle()
    project.load()
    assert not project.load().parsed


def environ(**changes: str) -> Variables:
    return Variables(environ=ENVIRON | changes)


def without(name: str) -> Variables:
    return Variables(environ={each: value for each, value in ENVIRON.items() if each != name})


@pytest.mark.parametrize(
    ("changes", "parsed"),
    [
        pytest.param({"variables": environ(OTHER="y", NEW="z")}, set(), id="variables-that-nobody-reads"),
        pytest.param({"variables": environ(V="two")}, {"reads"}, id="another-value"),
        pytest.param({"variables": environ(V="")}, {"reads"}, id="empty"),
        pytest.param({"variables": without("A_KEY")}, {"reads"}, id="secret-unset"),
        pytest.param({"variables": environ(A_KEY="rotated")}, {"reads"}, id="secret-rotated"),
        pytest.param({"variables": environ(D="set")}, {"reads"}, id="set-where-a-default-stood"),
        pytest.param({"variables": environ(D="d")}, {"reads"}, id="set-to-its-default"),
        pytest.param({"variables": Variables(environ=ENVIRON, public=["A_KEY"])}, {"reads"}, id="no-secret-after-all"),
        pytest.param({"variables": Variables(environ=ENVIRON, secrets=["V"])}, {"reads"}, id="secret-now"),
        pytest.param({"variables": Variables(cli=ENVIRON)}, {"reads"}, id="another-origin"),
        pytest.param({"sources": SOURCES | {"me/one": "1b"}}, {"plain", "shows/two", "second"}, id="source-changed"),
        pytest.param({"sources": SOURCES | {"me/three": "3"}}, {"shows/clip"}, id="source-appeared"),
        pytest.param({"sources": {"me/one": "1"}}, {"reads"}, id="source-vanished"),
        pytest.param({"sources": SOURCES | {"me/four": "4b", "me/five": "5"}}, set(), id="sources-that-nobody-runs"),
        pytest.param({"sources": None}, ALL, id="no-engine"),
        pytest.param({"key": key_from(b"another" * 5)}, ALL, id="another-key"),
        pytest.param({"key": None}, ALL, id="no-key"),
        pytest.param({"ignore_query": ("token",)}, ALL, id="another-rule-for-urls"),
    ],
)
def test_changes_around_files(project: Cached, changes: dict[str, Any], parsed: set[str]) -> None:
    assert set(project.load(**changes).parsed) == parsed
    # And back: nothing of the other run is left.
    project.load()
    assert not project.load().parsed


@pytest.mark.parametrize("name", ["V", "W"])
def test_an_unset_variable_is_a_problem_each_time(project: Cached, name: str) -> None:
    for _ in range(2):
        tree = project.load(variables=without(name))
        assert [problem.code for problem in tree.problems] == ["SJ120"]
    assert not {"plain", "second"} & set(tree.parsed)


def test_without_a_key_what_reads_no_variable_is_remembered(project: Cached) -> None:
    project.load(key=None)
    assert set(project.load(key=None).parsed) == {"reads"}


def test_details_are_parsed_once_the_cache_has_answered(project: Cached) -> None:
    tree = project.load()
    assert not tree.parsed
    digests = {row.name: row.digest for row in tree.wanted}
    assert tree.details(["plain"])["plain"].digest == digests["plain"]
    assert "reads" not in tree.parsed


def test_a_file_newer_than_its_reading_is_read_each_time(project: Cached) -> None:
    os.utime(project.root / PLAIN, (time.time() + 3600,) * 2)
    for _ in range(3):
        assert set(project.load().parsed) == {"plain"}


def test_problems_are_never_remembered(project: Cached) -> None:
    write(project.root, {"jobspecs/bad.yaml": "function: x\n", "jobspecs/worse.yaml": "["})
    project.settle()
    for _ in range(3):
        assert [problem.code for problem in project.load().problems] == ["SJ212", "SJ100"]
    (project.root / "clips/a.mp4").unlink()
    assert [problem.code for problem in project.load().problems] == ["SJ212", "SJ205", "SJ100"]


def test_an_unreadable_folder_is_no_removed_one(project: Cached) -> None:
    shows = project.root / "jobspecs/shows"
    shows.rename(project.root / "away")
    shows.symlink_to(shows.name)
    assert "shows/two" not in {row.name for row in project.load().wanted}
    shows.unlink()
    (project.root / "away").rename(shows)
    assert {row.name for row in project.load().wanted} == ALL


SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND + 123_456_789


@pytest.mark.parametrize(
    ("mtime", "ctime", "settled"),
    [
        pytest.param(NOW - SECOND, NOW - SECOND, True, id="older"),
        pytest.param(NOW, NOW, False, id="as-new-as-the-reading"),
        pytest.param(NOW - 10_000_000, NOW - 10_000_000, False, id="within-a-tick-of-the-kernel"),
        pytest.param(NOW - 60_000_000, NOW - 60_000_000, True, id="past-it"),
        pytest.param(NOW - SECOND, NOW - 10_000_000, False, id="written-now-with-an-old-time"),
        pytest.param(NOW + SECOND, NOW - SECOND, False, id="of-the-future"),
        pytest.param(NOW // SECOND * SECOND - SECOND, NOW // SECOND * SECOND - SECOND, False, id="whole-seconds"),
        pytest.param(
            NOW // SECOND * SECOND - 3 * SECOND, NOW // SECOND * SECOND - 3 * SECOND, True, id="whole-and-older"
        ),
    ],
)
def test_racily_clean(mtime: int, ctime: int, settled: bool) -> None:
    assert is_settled((10, mtime, 1, ctime), NOW) == settled
