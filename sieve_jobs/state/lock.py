"""The lock on a state: one writer at a time, named, freed by the kernel when its process ends however it ends.

What counts is the flock on the file. Its content says who holds it and is for people only: it may be old, or a lie.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import LockedError
from sieve_jobs.state.folder import require_own_file
from sieve_jobs.state.problems import read_only, shown

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.25
"""Seconds between tries: they double from the first to the longest."""
_LONGEST_CONTENT = 4096
_LONGEST_URL = 1000


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, for people. *command* is the verb and target, never an argument's value: those are secret."""

    user: str
    host: str
    pid: int
    started_at: datetime
    command: str
    run_url: str = ""
    """The page of the CI run, where there is one."""


def this_process(command: str, environ: Mapping[str, str], now: datetime) -> Owner:
    """This process as owner, from *now* on."""
    user = environ.get("LOGNAME") or environ.get("USER") or f"uid {os.geteuid()}"
    return Owner(user, os.uname().nodename, os.getpid(), now, command, run_url(environ))


def run_url(environ: Mapping[str, str]) -> str:
    """The page of the CI run this process belongs to; empty outside of CI, and where it is not known."""
    server, repository, run = (environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return environ.get("CI_JOB_URL") or environ.get("BUILD_URL") or environ.get("BUILDKITE_BUILD_URL") or ""


@contextmanager
def hold(
    path: Path,
    *,
    owner: Owner,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Holds the lock at *path* inside the with block; waits up to *timeout* seconds for it.

    Raises LockedError naming the holder as the file tells it, StateError where the file cannot be used. The lock is
    not handed on to programs this process starts.
    """
    descriptor = _acquire(path, timeout, clock, sleep)
    try:
        try:
            _write_owner(descriptor, owner)
        except OSError as error:
            raise read_only(path, error.strerror or str(error)) from error
        yield
    finally:
        # Emptied before it is freed, so that nobody reads this process as the holder of the next one's lock.
        with suppress(OSError):  # the name of one who is gone misleads people, and nothing else
            os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _acquire(path: Path, timeout: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> int:
    deadline = clock() + timeout
    pause = _FIRST_PAUSE
    while True:
        descriptor = _open(path)
        try:
            if _try_lock(descriptor, path):
                return descriptor
            left = deadline - clock()
            if left <= 0:
                raise _locked(path, _read_owner(descriptor), timeout)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise read_only(path, error.strerror or str(error)) from error
    try:
        require_own_file(path, descriptor=descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _try_lock(descriptor: int, path: Path) -> bool:
    """Takes the lock if it is free and the file still has its name: a deleted one guards nothing."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise read_only(path, f"it cannot be locked ({error.strerror})") from error
    try:
        named = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def _write_owner(descriptor: int, owner: Owner) -> None:
    content = {
        "user": owner.user,
        "host": owner.host,
        "pid": owner.pid,
        "started_at": owner.started_at.astimezone(UTC).isoformat(timespec="seconds"),
        "command": owner.command,
        "run_url": owner.run_url,
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode(), 0)


def _read_owner(descriptor: int) -> Owner | None:
    """The holder as the content tells it; None for content that tells nothing."""
    try:
        content = json.loads(os.pread(descriptor, _LONGEST_CONTENT, 0))
        started_at = datetime.fromisoformat(content["started_at"])
        user, host, command = (str(content[key])[:200] for key in ("user", "host", "command"))
        page = str(content.get("run_url", ""))[:_LONGEST_URL]
        return Owner(user, host, int(content["pid"]), started_at.astimezone(UTC), command, page)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _locked(path: Path, holder: Owner | None, timeout: float) -> LockedError:
    if holder is None:
        who = "another process"
    else:
        since = f"{holder.started_at:%Y-%m-%d %H:%M:%SZ}"
        who = f"{holder.user} on {holder.host}: '{holder.command}', pid {holder.pid}, since {since}"
        who += f", {holder.run_url}" if holder.run_url else ""
    waited = f" after waiting {timeout:g} s" if timeout > 0 else ""
    return LockedError(
        Diagnostic(
            Code.STATE_LOCKED,
            f"the state '{shown(path.with_suffix('.db'))}' is locked{waited} by {who}",
            hint="--lock-timeout 60s waits for it; a process that died holds nothing",
        )
    )
