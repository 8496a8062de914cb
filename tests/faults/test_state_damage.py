"""A state that is not as it was left, met through the command line: every verb says so and changes nothing."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud import Cloud, Script
from tests.project import Project, spec

NOBODY = 65534
VERBS = (
    ("plan",), ("apply", "--yes"), ("apply", "--continue", "--yes"), ("status",), ("state", "list"),
    ("state", "export"), ("state", "rm", "clip-0"), ("rerun", "clip-0", "--yes"), ("resolve", "--all", "--drop"),
    ("show", "clip-0"), ("wait",),
)  # fmt: skip


class Left:
    """A project with two jobs that ran, a third one to push, and a state that nobody has open."""

    def __init__(self, root: Path, cloud: Cloud) -> None:
        self.cloud = cloud
        self.project = Project(root, cloud.url)
        for number in range(2):
            self.project.write(f"clip-{number}.yaml", spec(width=number))
        assert self.project.apply("--new-state").code == 0
        self.project.write("clip-2.yaml", spec(width=2))
        self.path = root / ".sieve-jobs" / "prod.db"

    def beside(self, suffix: str) -> Path:
        return Path(f"{self.path}{suffix}")

    def files(self) -> dict[str, tuple[bytes, int, int]]:
        """What the state is made of: content, mode and owner by name."""
        # The lock is made by whoever would write; SQLite's index of the log is scratch space.
        found = sorted(self.path.parent.glob("prod.db*")) + sorted((self.path.parent / "backups").glob("*"))
        return {
            each.name: (each.read_bytes(), each.lstat().st_mode, each.lstat().st_uid)
            for each in found
            if not each.name.endswith("-shm")
        }


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud.running(Script()) as running:
        yield running


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, cloud: Cloud) -> Left:
    return Left(tmp_path_factory.mktemp("left") / "p", cloud)


@pytest.fixture
def left(template: Left, tmp_path: Path) -> Left:
    """A copy of its own of the project, on the same far side."""
    shutil.copytree(template.project.root, tmp_path / "p", symlinks=True)
    copy = object.__new__(Left)
    copy.cloud, copy.project = template.cloud, object.__new__(Project)
    copy.project.__dict__.update({**template.project.__dict__, "root": tmp_path / "p"})
    copy.path = tmp_path / "p" / ".sieve-jobs" / "prod.db"
    return copy


def cut(left: Left) -> None:
    left.path.write_bytes(left.path.read_bytes()[: left.path.stat().st_size // 2])


def flip(left: Left) -> None:
    content = bytearray(left.path.read_bytes())
    content[content.rindex(b"v1:sha256:") + 12] ^= 0x01
    left.path.write_bytes(content)


def sql(statement: str) -> Callable[[Left], None]:
    def harm(left: Left) -> None:
        with contextlib.closing(sqlite3.connect(left.path)) as connection:
            connection.execute(statement)
            connection.commit()
        for suffix in ("-wal", "-shm"):
            left.beside(suffix).unlink(missing_ok=True)

    return harm


def of_another_program(left: Left) -> None:
    left.path.unlink()
    with contextlib.closing(sqlite3.connect(left.path)) as connection:
        connection.execute("CREATE TABLE header (serial INTEGER)")
        connection.commit()
    left.path.chmod(0o600)


def log_alone(left: Left) -> None:
    left.path.rename(left.beside("-wal"))


def gone(left: Left) -> None:
    left.path.unlink()


def older(left: Left) -> None:
    """What was there before the last run."""
    before = left.path.read_bytes()
    assert left.project.apply("clip-0", "--rerun", "clip-0").code == 0
    left.path.write_bytes(before)


def of_another_project(left: Left) -> None:
    other = Left(left.project.root.parent / "other", left.cloud)
    shutil.copyfile(other.path, left.path)


def log_of_another_project(left: Left) -> None:
    """Its process was killed, and its log got here."""
    other = Left(left.project.root.parent / "other", left.cloud)
    with contextlib.closing(sqlite3.connect(other.path)) as connection:
        connection.execute("UPDATE entries SET job_id = job_id || 'x'")
        connection.commit()
        shutil.copyfile(other.beside("-wal"), left.beside("-wal"))


def owned_by_another(left: Left) -> None:
    os.chown(left.path, NOBODY, NOBODY)


def open_to_others(left: Left) -> None:
    left.path.chmod(0o666)


def a_link(left: Left) -> None:
    aside = left.path.with_name("aside.db")
    left.path.rename(aside)
    left.path.symlink_to(aside)


HARMS = [
    pytest.param(lambda left: left.path.write_bytes(b""), "SJ153", "backups/prod-", id="empty"),
    pytest.param(lambda left: left.path.write_text("name: dub\n" * 500), "SJ153", "backups/prod-", id="text"),
    pytest.param(cut, "SJ153", "backups/prod-", id="cut"),
    pytest.param(sql("DELETE FROM settled"), "SJ153", "backups/prod-", id="its settled entries gone"),
    pytest.param(sql("UPDATE header SET serial = 1"), "SJ153", "backups/prod-", id="its header changed"),
    pytest.param(of_another_program, "SJ153", "backups/prod-", id="of another program"),
    pytest.param(log_alone, "SJ153", "backups/prod-", id="only a log"),
    pytest.param(sql("PRAGMA user_version = 99"), "SJ154", "use sieve-jobs", id="newer"),
    pytest.param(gone, "SJ162", "backups/prod-", id="gone"),
    pytest.param(older, "SJ162", "put back", id="older"),
    pytest.param(of_another_project, "SJ163", "put back", id="of another project"),
    pytest.param(open_to_others, "SJ157", "chmod", id="open to others"),
    pytest.param(a_link, "SJ157", "remove it", id="a link"),
    pytest.param(
        owned_by_another, "SJ157", "remove it", id="of another user",
        marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("harm", "code", "way_out"), HARMS)
def test_every_verb_refuses_says_why_and_touches_nothing(
    left: Left, harm: Callable[[Left], None], code: str, way_out: str
) -> None:
    harm(left)
    requests, before = len(left.cloud.requests), left.files()
    for verb in VERBS:
        said = left.project.remote(*verb)
        assert said.code == 1, f"{verb}: {said.all}"
        assert code in said.err, f"{verb}: {said.all}"
        assert way_out in said.err, f"{verb}: {said.err}"
        assert "Traceback" not in said.all
        assert left.files() == before, verb
    told = left.project.remote("apply", "--yes", "--json")
    assert told.document["diagnostics"][0]["code"] == code
    assert len(left.cloud.requests) == requests


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(flip, id="a byte flipped"),
        pytest.param(sql("DELETE FROM entries"), id="its entries gone"),
        pytest.param(log_of_another_project, id="the log of another project"),
    ],
)
def test_what_no_plan_looks_at_pushes_nothing_wrong_and_is_found_by_who_does(
    left: Left, harm: Callable[[Left], None]
) -> None:
    right = left.project.remote("plan").out
    harm(left)
    before = left.files()
    assert left.project.remote("plan").out == right
    for verb in (("state", "list"), ("state", "export"), ("status",)):
        said = left.project.remote(*verb)
        assert (said.code, "SJ153" in said.err) == (1, True), f"{verb}: {said.all}"
    assert left.files() == before
    assert "SJ153" in left.project.remote("state", "rm", "clip-*").err
    pushes = len(left.cloud.pushes)
    assert left.project.apply().code == 0
    assert [b'"width":2' in push.body for push in left.cloud.pushes[pushes:]] == [True]


def test_the_way_back_that_is_named_leads_back_and_buys_nothing_twice(left: Left) -> None:
    cut(left)
    said = left.project.remote("plan").err
    move, copy = re.search(r"move '([^']+)' away", said), re.search(r"last good\s+backup, '([^']+)'", said)
    assert move is not None
    assert copy is not None
    aside = left.project.root / "aside"
    aside.mkdir()
    for damaged in left.project.root.glob(move[1]):
        damaged.rename(aside / damaged.name)
    shutil.copyfile(left.project.root / copy[1], left.path)
    left.path.chmod(0o600)
    pushes = len(left.cloud.pushes)
    assert left.project.apply().code == 0
    assert [b'"width":2' in push.body for push in left.cloud.pushes[pushes:]] == [True]
