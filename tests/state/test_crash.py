"""Killed, starved and denied: what was acknowledged is there, what was refused is not, and the state opens."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import PutEntry
from sieve_jobs.wire import Status
from tests.forked import forked
from tests.project import REPOSITORY
from tests.state import child
from tests.state.samples import entry
from tests.state.test_sqlite import contents, open_at_noon

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts children and, in the end, kills and reaps each."""
    started: list[subprocess.Popen[str]] = []

    def begin(mode: str, path: Path, *before: str) -> subprocess.Popen[str]:
        if before:
            command = [*before, sys.executable, "-m", "tests.state.child", mode, str(path)]
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        else:
            process = forked(REPOSITORY, (mode, str(path)), os.environ, program=child.main)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """All a child says until it ends well."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def acknowledged(process: subprocess.Popen[str], commits: int) -> int:
    """The serial that *commits* more commits told; kills the child while it makes the next."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(commits)]
    process.send_signal(signal.SIGKILL)
    rest, err = process.communicate(timeout=60)
    whole = [line for line in [*lines, *rest.splitlines(keepends=True)] if line.endswith("}\n")]
    assert len(whole) >= commits, err
    return int(json.loads(whole[-1])["serial"])


def require_consistent(path: Path, at_least: int) -> int:
    """The state reads whole and holds exactly what its serial says; returns the serial."""
    with open_store(path, read_only=True) as store:
        reader = contents(store)
    with open_store(path) as store:
        assert contents(store) == reader
        state = store.load()
        serial = state.header.serial
        assert serial >= at_least
        number, phase = divmod(serial, 3)
        pushed = number + (phase == 2)  # the entry is put by the second commit of three
        assert len(store.names()) == min(pushed, 50)
        assert [found.uuid for found in state.intents] == ([f"uuid-{number}"] if phase == 1 else [])
        assert len(store.history()) == max(pushed - 50, 0)
        unfinished = {name for name, found in state.open.items() if found.status is not Status.FINISHED}
        assert unfinished <= {f"spec-{number % 50}"}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return serial


