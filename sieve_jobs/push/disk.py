"""Saved outputs on the disk: what lies there, whether it is what was saved, and how files get to their place."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.push.part import Part
from sieve_jobs.state.entry import Entry, PastJob, Saved, SavedFile

_PIECE = 1 << 20
_PRIVATE = frozenset({".git", ".sieve-jobs"})


class NotSavedError(Exception):
    """Outputs that were not saved: code, message and hint of the problem."""

    def __init__(self, code: Code, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


@dataclass(slots=True)
class Fetched:
    """An output on its way to *target*; its *part* is None where it lies there already."""

    file: SavedFile
    target: Path
    part: Part | None


def are_there(files: Iterable[SavedFile], root: Path) -> bool:
    """Whether all *files* lie below *root* as they were saved."""
    return all(_is_there(file, root / file.path) for file in files)


def is_kept(saved: Saved | None, place: str, root: Path, since: Saved | None) -> bool:
    """Whether an earlier job's saved outputs are still there: looked at where this folder, *place*, saved them.

    Where another one did, and its run ended in order, they count as there unless what was saved *since* lies on them.
    """
    if saved is None:
        return False
    if saved.place == place and (saved.complete or saved.files):
        return are_there(saved.files, root)
    if not saved.complete:
        return False
    later = {file.path: file for file in since.files} if since is not None else {}
    return all(later.get(file.path, file) == file for file in saved.files)


def holds(jobs: Iterable[Entry | PastJob], file: SavedFile) -> bool:
    """Whether one of *jobs* saved *file* as it is."""
    return any(job.saved is not None and file in job.saved.files for job in jobs)


def _is_there(file: SavedFile, path: Path) -> bool:
    try:
        return path.stat().st_size == file.size and on_disk(path, file.path) == file
    except OSError:
        return False


def on_disk(path: Path, shown: str) -> SavedFile | None:
    """A regular file as it lies there; None for anything else. Raises OSError."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return None
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return SavedFile(shown, size, digest.hexdigest())


def folder_of(root: Path, path: str) -> Path:
    """The folder at *path* below *root*, made where it is missing. Raises NotSavedError for one outside."""
    top = Path(os.path.realpath(root))
    folder = Path(os.path.realpath(root / path))
    inside = folder.is_relative_to(top) and not _PRIVATE & {part.casefold() for part in folder.relative_to(top).parts}
    if not inside:
        hint = "move the link's target into the project, or save elsewhere"
        raise NotSavedError(Code.OUTPUTS_NOT_SAVED, f"could not save to '{path}': it leads out of the project", hint)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def put(fetched: Iterable[Fetched]) -> None:
    """Puts every file in its place, durably."""
    folders: set[Path] = set()
    for each in fetched:
        if each.part is not None:
            each.part.give(each.target)
            each.part = None
            folders.add(each.target.parent)
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def why(error: OSError) -> str:
    """What the operating system says, as a part of a message."""
    where = f" '{error.filename}'" if isinstance(error.filename, str) else ""
    return f"{(error.strerror or str(error)).lower()}{where}"
