"""The id of a project folder, in `.sieve-jobs/place`: who has the files that a shared state says were saved."""

from __future__ import annotations

import os
from pathlib import Path

from sieve_jobs.errors import StateError
from sieve_jobs.state.folder import draft_of, place_new
from sieve_jobs.state.loaded import SavedOutputs
from sieve_jobs.state.problems import read_only, unreadable

_BYTES = 16


def read_place(folder: Path) -> str:
    """The id of the project that `.sieve-jobs`, *folder*, belongs to; empty before anything was saved in it."""
    try:
        return (folder / "place").read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise unreadable(folder / "place", error.strerror or str(error)) from error


def ensure_place(folder: Path) -> str:
    """The id, made where there is none. Raises StateError where it cannot be."""
    found = read_place(folder)
    if found:
        return found
    path = folder / "place"
    try:
        draft = draft_of(path)
        draft.write_text(f"{os.urandom(_BYTES).hex()}\n", encoding="ascii")
        place_new(draft, path)
    except OSError as error:
        raise read_only(path, error.strerror or str(error)) from error
    found = read_place(folder)
    if not found:
        raise StateError(*unreadable(path, "it is empty").diagnostics)
    return found


def missing(root: Path, place: str, saved: SavedOutputs) -> frozenset[str]:
    """Names of entries of which an output that *place*, this folder, saved is not there any more. One look each.

    What another folder saved is on another disk, and tells nothing here.
    """
    base = os.path.join(root, "")  # noqa: PTH118 -- text is joined ten times as fast as paths
    return frozenset(
        name
        for path, where, name in zip(*saved, strict=True)
        if where == place and not os.path.exists(base + path)  # noqa: PTH110 -- as above
    )
