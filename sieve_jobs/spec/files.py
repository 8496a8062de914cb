"""Files of the project that specs name as inputs: found beneath the root, hashed, and unchanged until sent."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import InvalidError
from sieve_jobs.spec.jobspec import LocalFile
from sieve_jobs.spec.scalars import shortened
from sieve_jobs.spec.stamp import Stamp, stamp_of

HashOf: TypeAlias = Callable[[str, Stamp], "str | None"]
"""The remembered sha256 of a path with that stamp, None where it is not known."""

_CHUNK = 1 << 20


class LocalFileError(Exception):
    """A file input that cannot be used: code, message and hint of its finding."""

    def __init__(self, code: Code, message: str, hint: str = "paths are relative to the spec file") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def why(error: OSError) -> str:
    """What the operating system says, as a part of a message."""
    text = error.strerror or "unreadable"
    return text[:1].lower() + text[1:]


def read_local_file(shown: str, *, beside: Path, root: Path, known: HashOf) -> LocalFile:
    """The file *shown* names, relative to the folder *beside*; it may not leave *root*. Raises LocalFileError.

    The stamp is taken from the file that was read, through one descriptor, before and after.
    """
    if "\0" in shown or not shown:
        raise LocalFileError(Code.INPUT_FILE_UNREADABLE, "the path of a file is empty or holds a NUL character")
    found = os.path.join(beside, shown)  # noqa: PTH118 - Path would drop "." and "..", which links give a meaning
    try:
        path = Path(os.path.realpath(found, strict=True))
        if not path.is_relative_to(root):
            hint = "move it, or the link, into the project"
            raise LocalFileError(Code.OUTSIDE_PROJECT, f"the file '{shortened(shown)}' is outside the project", hint)
        descriptor = _open_beneath(root, path.relative_to(root).parts)
        try:
            stamp, digest = _hashed(descriptor, shown, lambda stamp: known(found, stamp))
        finally:
            os.close(descriptor)
    except OSError as error:
        message = f"cannot read the file '{shortened(shown)}': {why(error)}"
        raise LocalFileError(Code.INPUT_FILE_UNREADABLE, message) from error
    return LocalFile(path, shown, digest, stamp[0], stamp, found)


def _hashed(descriptor: int, shown: str, known: Callable[[Stamp], str | None]) -> tuple[Stamp, str]:
    """Stamp and sha256 of an open file."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise LocalFileError(Code.INPUT_FILE_UNREADABLE, f"'{shortened(shown)}' is not a regular file")
    stamp = stamp_of(status)
    digest = known(stamp)
    if digest is None:
        hashed = hashlib.sha256()
        while chunk := os.read(descriptor, _CHUNK):
            hashed.update(chunk)
        digest = hashed.hexdigest()
        if stamp_of(os.fstat(descriptor)) != stamp:
            raise LocalFileError(
                Code.FILE_CHANGED, f"the file '{shortened(shown)}' changed while it was read", "run it again"
            )
    return stamp, digest


def _open_beneath(root: Path, parts: tuple[str, ...]) -> int:
    """A descriptor of the file at *parts* below *root*, following no link: what is swapped meanwhile is not read."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for index, part in enumerate(parts):
        kind = os.O_DIRECTORY if index < len(parts) - 1 else os.O_NONBLOCK
        try:
            step = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = step
    return descriptor


def file_url(file: LocalFile) -> str:
    """The `file:` url that the engine reads in place. Raises InvalidError if the file is not what was hashed."""
    try:
        unchanged = stamp_of(file.path.stat(follow_symlinks=False)) == file.stamp
    except OSError:
        unchanged = False
    if not unchanged:
        message = f"the file '{file.shown}' changed after it was planned"
        raise InvalidError(Diagnostic(Code.FILE_CHANGED, message, Place(str(file.path)), hint="run apply again"))
    return file.path.as_uri()
