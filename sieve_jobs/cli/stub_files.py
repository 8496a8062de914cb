"""Where a stub lies in a folder of functions: a module, and beside it a folder with the files that it answers with."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, SieveJobsError, UsageError
from sieve_jobs.push.naming import Wanted, places_for
from sieve_jobs.render.stub import FIRST_LINE
from sieve_jobs.state.entry import SavedFile

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client

_NO_MODULE_NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class StubPlace:
    """A stub's module and the folder of its files, both absolute.

    The folder's name begins with `_`: whatever the files are called, none is read for functions or imported by chance.
    """

    module: Path
    folder: Path


def place_of(functions: Path, name: str) -> StubPlace:
    """Where the stub *name* goes in the folder *functions*."""
    stem = _NO_MODULE_NAME.sub("_", name).strip("_").lower() or "function"
    return StubPlace(functions / f"{stem}_stub.py", functions / f"_{stem}_stub")


def require_free(place: StubPlace, *, overwrite: bool) -> None:
    """Raises UsageError where something lies there already that is not to be replaced."""
    taken = [path for path in (place.module, place.folder) if os.path.lexists(path)]
    if not taken:
        return
    there = " and ".join(f"'{path.name}'" for path in taken)
    if not overwrite:
        message = f"'{place.module.parent}' has {there} already; nothing was written"
        hint = "--overwrite replaces an earlier stub; --name gives this one another name"
        raise UsageError(Diagnostic(Code.USAGE, message, hint=hint))
    if not _is_stub(place):
        message = f"{there} in '{place.module.parent}' is no earlier stub; nothing was written"
        raise UsageError(Diagnostic(Code.USAGE, message, hint="move it away, or give this one another --name"))


def _is_stub(place: StubPlace) -> bool:
    if place.module.is_symlink() or place.folder.is_symlink() or not place.module.is_file():
        return False
    return place.module.read_bytes().startswith(FIRST_LINE.encode())


@contextmanager
def nursery(place: StubPlace) -> Iterator[Path]:
    """A folder beside *place* that files are fetched into; gone at the end, unless it was put in its place."""
    place.module.parent.mkdir(parents=True, exist_ok=True)
    folder = place.module.with_name(f".{place.module.stem}-{os.urandom(8).hex()}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def names_of(urls: Sequence[str]) -> Mapping[str, str]:
    """A file name for each of *urls*, which differ."""
    return {url: path.name for url, path in zip(urls, places_for(urls, Path()), strict=True)}


async def fetch_all(client: Client, names: Mapping[str, str], folder: Path) -> Mapping[str, SavedFile]:
    """Every file of *names*, by url, in *folder*. Raises SieveJobsError; then nothing was put in its place."""
    from sieve_jobs.push.part import Part
    from sieve_jobs.push.save import fetch

    found: dict[str, SavedFile] = {}
    for url, name in names.items():
        part = Part(folder)
        try:
            await fetch(client, Wanted(name, url), part)
            part.give(folder / name)
        except CallError as error:
            message = f"could not download '{name}': {error.message}; nothing was written"
            hint = "urls of outputs die within days: another --job may have its files still"
            raise SieveJobsError(Diagnostic(Code.CALL_FAILED, message, hint=hint)) from error
        finally:
            part.discard()
        found[url] = SavedFile(name, part.size, part.sha256)
    return found


def put(place: StubPlace, text: str, files: Path) -> None:
    """Puts the folder *files* and the module *text* in their place, each whole; an earlier stub's are replaced."""
    from sieve_jobs.push.part import Part

    old = files.with_name(f"{files.name}.old")
    if place.folder.exists():
        place.folder.rename(old)
    if any(files.iterdir()):
        files.rename(place.folder)
    part = Part(place.module.parent)
    try:
        part.write(text.encode())
        part.seal()
        part.give(place.module)
    finally:
        part.discard()
    shutil.rmtree(old, ignore_errors=True)
