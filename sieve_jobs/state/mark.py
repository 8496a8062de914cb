"""The high-water mark beside a state: the serial that was last written here, so that an older file is noticed.

It is written after a commit is durable and is not synced itself: it may lag behind, never run ahead.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_LONGEST = 256


class Mark:
    """Serial last written here, and the lineage it belongs to."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}-serial")
        self._descriptor: int | None = None

    def read(self) -> bytes:
        """What it says. Read it before the state: one written in between would look newer than the state."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.read(descriptor, _LONGEST)
        finally:
            os.close(descriptor)

    def write(self, lineage: str, serial: int) -> None:
        """Raises it to *serial*. What cannot be written is left: it guards, and nothing rests on it."""
        with contextlib.suppress(OSError):
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o600)
            os.pwrite(self._descriptor, b"%s %020d\n" % (lineage.encode(), serial), 0)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def seen(mark: bytes) -> tuple[str, int]:
    """Lineage and serial that a mark tells; an empty one and 0 where it tells none."""
    words = mark.split()
    if len(words) == 2 and words[0].isascii() and words[1].isdigit():
        return words[0].decode(), int(words[1])
    return "", 0
