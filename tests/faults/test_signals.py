"""A signal at any point of an apply: it ends in order, and the next apply leaves exactly one job for each spec."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sieve_jobs.push.events import Event
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.faults.named import script_of
from tests.forked import forked
from tests.project import COMMAND, Project, environment, run_program, spec

SPECS = 4
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SYSCALLS = ("openat", "connect", "sendto", "recvfrom", "pwrite64", "fdatasync", "unlink", "write")
APPLY = ("apply", "-t", "prod", "--yes", "--json")


def project_of(folder: Path, cloud: Cloud) -> Project:
    project = Project(folder / "p", cloud.url, 'settle = "400ms"')
    for index in range(SPECS):
        project.write(f"clip-{index}.yaml", spec(width=index))
    return project


def require_finished(project: Project, cloud: Cloud) -> None:
    """The next apply finishes what was begun."""
    again = project.apply("--json")
    assert again.code == 0, again.all
    assert sorted(job.pushed["inputs"]["width"] for job in cloud.jobs) == [*range(SPECS)]
    assert project.remote("plan", "--detailed-exitcode").code == 0


def signalling(at: str, number: signal.Signals) -> Callable[[], None]:
    """In a child: the process gets the signal when the run tells of *at*, before anybody hears of it."""

    def prepare() -> None:
        from sieve_jobs.cli.progress import Progress

        emit = Progress.emit

        def watched(self: Progress, event: Event) -> None:
            if f"{event.kind}:{getattr(event, 'name', '')}".startswith(at):
                signal.raise_signal(number)
            emit(self, event)

        Progress.emit = watched  # type: ignore[method-assign]

    return prepare


@pytest.mark.parametrize(
    ("at", "number"),
    [
        ("pushing:clip-0", signal.SIGINT), ("pushing:clip-2", signal.SIGTERM), ("pushed:clip-2", signal.SIGINT),
        ("in_doubt:clip-1", signal.SIGTERM), ("waiting", signal.SIGINT), ("adopted", signal.SIGTERM),
        ("status", signal.SIGINT),
    ],
)  # fmt: skip
def test_a_signal_at_each_step_ends_the_run_in_order(tmp_path: Path, at: str, number: signal.Signals) -> None:
    script = script_of(["drop-after"], match='"width":1')
    script.outcomes, script.lag_calls = [Outcome(polls=1)], 1
    with Cloud.running(script) as cloud:
        project = project_of(tmp_path, cloud)
        with forked(project.root, APPLY, environment(), signalling(at, number)) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == CODES[number], err
        assert "Traceback" not in err
        assert json.loads(out)["format_version"]
        if at.startswith("pushing:clip-0"):
            assert len(cloud.pushes) == 1
        require_finished(project, cloud)
        assert len(cloud.pushes) == SPECS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once_and_the_intent_stays(tmp_path: Path, number: signal.Signals) -> None:
    with Cloud.running(Script(faults=[Fault("hang", created=True)])) as cloud:
        project = project_of(tmp_path, cloud)
        with forked(project.root, APPLY[:-1], environment()) as process:
            cloud.wait_for(lambda seen: bool(seen.pushes))
            process.send_signal(number)
            assert process.stderr is not None
            # What it says of the first one; the second comes after that.
            while "asked to stop" not in (line := process.stderr.readline()):
                assert line
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        assert process.returncode == CODES[number], err
        assert "looked for next time" in out
        assert len(cloud.pushes) == 1
        require_finished(project, cloud)
        assert len(cloud.pushes) == SPECS


INTERRUPTED = """
import sys
class CtrlC:
    def find_spec(self, name, path, target=None):
        if name == "sieve_jobs.cli.context":
            raise KeyboardInterrupt
sys.meta_path.insert(0, CtrlC())
from sieve_jobs.__main__ import command
command()
"""


def test_ctrl_c_while_the_command_is_being_loaded_is_no_traceback(tmp_path: Path) -> None:
    done = run_program([sys.executable, "-c", INTERRUPTED, "plan"], tmp_path)
    assert (done.code, done.out, done.err) == (130, "", "interrupted\n")


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("syscall", SYSCALLS)
def test_a_signal_at_each_system_call(tmp_path: Path, syscall: str, number: signal.Signals) -> None:
    """Every one that an apply makes, of *syscall*: `strace` sends the signal as it is entered."""
    ends: dict[int, int] = {}
    when = 0
    while True:
        when += step(when)
        script = script_of(["drop-after"], match='"width":1')
        with Cloud.running(script) as cloud:
            project = project_of(tmp_path / str(when), cloud)
            inject = f"inject={syscall}:signal={number.name}:when={when}"
            trace = ["strace", "-o", str(tmp_path / "trace"), "-e", f"trace={syscall}", "-e", inject]
            done = subprocess.run(
                [*trace, *COMMAND, *APPLY], cwd=project.root, env=environment(), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=60, check=False, preexec_fn=heeding,
            )  # fmt: skip
            reached = number.name in (tmp_path / "trace").read_text()
            if not reached:
                break
            ends[done.returncode] = ends.get(done.returncode, 0) + 1
            # Python itself, being started, knows nothing of us yet.
            if cloud.requests or "in command\n" in done.stderr or "Traceback" not in done.stderr:
                # Before it listens for SIGTERM the process ends by it; a signal at the very end comes too late.
                assert done.returncode in (CODES[number], -number, 0), done.stderr
                assert "Traceback" not in done.stderr, done.stderr
            if cloud.pushes:
                assert json.loads(done.stdout)["format_version"]
            require_finished(project, cloud)
            assert len(cloud.pushes) == SPECS
        shutil.rmtree(project.root)
    print(f"{syscall} {number.name}: {when - 1} calls, ends {ends}")
    assert ends


def heeding() -> None:
    """Whoever starts a soak in the background has Ctrl-C ignored by all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def step(when: int) -> int:
    """Files are opened by the hundred before anything happens: the more there were, the fewer of them are tried."""
    return 1 if when < 20 else 3 if when < 80 else 20
