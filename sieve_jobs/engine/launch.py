"""How the command line gets an engine: the one that runs for the project, or one that ends with its last user.

Light on purpose: this module is imported by every verb that talks to the local target, the engine's are not.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from sieve_jobs.engine import home as homes
from sieve_jobs.engine.home import Home, HomeError
from sieve_jobs.engine.settings import Settings, absolute
from sieve_jobs.wire import KEY_HEADER

_START = 30.0
"""Seconds an engine may take to start, or one that ends to be gone."""
_END = 30.0
_LONGEST_START = 600.0
"""Seconds until an engine that was started must answer: it may have a large database to bring along first."""
_CALL = 5.0
_PAUSE = 0.02
_LOG_BYTES = 4 * 1024 * 1024
"""A log of more than this is begun anew."""


Waiting: TypeAlias = Callable[[int, float], None]
"""Told of how many events an engine stays for before it ends, and for how many seconds at most."""


class EngineError(RuntimeError):
    """There is no engine to be had. The message says why; what the engine printed is in its log."""


class Running(AbstractContextManager["Running"]):
    """An engine that answers, for as long as this is open. Leaving it ends the engine if nobody else uses it."""

    def __init__(
        self, url: str, key: str, users: int, child: subprocess.Popen[str] | None, waiting: Waiting | None = None
    ) -> None:
        self.url = url
        self.key = key
        self.started = child is not None
        """Whether this call started it."""
        self.requeued: int | None = None
        """After leaving: how many running jobs the engine queued again as it ended; None if it goes on."""
        self.undelivered = 0
        """After leaving an engine that ended: its webhook events that are left to the next one, or were given up."""
        self._users = users
        self._child = child
        self._waiting = waiting

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the engine, and waits for its end if it ends now. Safe to call twice."""
        if self._users < 0:
            return
        os.close(self._users)
        self._users = -1
        if self._child is not None:
            told = _release(self._child, self._waiting)
            if told is not None:
                self.requeued, self.undelivered = _number(told, "requeued"), _number(told, "undelivered")


def attach(
    root: Path,
    *,
    workers: int,
    functions: Sequence[Path],
    owner: str,
    log: Path | None = None,
) -> Running:
    """The engine of the project at *root*: the one that runs, else a new one as a child of this process.

    *workers* 0 is for verbs that only read; an engine found without workers is given *workers* of them. A child
    outlives this process only while others use it. *log* takes what it prints, by default `log` in its folder.
    Raises EngineError.
    """
    root = root.resolve()
    settings = Settings(
        root=root, functions=absolute(root, functions), owner=owner, workers=workers, ends_with_users=True
    )
    return attach_with(settings, log)


def attach_with(
    settings: Settings,
    log: Path | None = None,
    waiting: Waiting | None = None,
    *,
    comeback: float = 0.0,
    wanted: Callable[[], bool] = lambda: True,
) -> Running:
    """`attach` with settings of one's own; they count only if the engine is started here.

    None is started before *comeback* seconds are over. Raises EngineError soon after it is no longer *wanted*.
    *waiting* is told on leaving, where the engine stays for webhook events whose retry is due soon. Ctrl-C then
    leaves them to the next engine.
    """
    may_start = time.monotonic() + comeback
    try:
        home = homes.make_home(settings.root)
        users = _use(home, wanted)
    except (HomeError, OSError) as error:
        raise EngineError(str(error)) from error
    try:
        deadline = time.monotonic() + _START
        while True:
            url, child = _find(home), None
            if url is None and time.monotonic() >= may_start and not homes.is_locked(home.lock_file):
                url, child = _start(settings, home, log, wanted)
            if url is not None:
                return Running(url, _proven_key(home, url, settings.workers), users, child, waiting)
            if time.monotonic() > deadline:
                raise EngineError("another engine holds the lock but does not answer")
            _rest(wanted)
    except BaseException as error:
        os.close(users)
        if isinstance(error, HomeError | OSError):
            raise EngineError(str(error)) from error
        raise


def path_on_disk(root: Path, url: str) -> Path | None:
    """Where the output file behind a signed URL of the project's engine lies; None if it is no such URL.

    The file may have been removed; nothing is checked.
    """
    steps = urlsplit(url).path.split("/")
    if len(steps) != 7 or steps[1:3] != ["v2", "files"]:
        return None
    job_id, file_id, name = (unquote(step) for step in steps[4:])
    if any("/" in part or part in {"", ".", ".."} for part in (job_id, file_id, name)):
        return None
    return homes.home_of(root.resolve()).files / job_id / file_id / name


def _rest(wanted: Callable[[], bool]) -> None:
    """A moment until the next look. Raises EngineError where there need be none."""
    if not wanted():
        raise EngineError("nobody waits for it any more")
    time.sleep(_PAUSE)