@pytest.mark.parametrize("kills", [6, pytest.param(100, marks=pytest.mark.soak)])
def test_killed_in_the_middle_of_commits(path: Path, start: Start, kills: int) -> None:
    serial = 0
    for kill in range(kills):
        process = start("commit", path)
        told_serial = acknowledged(process, 1 + 7 * kill % 23)
        serial = require_consistent(path, max(told_serial, serial))
    assert serial > kills


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("syscall", ["pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "link", "openat"])
def test_killed_at_each_system_call(path: Path, start: Start, syscall: str) -> None:
    for when in range(1, 60):
        process = start(
            "reopen", path, "strace", "-f", "-o", "/dev/null", "-e", f"inject={syscall}:signal=KILL:when={when}"
        )
        out, err = process.communicate(timeout=60)
        if "ptrace" in err:
            pytest.skip("strace may not trace here")
        if process.returncode == 0:
            break  # it makes fewer such calls
        lines = out.splitlines()
        if path.exists():
            require_consistent(path, json.loads(lines[-1])["serial"] if lines else 0)


def test_readers_meet_whole_states_while_others_commit_open_and_close(path: Path, start: Start) -> None:
    open_store(path).close()
    process = start("reopen", path)
    serial, reads = 0, 0
    while process.poll() is None or reads == 0:
        with open_store(path, read_only=True) as store:
            state = store.load()
            assert state.header.serial >= serial
            serial = state.header.serial
            assert len(state.settled) + len(state.open) == min((serial + 1) // 3, 50)
            assert len(state.intents) == (1 if serial % 3 == 1 else 0)
            reads += 1
    assert process.returncode == 0, process.communicate()[1]
    assert require_consistent(path, 120) == 120


@pytest.fixture
def in_namespace() -> tuple[str, ...]:
    """Words before a command that give it mounts of its own, gone when it ends."""
    words = ("unshare", "--mount", "--propagation", "private")
    try:
        subprocess.run([*words, "mount", "-t", "tmpfs", "none", "/mnt"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this user may not mount")
    return words


def _with_small_disk(folder: Path, size: str) -> tuple[str, ...]:
    script = f'mount -t tmpfs -o size={size},mode=700 none "$0" && exec "$@"'
    return ("sh", "-c", script, str(folder))


def test_a_disk_that_fills_up_while_jobs_run(tmp_path: Path, start: Start, in_namespace: tuple[str, ...]) -> None:
    begun, recorded, refused, after = told(start("fill", tmp_path, *in_namespace, *_with_small_disk(tmp_path, "3m")))
    # What begins a push is refused while the reserve is still there; what came of pushes finds room in it.
    assert (begun["refused"], begun["reserve"]) == ("SJ150", True)
    assert recorded["reserve"] is False
    assert refused == {"refused": "SJ150"}
    assert (after["entries"], after["intents"]) == (recorded["recorded"], begun["begun"])
    assert after["serial"] == int(str(recorded["recorded"])) + int(str(begun["begun"]))


def test_a_full_disk_refuses_the_first_intent(tmp_path: Path, start: Start, in_namespace: tuple[str, ...]) -> None:
    refused, after = told(start("full", tmp_path, *in_namespace, *_with_small_disk(tmp_path, "1m")))
    assert refused == {"refused": "SJ150"}
    assert after == {"serial": 1, "intents": 0}


@pytest.fixture
def made_read_only(in_namespace: tuple[str, ...]) -> Callable[[Path], tuple[str, ...]]:
    """Words before a command that sees a folder on a read-only disk."""

    def words(folder: Path) -> tuple[str, ...]:
        script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        return (*in_namespace, "sh", "-c", script, str(folder))

    return words


@pytest.mark.parametrize("left", [(), ("-wal", "-shm"), ("-wal",)], ids=["at rest", "log and index", "log only"])
def test_a_read_only_disk_lets_plan_read_and_apply_say_no(
    path: Path, start: Start, made_read_only: Callable[[Path], tuple[str, ...]], left: tuple[str, ...]
) -> None:
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry("a")), PutEntry(entry("b"))], 0)
        kept = {f"{path}{suffix}": Path(f"{path}{suffix}").read_bytes() for suffix in ("", *left) if left}
    for name, content in kept.items():
        Path(name).write_bytes(content)
    names = sorted(found.name for found in path.parent.iterdir())
    read, write, lock = told(start("read", path, *made_read_only(path.parent)))
    assert read == {"names": ["a", "b"], "serial": 1}
    assert write == {"refused": "SJ152"}
    assert lock == {"lock": "SJ152"}
    assert sorted(found.name for found in path.parent.iterdir()) == names


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write(path: Path, start: Start) -> None:
    with open_at_noon(path) as store:
        store.commit([PutEntry(entry("a"))], 0)
    path.parent.chmod(0o500)
    try:
        read, write, _ = told(start("read", path))
    finally:
        path.parent.chmod(0o700)
    assert (read, write) == ({"names": ["a"], "serial": 1}, {"refused": "SJ152"})


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("syscall", ["fdatasync", "pwrite64"])
@pytest.mark.parametrize("when", ["9", "9+"], ids=["once", "from-then-on"])
def test_after_a_failed_write_nothing_more_is_committed(path: Path, start: Start, syscall: str, when: str) -> None:
    """Neither where the next write would fail as well, nor where the disk would take it: a page may be gone by then."""
    open_at_noon(path).close()
    trace = ("strace", "-f", "-o", "/dev/null", "-e", f"inject={syscall}:error=EIO:when={when}")
    process = start("failing", path, *trace)
    out, err = process.communicate(timeout=60)
    if "ptrace" in err:
        pytest.skip("strace may not trace here")
    assert process.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert "could not write" in lines[-1]["first"]
    assert "not written any more" in lines[-1]["second"]
    serial = lines[-2].get("serial", lines[-2].get("opened"))
    with open_store(path) as store:
        names = store.names()
        # The failed commit may have reached the disk after all; nothing after it may.
        assert len(names) in (serial, serial + 1)
        assert "after" not in names
