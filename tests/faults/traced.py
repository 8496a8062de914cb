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
from collections.abc import Iterator, Mapping, Sequence
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
LONGEST = 30.0
"""Seconds after which a process is taken to hang."""
_WAKES = re.compile(r'^sendto\(\d+, "\\0", 1,')
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

    @property
    def rule(self) -> str:
        """As strace wants it said."""
        return f"{self.call}:{KINDS[self.kind]}:when={self.number}"


@dataclass(frozen=True)
class Traced:
    """A process that ended. *code* is negative where a signal ended it."""

    code: int
    out: str
    err: str
    lines: tuple[str, ...]
    """What strace wrote; nothing where the thread never began."""
    hangs: bool = False
    """It did not end by itself."""

    @property
    def injected(self) -> str | None:
        """The call that was made to fail; None if the process did not come so far."""
        if self.code == -signal.SIGKILL and not self.hangs:
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
    thread: int = MAIN, inject: Sequence[str] = (), calls: Sequence[str] = CALLS,
) -> Traced:  # fmt: skip
    """The command line in *root* to its end, with *calls* of its *thread*th thread told of and some made to fail.

    *inject* are rules of strace's, such as `fsync:error=EIO:when=3`.
    """
    told = trace.with_suffix(".thread")
    told.unlink(missing_ok=True)
    rules = [word for rule in inject for word in ("-e", f"inject={rule}")]
    strace = ("strace", "-s", "16", "-o", str(trace), "-e", f"trace={','.join(calls)}", *rules)
    with forked(root, arguments, environ, lambda: _stop_before(thread, told)) as process:
        tracer, hangs = None, False
        try:
            if _stopped(process.pid):
                tracer = attach(strace, int(told.read_text()))
                process.send_signal(signal.SIGCONT)
            try:
                out, err = process.communicate(timeout=LONGEST)
            except subprocess.TimeoutExpired:
                hangs = True
                process.kill()
                out, err = process.communicate()
        finally:
            process.kill()
            if tracer is not None:
                tracer.communicate(timeout=LONGEST)
    lines = tuple(trace.read_text().splitlines()) if tracer is not None else ()
    return Traced(process.returncode, out, err, lines, hangs)


def points(lines: tuple[str, ...], thread: int) -> Iterator[Point]:
    """What can befall the calls that *lines* tell of, each with its number among those of its name."""
    seen: Counter[str] = Counter()
    for line in lines:
        found = _CALL.match(line)
        if found is None:
            continue
        seen[found[1]] += 1
        if found[1] != "openat" or "O_CREAT" in line:
            # A thread wakes its event loop over a pair of sockets within the process: no disk and no network can fail.
            kinds = ("kill",) if line.startswith("sendto") and _WAKES.search(line) else KINDS
            yield from (Point(thread, found[1], seen[found[1]], kind) for kind in kinds)


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
    # To this very thread: one sent to the process may reach it a few calls later.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def _stopped(pid: int) -> bool:
    """Waits until the process *pid* has stopped itself; False if it ended instead."""
    seen = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return seen is not None and seen.si_code == os.CLD_STOPPED


def attach(strace: tuple[str, ...], thread: int) -> subprocess.Popen[str]:
    """Puts the command *strace* on that thread, and returns once it is there."""
    tracer = subprocess.Popen([*strace, "-p", str(thread)], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    assert "attached" in said, said
    return tracer
