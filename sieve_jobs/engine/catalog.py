"""The functions an engine serves, read from their files without running them, and read again when those change."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sieve_jobs.engine.report import report
from sieve_jobs.source import (
    NOTHING_DECLARED,
    SKIPPED_FOLDERS,
    DeclaredFunction,
    Environment,
    FunctionSources,
    read_functions,
)
from sieve_jobs.wire import format_time

_NAMESPACE = uuid.UUID("8d0a7f4e-9a51-5c6e-8e43-5f0b1d6d2c11")
_REFERENCE = re.compile(r"([^/:\s]+)/([^/:\s]+)(?::([^/:\s]+))?")
SHORTEST_PREFIX = 4
"""Characters of a version id that may stand for it. Source: Sieve's docs."""
_RACY_NS = 20_000_000
"""A file changed less than this before it was looked at may change again under the same time: it is read again."""


@dataclass(frozen=True, slots=True)
class Module:
    """What a worker process belongs to: one file, as it was with one hash of all it imports and reads by name."""

    file: Path
    source_hash: str
    files: tuple[Path, ...]
    """The file and the project modules it imports."""
    roots: tuple[Path, ...]
    environment: Environment = NOTHING_DECLARED
    """What its functions declare, together: one process runs them all."""

    def __hash__(self) -> int:
        """Of the one field that tells modules apart: they are looked up several times a job."""
        return hash(self.source_hash)


@dataclass(frozen=True, slots=True)
class Function:
    """One function in its present version."""

    owner: str
    name: str
    id: str
    """Of this version: derived from owner, name and source hash, so the same code has the same id everywhere."""
    attribute: str
    streams: bool
    module: Module
    read_at: str
    """Wire time at which this version was first seen by this process."""


@dataclass(frozen=True, slots=True)
class Found:
    """A function, and whether it was asked for by its version."""

    function: Function
    pinned: bool


class Catalog:
    """Keeps what `read_functions` finds in *folders* in step with the files there.

    Looking costs one stat a file, some ten microseconds where there are a few; nothing is read unless it changed.
    """

    def __init__(
        self, folders: Sequence[Path], owner: str, found: Callable[[Sequence[Function]], None] = lambda _: None
    ) -> None:
        self._folders = tuple(folders)
        self._owner = owner
        self._found = found
        """Told of versions when they are first seen."""
        self._seen: frozenset[tuple[object, ...]] | None = None
        self._functions: Mapping[str, Function] = {}
        self._read: frozenset[Path] = frozenset()
        self._problems: tuple[tuple[Path, int, str], ...] = ()

    def functions(self) -> Mapping[str, Function]:
        """By name, as the files are now. What is wrong with them is told once, on standard error."""
        looked = time.time_ns()
        seen, newest = _fingerprint(self._folders, self._read)
        if seen != self._seen:
            self._take(read_functions(self._folders))
            seen, newest = _fingerprint(self._folders, self._read)
        self._seen = seen if newest < looked - _RACY_NS else None
        return self._functions

    def last_seen(self) -> Mapping[str, Function]:
        """By name, as the last look found them: for whoever acts on what that look was for."""
        return self._functions

    def find(self, function: str | None, version_id: str | None) -> Found | None:
        """What a push asks for by `function` ("owner/name[:version]") or by `id`; None if it is not here."""
        functions = self.functions()
        if function is None:
            matches = [it for it in functions.values() if is_version(it.id, version_id or "")]
            return Found(matches[0], pinned=True) if len(matches) == 1 else None
        parsed = _REFERENCE.fullmatch(function)
        if parsed is None or parsed[1] != self._owner or parsed[2] not in functions:
            return None
        found = functions[parsed[2]]
        if parsed[3] is None or parsed[3] == "latest":
            return Found(found, pinned=False)
        return Found(found, pinned=True) if is_version(found.id, parsed[3]) else None

    def _take(self, sources: FunctionSources) -> None:
        before = {it.id: it for it in self._functions.values()}
        now = format_time(datetime.now(UTC))
        functions = {}
        environments = _by_file(sources)
        for name, declared in sources.functions.items():
            made = _function(declared, self._owner, now, environments[declared.file])
            functions[name] = before.get(made.id, made)
        self._functions = functions
        self._read = frozenset(file for it in sources.functions.values() for file in (*it.files, *it.data))
        if sources.problems != self._problems:
            self._problems = sources.problems
            for file, line, problem in sources.problems:
                report(f"{file}:{line}: {problem}")
        self._found([it for it in functions.values() if it.id not in before])


def is_version(full: str, asked: str) -> bool:
    """Whether *asked* is the version id *full*, or enough of its beginning."""
    return len(asked) >= SHORTEST_PREFIX and full.startswith(asked.lower())


def _by_file(sources: FunctionSources) -> dict[Path, Environment]:
    """What the functions of each file declare, together; of two versions of Python or CUDA the first counts."""
    found: dict[Path, Environment] = {}
    for declared in sources.functions.values():
        one, other = found.get(declared.file, NOTHING_DECLARED), declared.environment
        found[declared.file] = Environment(
            python_packages=tuple(dict.fromkeys((*one.python_packages, *other.python_packages))),
            system_packages=tuple(dict.fromkeys((*one.system_packages, *other.system_packages))),
            run_commands=tuple(dict.fromkeys((*one.run_commands, *other.run_commands))),
            python_version=one.python_version or other.python_version,
            cuda_version=one.cuda_version or other.cuda_version,
            unread=tuple(dict.fromkeys((*one.unread, *other.unread))),
        )
    return found


def _function(declared: DeclaredFunction, owner: str, now: str, environment: Environment) -> Function:
    return Function(
        owner=owner,
        name=declared.name,
        id=str(uuid.uuid5(_NAMESPACE, f"{owner}/{declared.name}:{declared.source_hash}")),
        attribute=declared.attribute,
        streams=declared.streams,
        module=Module(declared.file, declared.source_hash, declared.files, declared.roots, environment),
        read_at=now,
    )


def _fingerprint(folders: Iterable[Path], read: Iterable[Path]) -> tuple[frozenset[tuple[object, ...]], int]:
    """How all Python files and those *read* look by their metadata, and when the latest changed, in nanoseconds."""
    seen: set[tuple[object, ...]] = set()
    newest = 0
    paths = {os.fspath(file) for file in read}
    pending = [os.fspath(folder.absolute()) for folder in folders]
    while pending:
        folder = pending.pop()
        seen.add((folder,))
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name[0] in "._" or entry.name in SKIPPED_FOLDERS:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.name.endswith(".py"):
                        paths.add(entry.path)
        except OSError:
            continue
    for path in paths:
        try:
            found = os.stat(path)  # noqa: PTH116 -- for each file at each push: a Path would cost as much again
        except OSError:
            seen.add((path, None))
        else:
            seen.add((path, found.st_mtime_ns, found.st_size, found.st_ino))
            newest = max(newest, found.st_mtime_ns, found.st_ctime_ns)
    return frozenset(seen), newest