def _use(home: Home, wanted: Callable[[], bool]) -> int:
    """A share in `users`: while one is held, no engine ends by itself. Waits for one that is ending."""
    deadline = time.monotonic() + _START
    while (users := homes.try_lock(home.users_file, shared=True)) is None:
        if time.monotonic() > deadline:
            raise EngineError("the engine of this project does not end")
        _rest(wanted)
    return users


def _find(home: Home) -> str | None:
    """The URL of the engine that runs, once it answers under the id in its endpoint file; else None."""
    if not homes.is_locked(home.lock_file):
        return None
    endpoint = homes.read_endpoint(home)
    if endpoint is None:
        return None
    try:
        status, body = _call(endpoint.url, "GET", homes.HEALTH, "")
    except (OSError, ValueError):
        return None
    return endpoint.url if status == 200 and body.get("instance") == endpoint.instance else None


def _start(
    settings: Settings, home: Home, log: Path | None, wanted: Callable[[], bool]
) -> tuple[str | None, subprocess.Popen[str] | None]:
    """Starts an engine and waits until it answers; (None, None) if another was elected. Raises EngineError."""
    path = log or home.folder / "log"
    keeps = not path.exists() or path.stat().st_size < _LOG_BYTES
    with open(path, "a" if keeps else "w", encoding="utf-8", opener=_private) as errors:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "sieve_jobs.engine"],  # -P: a project's types.py is not the library's
            cwd=settings.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C at the terminal is for the command: it ends the engine itself
        )
    told: dict[str, object] = {}
    try:
        assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 -- both are pipes
        child.stdin.write(settings.as_json() + "\n")
        child.stdin.flush()
        deadline = time.monotonic() + _LONGEST_START
        while not select.select([child.stdout], [], [], _PAUSE)[0]:
            if time.monotonic() > deadline:
                raise EngineError(f"the engine did not start within {_LONGEST_START:g} s; see {errors.name}")
            _rest(wanted)
        line = child.stdout.readline()
        told = json.loads(line) if line else {}
    except (OSError, ValueError):
        told = {}
    except BaseException:  # Ctrl-C while it starts
        _end(child)
        raise
    if "url" in told:
        return str(told["url"]), child
    status = _end(child)
    if status == homes.ELECTED_ELSEWHERE:
        return None, None
    raise EngineError(str(told.get("error") or f"the engine did not start (status {status}); see {errors.name}"))


def _proven_key(home: Home, url: str, workers: int) -> str:
    """The key, proven on the engine, which is given workers if it has none. Raises EngineError."""
    key = homes.read_key(home, os.environ)
    if key is None:
        raise EngineError(f"the engine runs, but its key is not in {home.key_file}")
    try:
        status, body = _call(url, "GET", homes.STATE, key)
        if status == 200 and body.get("workers") == 0 and workers > 0:
            status, body = _call(url, "POST", homes.STATE, key, json.dumps({"workers": workers}))
    except (OSError, ValueError) as error:
        raise EngineError(f"the engine at {url} does not answer: {error}") from error
    if status == 401:
        raise EngineError(f"the engine at {url} has another key; is {homes.KEY_VARIABLE} as it was when it started?")
    if status != 200:
        raise EngineError(f"the engine at {url} answered {status}")
    return key


def _release(child: subprocess.Popen[str], waiting: Waiting | None) -> dict[str, object] | None:
    """Tells the child that this process is done; what it said at its end. None if it goes on, for others."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 -- both are pipes
    child.stdin.close()
    told = _said(child)
    if told.get("goes_on"):
        child.stdout.close()
        threading.Thread(target=child.wait, name="engine", daemon=True).start()  # reaped whenever it ends
        return None
    if "waits_for" in told:
        try:
            if waiting is not None:
                waiting(_number(told, "waits_for"), _number(told, "longest"))
            told = _said(child)
        except KeyboardInterrupt:  # it has nothing to do but to stay: that is what is not wanted any more
            child.terminate()
            told = _said(child)
    _end(child)
    return told


def _said(child: subprocess.Popen[str]) -> dict[str, object]:
    """What the child says next; nothing at its end."""
    assert child.stdout is not None  # noqa: S101 -- a pipe
    try:
        line = child.stdout.readline()
        told = json.loads(line) if line else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _number(told: Mapping[str, object], name: str) -> int:
    number = told.get(name)
    return int(number) if isinstance(number, int | float) else 0


def _end(child: subprocess.Popen[str]) -> int:
    """Closes the pipes and waits for the exit status; an engine that does not end is killed."""
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        return child.wait(_END)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _call(url: str, method: str, path: str, key: str, body: str = "") -> tuple[int, dict[str, object]]:
    """One request without an HTTP library, which would cost more to import than the engine to find."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    head += [f"{KEY_HEADER}: {key}"] if key else []
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    with socket.create_connection((host, int(port)), timeout=_CALL) as connection:
        connection.sendall("\r\n".join([*head, "", body]).encode())
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    lines, _, content = received.partition(b"\r\n\r\n")
    parsed = json.loads(content)
    return int(lines.split(b" ", 2)[1]), parsed if isinstance(parsed, dict) else {}
