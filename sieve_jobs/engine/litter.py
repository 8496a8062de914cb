"""Folders of output files, uploads and environments on the disk: which there are, how large, and taken away.

Links are never followed: what was put in place of a folder or a file is removed as the link it is, and nothing is
touched outside the folder that was named. Everything here blocks: call it off the event loop.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sieve_jobs.engine.retention import ID

_TOLD = 10
"""Problems that are told of; more are alike."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed, or would be. *bytes* are those that no other name holds."""

    files: int = 0
    bytes: int = 0
    folders: int = 0
    """Of those that were named."""
    problems: tuple[str, ...] = ()

    def __add__(self, other: Removed) -> Removed:
        return Removed(
            self.files + other.files,
            self.bytes + other.bytes,
            self.folders + other.folders,
            (self.problems + other.problems)[:_TOLD],
        )


def names_in(folder: Path) -> list[str]:
    """The names in *folder* that ids could be; none where it is not there. What else lies there is not ours."""
    try:
        return [name for name in os.listdir(folder) if ID.fullmatch(name)]  # noqa: PTH208 -- names alone are wanted
    except OSError:
        return []


def uploads_in(folder: Path) -> list[tuple[str, float]]:
    """The folders of uploads, and when anything in each was last written, as a Unix time."""
    if folder.is_symlink():
        return []
    return [(name, changed) for name in names_in(folder) if (changed := _changed(folder / name)) is not None]


def remove(folder: Path, names: Iterable[str], *, dry: bool = False) -> Removed:
    """Removes what *names* are in *folder*, with all that is in it; *dry* only measures."""
    total = Removed()
    try:
        above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return Removed(problems=(f"{folder}: {error.strerror}",))
    try:
        for name in names:
            total += _remove(above, folder, name, dry)
    finally:
        os.close(above)
    return total


def _remove(above: int, folder: Path, name: str, dry: bool) -> Removed:
    try:
        found = os.stat(name, dir_fd=above, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            if not dry:
                os.unlink(name, dir_fd=above)
            return Removed(1, _own_bytes(found), 1)
        sizes = list(_emptied(above, name, dry))
        if not dry:
            os.rmdir(name, dir_fd=above)
    except FileNotFoundError:
        return Removed()
    except (OSError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "folders are nested too deeply"
        return Removed(problems=(f"{folder / name}: {why}",))
    return Removed(len(sizes), sum(sizes), 1)


def _emptied(above: int, name: str, dry: bool) -> Iterator[int]:
    """Takes all that is in a folder away, in one walk: the bytes that go with each file."""
    for _, folders, files, here in os.fwalk(name, topdown=False, dir_fd=above, follow_symlinks=False):
        for each in (*files, *folders):
            found = os.stat(each, dir_fd=here, follow_symlinks=False)
            is_folder = stat.S_ISDIR(found.st_mode)
            if not dry:
                (os.rmdir if is_folder else os.unlink)(each, dir_fd=here)
            if not is_folder:
                yield _own_bytes(found)


def _own_bytes(found: os.stat_result) -> int:
    """The bytes that go with this name: a file with another one stays where that is."""
    return found.st_size if found.st_nlink == 1 and stat.S_ISREG(found.st_mode) else 0


def _changed(folder: Path) -> float | None:
    """When a folder or anything right in it was last written; None if it is not there any more."""
    try:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            return found.st_mtime
        with os.scandir(folder) as entries:
            return max([found.st_mtime, *(entry.stat(follow_symlinks=False).st_mtime for entry in entries)])
    except OSError:
        return None
