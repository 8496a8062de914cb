"""Disks that cannot be written, or that other machines write too: what can be read is shown, and nothing is sent."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sieve_jobs.state.mounts import NETWORK
from tests.cloud import Cloud, Script
from tests.faults.namespaces import make_read_only, obey_modes, require_mounts
from tests.forked import forked
from tests.project import Project, Ran, environment, spec


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[Project, Cloud]]:
    with Cloud.running(Script()) as cloud:
        made = Project(tmp_path / "p", cloud.url)
        for number in range(2):
            made.write(f"clip-{number}.yaml", spec(width=number))
        yield made, cloud


def ran(project: Project, prepare: Callable[[], object], *words: str) -> Ran:
    """A command in a process that is *prepare*d first."""
    process = forked(project.root, (*words, "-t", "prod"), environment(), prepare)
    out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)


def unwritable_file(folder: Path) -> None:
    (folder / "prod.db").chmod(0o400)


def unwritable_folder(folder: Path) -> None:
    folder.chmod(0o500)


@pytest.mark.parametrize("had_a_state", [True, False], ids=["with a state", "before the first run"])
@pytest.mark.parametrize(
    ("harm", "mounted"),
    [
        pytest.param(lambda _: None, lambda folder: folder.parent, id="the project's disk"),
        pytest.param(lambda _: None, lambda folder: folder, id="the state's disk"),
        pytest.param(unwritable_file, None, id="the file"),
        pytest.param(unwritable_folder, None, id="the folder"),
    ],
)
def test_read_only_plan_works_and_apply_refuses_before_any_push(
    project: tuple[Project, Cloud],
    harm: Callable[[Path], None],
    mounted: Callable[[Path], Path] | None,
    had_a_state: bool,
) -> None:
    made, cloud = project
    folder = made.root / ".sieve-jobs"
    if mounted is not None:
        require_mounts()
    elif harm is unwritable_file and not had_a_state:
        return
    if had_a_state:
        assert made.apply("clip-0").code == 0
    else:
        folder.mkdir(mode=0o700)
    harm(folder)
    requests = len(cloud.requests)
    prepare = obey_modes if mounted is None else lambda: make_read_only(mounted(folder))
    planned = ran(made, prepare, "plan")
    assert (planned.code, "1 to push; 1 spec unchanged" in planned.out) == (0, had_a_state), planned.all
    assert had_a_state or "2 to push" in planned.out
    refused = ran(made, prepare, "apply", "--yes")
    assert (refused.code, "[SJ152]" in refused.err, "Traceback" in refused.err) == (1, True, False), refused.all
    assert "nothing was sent" in refused.err
    assert len(cloud.requests) == requests


@pytest.mark.parametrize("kind", sorted(NETWORK)[:3])
def test_on_a_network_file_system_nothing_is_made_and_nothing_sent(
    project: tuple[Project, Cloud], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made, cloud = project
    monkeypatch.setattr("sieve_jobs.state.mounts.read_mounts", lambda: f"22 1 0:1 / / rw - {kind} server:/ rw\n")
    said = made.apply()
    assert (said.code, "[SJ156]" in said.err, f"({kind})" in said.err) == (1, True, True), said.all
    assert cloud.requests == []
    assert not (made.root / ".sieve-jobs" / "prod.lock").exists()


@pytest.mark.skipif(shutil.which("bindfs") is None or os.geteuid() != 0, reason="needs bindfs and root")
def test_a_mount_of_sshfs_is_told_from_a_disk(project: tuple[Project, Cloud], tmp_path: Path) -> None:
    """bindfs mounts a folder with the name of sshfs: the kernel and we see a real file system in user space."""
    made, cloud = project
    there = tmp_path / "mounted"
    there.mkdir()
    subprocess.run(["bindfs", "-o", "subtype=sshfs", str(made.root), str(there)], check=True, timeout=30)
    try:
        for words in (("apply", "--yes"), ("state", "rm", "clip-0")):
            process = forked(there, (*words, "-t", "prod"), environment())
            _, err = process.communicate(timeout=60)
            assert (process.returncode, "(fuse.sshfs)" in err, "[SJ156]" in err) == (1, True, True), err
        assert made.remote("plan").code == 0
        assert cloud.requests == []
        assert not (made.root / ".sieve-jobs" / "prod.lock").exists()
    finally:
        subprocess.run(["umount", "--lazy", str(there)], check=True, timeout=30)
