"""Walks the specs folders: which files are specs, in the fewest system calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place

UNREADABLE_HINT = "what cannot be read is never taken as removed"
SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True)
class Scanned:
    """One folder: its spec files as directory entries, and what is wrong with it."""

    shown: str
    """Path from the project's root, with forward slashes; empty for the root itself."""
    files: list[os.DirEntry[str]] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)


def scan(root: Path, specs: str) -> Iterator[Scanned]:
    """Every folder of spec files at and below *specs*, itself relative to *root*.

    Names that begin with `_` or `.` are not specs. A folder that is linked is entered once, and by its own path where
    that is here too: names do not hang on the order in which a disk lists it. A folder that does not
    exist yields nothing. A link that leads out of the project is a problem and not followed: its lines would be
    shown in errors, and a pull request must not choose what is read. So it is with *specs* themselves.
    """
    real = os.path.realpath(root)
    start = os.path.join(root, specs)  # noqa: PTH118 - the path of a loop over 10,000 files
    shown = os.path.normpath(specs).replace(os.sep, "/")
    if _leaves(start, real):
        message, hint = f"the folder of specs '{shown}' is not in the project", "see [project] specs in the config"
        yield Scanned(shown, problems=[Diagnostic(Code.OUTSIDE_PROJECT, message, hint=hint)])
        return
    pending = [(start, "" if shown == "." else shown)]
    linked: list[tuple[str, str]] = []
    entered: set[tuple[int, int]] = set()
    while pending or linked:
        if not pending:
            linked.sort(reverse=True)
            pending.append(linked.pop())
        path, name = pending.pop()
        found = Scanned(name)
        try:
            status = os.stat(path)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                for folder, link in _sorted_out(entries, found, real):
                    (linked if link else pending).append(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            from sieve_jobs.spec.files import why

            message = f"cannot list the folder: {why(error)}"
            found.problems.append(Diagnostic(Code.FILE_UNREADABLE, message, Place(name or "."), hint=UNREADABLE_HINT))
        yield found


def _sorted_out(entries: Iterator[os.DirEntry[str]], found: Scanned, root: str) -> list[tuple[tuple[str, str], bool]]:
    """Puts an open folder's specs into *found*; returns its sub-folders as (path, shown), and whether each is a link.

    *root* is a real path.
    """
    folders: list[tuple[tuple[str, str], bool]] = []
    take = found.files.append
    prefix = found.shown + "/" if found.shown else ""
    for entry in entries:
        name = entry.name
        if name.endswith(SUFFIXES):
            if name[0] not in "._":
                if entry.is_symlink() and _leaves(entry.path, root):
                    found.problems.append(_outside(prefix + name))
                else:
                    take(entry)
            elif name in {"_defaults.yaml", "_defaults.yml"}:
                place = Place(prefix + name)
                hint = "rename the file, or write its keys into the specs"
                found.problems.append(
                    Diagnostic(Code.NOT_SUPPORTED, "_defaults.yaml is not supported yet", place, hint=hint)
                )
        elif name[0] not in "._" and _is_folder(entry):
            link = entry.is_symlink()
            if link and _leaves(entry.path, root):
                found.problems.append(_outside(prefix + name))
            else:
                folders.append(((entry.path, prefix + name), link))
    return folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: neither a spec nor a folder
        return False


def _leaves(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    return real != root and not real.startswith(root.rstrip("/") + "/")


def _outside(shown: str) -> Diagnostic:
    hint = "move what it names into the project"
    return Diagnostic(Code.OUTSIDE_PROJECT, f"the link '{shown}' leads out of the project", Place(shown), hint=hint)
