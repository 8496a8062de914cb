"""Files of the project that specs name as inputs: found beneath the root, hashed, and unchanged until sent."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import InvalidError
from sieve_jobs.spec.jobspec import LocalFile

Stamp: TypeAlias = tuple[int, int, int, int]
"""Size, mtime, inode and ctime (ns): a file with an equal stamp has the bytes it had."""

HashOf: TypeAlias = Callable[[str, Stamp], "str | None"]
"""The remembered sha256 of a path with that stamp, None where it is not known."""

_CHUNK = 1 << 20


class LocalFileError(Exception):
    """A file input that cannot be used: code and message of its finding."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def stamp_of(status: os.stat_result) -> Stamp:
    return (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)


def read_local_file(shown: str, *, beside: Path, root: Path, known: HashOf) -> tuple[LocalFile, Stamp]:
    """The file *shown* names, relative to the folder *beside*; it may not leave *root*. Raises LocalFileError.

    The stamp is taken from the file that was read, through one descriptor, before and after.
    """
    if "\0" in shown or not shown:
        raise LocalFileError("SJ205", "the path of a file is empty or holds a NUL character")
    try:
        path = Path(os.path.realpath(beside / shown, strict=True))
    except OSError as error:
        raise LocalFileError("SJ205", f"cannot read the file '{shown}': {error.strerror}") from error
    if not path.is_relative_to(root):
        raise LocalFileError("SJ206", f"the file '{shown}' is outside the project")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LocalFileError("SJ205", f"cannot read the file '{shown}': {error.strerror}") from error
    with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor, not a path
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise LocalFileError("SJ205", f"'{shown}' is not a regular file")
        stamp = stamp_of(before)
        digest = known(str(path), stamp)
        if digest is None:
            hashed = hashlib.sha256()
            while chunk := opened.read(_CHUNK):
                hashed.update(chunk)
            digest = hashed.hexdigest()
            if stamp_of(os.fstat(descriptor)) != stamp:
                raise LocalFileError("SJ110", f"the file '{shown}' changed while it was read")
    return LocalFile(path, shown, digest, before.st_size, stamp), stamp


def file_url(file: LocalFile) -> str:
    """The `file:` url that the engine reads in place. Raises InvalidError if the file is not what was hashed."""
    try:
        unchanged = stamp_of(file.path.stat(follow_symlinks=False)) == file.stamp
    except OSError:
        unchanged = False
    if not unchanged:
        message = f"the file '{file.shown}' changed after it was planned"
        raise InvalidError(Diagnostic("SJ110", message, Place(str(file.path)), hint="run apply again"))
    return file.path.as_uri()
