"""The command line under strace: every call of it that writes, thread by thread, and one of them made to fail.

strace counts the calls of each thread, so it is put on one thread alone: the process stops itself before its first
step, a thread before its own, until strace is there. What is counted is the product as it is, with all its threads.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tests.forked import forked

CALLS = (
    "write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate",
    "rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat", "mkdir",
    "mkdirat", "rmdir", "connect", "sendto", "sendmsg", "openat",
)  # fmt: skip
"""System calls that change something outside of the process; of openat those with O_CREAT."""
KINDS: Mapping[str, str] = {"kill": "signal=KILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC"}
MAIN = 0
_CALL = re.compile(r"^(\w+)\((.*)$")


@dataclass(frozen=True, order=True)
class Point:
    """The *number*th *call* of the *thread*th thread (0 is the main one, others as they start), and what it meets."""

    thread: int
    call: str
    number: int
    kind: str

    @property
    def id(self) -> str:
        return f"{self.thread}:{self.call}:{self.number}:{self.kind}"


@dataclass(frozen=True)
class Traced:
    """A process that ended. *code* is negative where a signal ended it."""

    code: int
    out: str
    err: str
    lines: tuple[str, ...]
    """What strace wrote; nothing where the thread never began."""

    @property
    def injected(self) -> str | None:
        """The call that was made to fail; None if the process did not come so far."""
        if self.code == -signal.SIGKILL:
            return next((line for line in reversed(self.lines) if _CALL.match(line)), None)
        return next((line for line in self.lines if "(INJECTED)" in line), None)


def available() -> bool:
    """Whether strace is here and may trace."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return tried.returncode == 0


def run(
    root: Path, arguments: tuple[str, ...], environ: Mapping[str, str], trace: Path, *,
    program: Callable[[], object] | None = None, point: Point | None = None, thread: int = MAIN,
) -> Traced:  # fmt: skip
    """The command line in *root* to its end, with *point* made to fail, or every call of *thread* counted."""
    which = thread if point is None else point.thread
    calls = CALLS if point is None else (point.call,)
    inject = () if point is None else ("-e", f"inject={point.call}:{KINDS[point.kind]}:when={point.number}")
    told = trace.with_suffix(".thread")
    told.unlink(missing_ok=True)
    more = {} if program is None else {"program": program}
    # Lines are short where they may be: what is written is not looked at, what is opened is.
    strace = ("strace", "-s", "0", "-o", str(trace), "-e", f"trace={','.join(calls)}", *inject)
    with forked(root, arguments, environ, lambda: _stop_before(which, told), **more) as process:  # type: ignore[arg-type]
        try:
            tracer = None
            if _stopped(process.pid):
                tracer = _attach(strace, int(told.read_text()))
                process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=60)
            if tracer is not None:
                tracer.communicate(timeout=60)
        finally:
            process.kill()
    lines = tuple(trace.read_text().splitlines()) if tracer is not None else ()
    return Traced(process.returncode, out, err, lines)




def count(lines: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """The calls that *lines* tell of, each with its number among those of its name."""
    seen: Counter[str] = Counter()
    for line in lines:
        found = _CALL.match(line)
        if found is None:
            continue
        seen[found[1]] += 1
        if found[1] != "openat" or "O_CREAT" in line:
            yield found[1], seen[found[1]]


def _stop_before(thread: int, told: Path) -> None:
    """In the child: stops the process at the first step of its *thread*th thread, after telling that thread's id."""
    if thread == MAIN:
        _stop(told)
        return
    started = iter(range(1, thread + 1))

    def begins(_frame: FrameType, _event: str, _argument: object) -> None:
        sys.setprofile(None)
        if next(started, None) == thread:
            _stop(told)

    threading.setprofile(begins)


def _stop(told: Path) -> None:
    told.write_text(str(threading.get_native_id()))
    os.kill(os.getpid(), signal.SIGSTOP)


def _stopped(pid: int) -> bool:
    """Waits until the process *pid* has stopped itself; False if it ended instead."""
    seen = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return seen is not None and seen.si_code == os.CLD_STOPPED


def _attach(strace: tuple[str, ...], thread: int) -> subprocess.Popen[str]:
    tracer = subprocess.Popen([*strace, "-p", str(thread)], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    assert "attached" in said, said
    return tracer
