"""Parts: files on their way to their place, under a name of their own beside it, so that none is ever seen half."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
from pathlib import Path

_NAME = re.compile(r"\.sieve-jobs-[0-9a-f]{16}\.part")
_OLD = 60.0
"""Seconds after which a part that nobody holds was left by a process that is gone."""


class Part:
    """One file on its way. Hashed as it is written; gone unless it is put in its place."""

    def __init__(self, folder: Path) -> None:
        """Makes the file, with the mode that the process gives new files. Raises OSError."""
        self._path = folder / f".sieve-jobs-{os.urandom(8).hex()}.part"
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._digest = hashlib.sha256()
        self.size = 0
        # Held until this process ends, however it does: what nobody holds may be cleared away.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def expect(self, size: int) -> None:
        """Raises OSError if the disk has no room for *size* bytes."""
        free = shutil.disk_usage(self._path.parent).free
        if size > free:
            raise OSError(f"{size:,} bytes, and the disk has room for {free:,}")

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.size += len(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def restart(self) -> None:
        """Forgets what was written."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digest, self.size = hashlib.sha256(), 0

    def seal(self) -> None:
        """Returns once all of it is on the disk."""
        os.fsync(self._descriptor)

    def give(self, place: Path) -> None:
        """Puts it in its place, whole; what was there is replaced."""
        self._path.replace(place)
        self._close()

    def discard(self) -> None:
        """Removes it, unless it was given."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def clear_leftovers(folder: Path) -> None:
    """Removes parts in *folder* whose process is gone. What cannot be removed stays."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if _NAME.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_mtime < time.time() - _OLD:
                _clear(Path(entry.path))


def _clear(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)
