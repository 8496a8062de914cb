"""Poller: finds changes by looking at the files again and again, where the system does not tell of them.

The one that comes with watchfiles compares times in whole seconds and so misses a second save within one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable

Seen = dict[str, tuple[int, int, int]]


class Poller:
    """Looks at what lies directly in *folders*, every *pause* seconds."""

    def __init__(self, folders: Iterable[str], pause: float) -> None:
        self._folders, self._pause = list(folders), pause
        self._seen = _look(self._folders)

    def watch(
        self, debounce_ms: int, step_ms: int, timeout_ms: int, stop_event: threading.Event
    ) -> set[tuple[int, str]] | str:
        """What changed, once something did, with 0 for what happened to it; "stop" once *stop_event* is set."""
        while not stop_event.wait(self._pause):
            before, self._seen = self._seen, _look(self._folders)
            changed = {path for path, _ in before.items() ^ self._seen.items()}
            if changed:
                return {(0, path) for path in changed}
        return "stop"

    def close(self) -> None:
        """Nothing is held open."""


def _look(folders: Iterable[str]) -> Seen:
    seen: Seen = {}
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        status = entry.stat()
                    except OSError:  # gone meanwhile, or a link to nothing
                        seen[entry.path] = (0, 0, 0)
                    else:
                        # A folder's own time changes with whatever lies in it, which is looked at by itself.
                        changed = 0 if entry.is_dir() else status.st_mtime_ns
                        seen[entry.path] = (changed, 0 if entry.is_dir() else status.st_size, status.st_ino)
        except OSError:
            continue
    return seen
