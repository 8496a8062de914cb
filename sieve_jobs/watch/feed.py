"""Feed: changed paths as the system tells of them, by watchfiles, in an event loop. Looks at folders one by one.

Folders are not followed downwards by the system: a project's root may hold a hundred thousand that mean nothing.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from sieve_jobs.watch.poller import Poller

STEP, GROUP = 5, 25
"""Milliseconds between looks at what came in, and for which changes are handed over together."""
POLL_PAUSE = 250
"""Milliseconds between looks at files where the system does not tell of changes."""


class Notifier(Protocol):
    """What tells of changes: watchfiles, or our own looking again and again."""

    def watch(
        self, debounce_ms: int, step_ms: int, timeout_ms: int, stop_event: threading.Event
    ) -> set[tuple[int, str]] | str: ...

    def close(self) -> None: ...


class Feed:
    """Changes of what lies in some folders. To be made and used in one event loop, and closed."""

    def __init__(self, *, poll: bool, say_polling: Callable[[str], None]) -> None:
        """*poll*: look at the files again and again. *say_polling* is told once why that had to be begun."""
        self._loop = asyncio.get_running_loop()
        self._poll = poll
        self._say_polling = say_polling
        self._folders: frozenset[tuple[str, int, int]] = frozenset()
        self._stop: threading.Event | None = None
        self._paths: set[str] = set()
        self._came = asyncio.Event()

    def look_at(self, folders: Iterable[str]) -> bool:
        """Looks at *folders*, those that are there, from now on. Whether that is a change.

        The new look begins before the old one ends, so that nothing is missed between.
        """
        found = _there(folders)
        if found == self._folders and self._stop is not None:
            return False
        before, self._stop = self._stop, threading.Event()
        notifier = self._open([path for path, _, _ in found])
        self._folders = found
        threading.Thread(target=self._read, args=(notifier, self._stop), name="watch", daemon=True).start()
        if before is not None:
            before.set()
        return True

    def take(self) -> set[str]:
        """What changed since the last call."""
        taken, self._paths = self._paths, set()
        self._came.clear()
        return taken

    def wake(self) -> None:
        """As if something had changed: `come` returns, and there may be nothing to take."""
        self._came.set()

    async def come(self) -> None:
        """Returns once something changed."""
        await self._came.wait()

    def close(self) -> None:
        if self._stop is not None:
            self._stop.set()
            self._stop = None

    def _open(self, paths: list[str]) -> Notifier:
        from watchfiles._rust_notify import RustNotify

        if self._poll:
            return Poller(paths, POLL_PAUSE / 1000)
        try:
            # Not told to ignore what is not permitted, it also says when the system's limit is reached.
            return RustNotify(paths, False, False, POLL_PAUSE, False, False)
        except FileNotFoundError:
            # It went between the look and the call: the parent's watch tells of it, and of its return.
            return self._open([path for path in paths if Path(path).is_dir()])
        except (OSError, RuntimeError) as error:
            self._poll = True
            self._say_polling(str(error).partition(" about ")[0].rstrip("."))
            return self._open(paths)

    def _read(self, notifier: Notifier, stop: threading.Event) -> None:
        """In a thread of its own, which ends with *stop*."""
        try:
            while not stop.is_set():
                changes = notifier.watch(GROUP, STEP, 0, stop)
                if isinstance(changes, str):
                    return
                self._loop.call_soon_threadsafe(self._got, {path for _, path in changes})
        except RuntimeError:  # the loop is closed: nobody waits any more
            return
        finally:
            notifier.close()

    def _got(self, paths: set[str]) -> None:
        self._paths |= paths
        self._came.set()


def _there(folders: Iterable[str]) -> frozenset[tuple[str, int, int]]:
    """Those of *folders* that are there, each with what tells it from another one of its name."""
    found: set[tuple[str, int, int]] = set()
    for path in folders:
        try:
            status = os.stat(path)  # noqa: PTH116 - for many folders at each round
        except OSError:
            continue
        if os.access(path, os.R_OK):
            found.add((path, status.st_dev, status.st_ino))
    return frozenset(found)
