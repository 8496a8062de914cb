"""A file that keeps room on the disk: given up so that what a job became can be recorded when nothing else fits."""

from __future__ import annotations

import errno
import os
from pathlib import Path

SIZE = 1 << 20
"""Bytes. One commit of 64 results scattered over 10,000 entries takes 920 kB of log, measured."""


class Reserve:
    """The reserve of one state. A push is only begun while it is there."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}-reserve")
        self._given_up = False

    def ensure(self) -> None:
        """Makes sure that it is there. Raises OSError (ENOSPC) where there is no room for it, or it was used up."""
        if self._given_up:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        try:
            if self._path.lstat().st_size == SIZE:
                return
        except FileNotFoundError:
            pass
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        except OSError:
            self._path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def give_up(self) -> bool:
        """Frees the room; False if there was none to free, or it has been freed before."""
        if self._given_up:
            return False
        self._given_up = True
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
