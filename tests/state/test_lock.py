"""The lock: one holder, who is named; it waits as long as it is told; it dies with its process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sieve_jobs.errors import ExitCode, LockedError, StateError
from sieve_jobs.state.lock import hold, this_process
from tests.forked import forked
from tests.project import REPOSITORY
from tests.state import child
from tests.state.samples import NOON, OWNER

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prod.lock"


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Starts processes that take the lock and hold it until their input ends; kills and reaps them in the end."""
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        arguments, environ = ("hold", str(path)), {**os.environ, "LOGNAME": "ann"}
        started.append(forked(REPOSITORY, arguments, environ, program=child.main, stdin=subprocess.PIPE))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def answer(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    line = process.stdout.readline()
    return json.loads(line) if line else pytest.fail(process.communicate()[1])  # type: ignore[no-any-return]


def refusal(path: Path, timeout: float = 0.0) -> str:
    with pytest.raises(LockedError) as caught, hold(path, owner=OWNER, timeout=timeout):
        pass
    assert caught.value.exit_code is ExitCode.LOCKED
    assert caught.value.diagnostics[0].code == "SJ151"
    assert "--lock-timeout" in (caught.value.diagnostics[0].hint or "")
    return caught.value.diagnostics[0].message


def test_of_several_processes_one_wins_and_the_others_name_it(start: Start) -> None:
    processes = [start() for _ in range(4)]
    answers = [answer(process) for process in processes]
    (held,) = [found for found in answers if "held" in found]
    refused = [found for found in answers if "held" not in found]
    assert [found["code"] for found in refused] == ["SJ151"] * 3
    for found in refused:
        assert f"by ann on {os.uname().nodename}: 'apply --target prod', pid {held['held']}, since 2" in str(found)


def test_a_holder_in_ci_is_named_with_the_page_of_its_run(path: Path) -> None:
    page = "https://github.example/a/b/actions/runs/77"
    with hold(path, owner=replace(OWNER, run_url=page), timeout=0.0):
        assert refusal(path).endswith(f"pid {OWNER.pid}, since 2026-11-23 12:00:00Z, {page}")


def test_a_killed_holder_holds_nothing(path: Path, start: Start) -> None:
    process = start()
    held = answer(process)["held"]
    assert f"pid {held}" in refusal(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with hold(path, owner=OWNER, timeout=0.0):
        assert json.loads(path.read_text())["pid"] == OWNER.pid


def test_a_stopped_holder_still_holds(path: Path, start: Start) -> None:
    process = start()
    answer(process)
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    refusal(path)
    process.send_signal(signal.SIGCONT)


def test_programs_started_meanwhile_do_not_inherit_it(path: Path) -> None:
    with hold(path, owner=OWNER, timeout=0.0):
        program = subprocess.Popen(
            [sys.executable, "-c", "import sys; print(); sys.stdin.read()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False,
        )  # fmt: skip
        assert program.stdout is not None
        program.stdout.readline()
    try:
        with hold(path, owner=OWNER, timeout=0.0):
            assert program.poll() is None
    finally:
        program.communicate()


def test_waiting_takes_it_over_as_soon_as_it_is_free(path: Path, start: Start) -> None:
    process = start()
    answer(process)
    pauses: list[float] = []

    def let_it_end(pause: float) -> None:
        pauses.append(pause)
        process.communicate()

    with hold(path, owner=OWNER, timeout=60.0, sleep=let_it_end):
        assert json.loads(path.read_text())["user"] == "ann"
    assert pauses == [0.02]


def test_waiting_pauses_longer_and_ends_in_time(path: Path) -> None:
    now, pauses = [100.0], []

    def pass_time(pause: float) -> None:
        pauses.append(pause)
        now[0] += pause

    with (
        hold(path, owner=OWNER, timeout=0.0),
        pytest.raises(LockedError, match="after waiting 1 s"),
        hold(path, owner=OWNER, timeout=1.0, clock=lambda: now[0], sleep=pass_time),
    ):
        pass
    assert pauses == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.25, 0.25, 0.2])
    assert now[0] == pytest.approx(101.0)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"[" * 5000, id="deep"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b'{"pid": 1}', id="half of it"),
        pytest.param(b'{"user": "a", "host": "b", "command": "c", "pid": "x", "started_at": "y"}', id="wrong types"),
        pytest.param(b'{"user": "a", "host": "b", "command": "c", "pid": 1e400, "started_at": 5}', id="numbers"),
    ],
)
def test_content_that_says_nothing_names_nobody(path: Path, content: bytes) -> None:
    with hold(path, owner=OWNER, timeout=0.0):
        path.write_bytes(content)
        assert refusal(path).endswith("is locked by another process")


def test_content_alone_locks_nothing(path: Path) -> None:
    path.write_text(json.dumps({"user": "eve", "pid": 1, "host": "h", "command": "c", "started_at": NOON.isoformat()}))
    path.chmod(0o600)
    with hold(path, owner=OWNER, timeout=0.0):
        assert "eve" not in path.read_text()


def test_it_is_empty_and_private_when_nobody_holds_it(path: Path) -> None:
    before = os.umask(0)
    try:
        with hold(path, owner=OWNER, timeout=0.0):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert path.read_bytes() == b""


def test_an_error_inside_frees_it(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold(path, owner=OWNER, timeout=0.0):
        raise ZeroDivisionError
    with hold(path, owner=OWNER, timeout=0.0):
        pass


def test_a_deleted_file_guards_nothing(path: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(hold(path, owner=OWNER, timeout=0.0))
        path.unlink()
        stack.enter_context(hold(path, owner=OWNER, timeout=0.0))
        refusal(path)


def test_a_planted_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    with pytest.raises(StateError) as caught, hold(path, owner=OWNER, timeout=0.0):
        pass
    assert caught.value.diagnostics[0].code == "SJ152"
    assert victim.read_text() == "precious"


def test_this_process_names_itself() -> None:
    owner = this_process("apply", {"USER": "bo"}, NOON)
    assert (owner.user, owner.pid, owner.command, owner.started_at) == ("bo", os.getpid(), "apply", NOON)
    assert this_process("apply", {}, NOON).user == f"uid {os.geteuid()}"


@pytest.mark.parametrize(
    ("environ", "page"),
    [
        pytest.param({}, "", id="no CI"),
        pytest.param(
            {"GITHUB_SERVER_URL": "https://g.example", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"},
            "https://g.example/a/b/actions/runs/7",
            id="GitHub",
        ),
        pytest.param({"GITHUB_RUN_ID": "7", "CI_JOB_URL": "https://l.example/1"}, "https://l.example/1", id="GitLab"),
    ],
)
def test_an_owner_in_ci_has_the_page_of_its_run(environ: dict[str, str], page: str) -> None:
    assert this_process("apply", environ, NOON).run_url == page
