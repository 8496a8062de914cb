"""What a job has of its worker to itself: its environment, temporary and working folder, put back when it is over."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


def _environment() -> dict[bytes, bytes]:
    """All of `os.environ`, from behind it where that is possible: going through it costs as much as a small job."""
    found = getattr(os.environ, "_data", None)
    return dict(found) if isinstance(found, dict) else dict(os.environb)


@dataclass(slots=True)
class Rooms:
    """One after the other, on one worker. Their temporary folders are below *scratch*."""

    scratch: Path
    _home: str = field(default_factory=os.getcwd)
    _before: dict[bytes, bytes] = field(default_factory=_environment)
    _spare: tuple[str, tuple[int, ...]] | None = None
    """The folder of the last job, where that left it as it got it; and how it looked when it was made."""

    @contextmanager
    def room(self, environ: Mapping[str, str]) -> Iterator[Path]:
        """A temporary folder with nothing in it, and *environ* over the worker's own.

        Afterwards folder, environment and working folder are as they were, whatever the job did to them. To make a
        folder and to remove it waits for the disk where others write to it: one that was not used is used again.
        """
        temporary = tempfile.tempdir
        folder, made = self._empty()
        os.environ.update({**environ, "TMPDIR": folder})
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = temporary
            self._put_back()
            os.chdir(self._home)
            if _look(folder) == made:
                self._spare = folder, made
            else:
                shutil.rmtree(folder, ignore_errors=True)

    def _empty(self) -> tuple[str, tuple[int, ...]]:
        spare, self._spare = self._spare, None
        return spare if spare is not None and _look(spare[0]) == spare[1] else _temporary(self.scratch)

    def _put_back(self) -> None:
        after, before = _environment(), self._before
        for name in after.keys() - before.keys():
            del os.environb[name]
        os.environb.update(before.items() - after.items())


def _temporary(scratch: Path) -> tuple[str, tuple[int, ...]]:
    try:
        folder = tempfile.mkdtemp(dir=scratch)
    except FileNotFoundError:  # a job has removed it
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(dir=scratch)
    return folder, _look(folder)


def _look(folder: str) -> tuple[int, ...]:
    """What is not the same any more once something was done in a folder or to it; empty if it is not there.

    Its times alone are too coarse to tell: what came within the same tick of the clock is still to be counted.
    """
    try:
        found = os.lstat(folder)
        names = os.listdir(folder)  # noqa: PTH208 - of every job, and a Path costs more than the call
        return len(names), found.st_ino, found.st_mode, found.st_uid, found.st_ctime_ns
    except OSError:
        return ()
