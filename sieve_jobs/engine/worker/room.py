"""What a job has of its worker to itself: its environment, temporary and working folder, put back when it is over."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def room(scratch: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """A new temporary folder below *scratch*, with *environ* over the worker's own.

    Afterwards folder, environment and working folder are as they were, whatever the job did to them.
    """
    before, temporary, home = dict(os.environ), tempfile.tempdir, Path.cwd()
    folder = _temporary(scratch)
    os.environ.update({**environ, "TMPDIR": folder})
    tempfile.tempdir = folder
    try:
        yield Path(folder)
    finally:
        tempfile.tempdir = temporary
        _put_back(before)
        os.chdir(home)
        _remove(folder)


def _temporary(scratch: Path) -> str:
    try:
        return tempfile.mkdtemp(dir=scratch)
    except FileNotFoundError:  # a job has removed it
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.mkdtemp(dir=scratch)


def _put_back(before: Mapping[str, str]) -> None:
    """Only what is not as it was: setting a variable costs more than looking at all."""
    after = dict(os.environ)
    for name in after.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before.items() - after.items())


def _remove(folder: str) -> None:
    """Mostly a job has put nothing into it."""
    try:
        Path(folder).rmdir()
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
