"""Files that travel with jobs: inputs opened for a worker, outputs copied into the engine's folder."""

from __future__ import annotations

import os
import stat
import uuid
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sieve_jobs.engine.signing import SCHEME, Signer, parse_file_url, safe_name

_PIECE = 1 << 26


class FileError(ValueError):
    """A file that cannot be had; the message says which and why."""


def open_input(url: str, folder: Path, signer: Signer) -> tuple[int, str]:
    """Opens what *url* names, as a descriptor and its file name: a `file:` URL, or one of this engine's own.

    A URL this engine signed stays good for its jobs after it has expired, and after the port has changed: the
    job may have waited. Raises FileError.
    """
    path = _local_path(url) if url[:5].lower() == "file:" else _output_path(url, folder, signer)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FileError(f"could not open the file {str(path)!r}: {reason}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileError(f"{str(path)!r} is not a regular file")
    return descriptor, path.name


def keep_output(descriptor: int, job_id: str, name: str, folder: Path) -> str:
    """Copies an open file to `<folder>/<job id>/<new id>/<name>`, onto the disk; the reference that outputs hold.

    Blocks: call it off the event loop. Raises OSError.
    """
    file_id, name = str(uuid.uuid4()), safe_name(name)
    target = folder / job_id / file_id / name
    target.parent.mkdir(mode=0o700, parents=True)
    out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _copy(descriptor, out)
        os.fsync(out)
    except OSError:
        target.unlink()
        raise
    finally:
        os.close(out)
    return f"{SCHEME}{file_id}/{name}"


def _copy(source: int, target: int) -> None:
    """The whole of *source*, by the kernel where it can (and shared on disks that know how)."""
    place = 0
    if hasattr(os, "copy_file_range"):
        try:
            while copied := os.copy_file_range(source, target, _PIECE, place):
                place += copied
        except OSError:
            if place:
                raise
    while piece := os.pread(source, 1 << 20, place):
        place += os.write(target, piece)


def _local_path(url: str) -> Path:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FileError("not a file URL") from error
    if parts.netloc not in {"", "localhost"}:
        raise FileError(f"a file URL of another host: {parts.netloc!r}")
    path = Path(unquote(parts.path))
    if not path.is_absolute():
        raise FileError("a file URL needs an absolute path, file:///…")
    return path


def _output_path(url: str, folder: Path, signer: Signer) -> Path:
    parsed = parse_file_url(url)
    if parsed is None or not signer.is_ours(*parsed):
        raise FileError("not a file of this engine")
    file = parsed[0]
    return folder / file.job_id / file.file_id / file.name
