"""Python functions read without running them: what is declared where, and a hash of the code it is made of.

Two readers share this: the planner, whose digest of a local job holds the hash, and the engine, which serves
what is found. Neither runs a line of the user's code for it. Importing this module is cheap on purpose: what
parses (`declared`, `modules`) is imported when something is read, and tuples are made faster than dataclasses.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SKIPPED_FOLDERS = frozenset({"node_modules", "site-packages", "venv"})
"""Not searched for functions, nor are folders whose name begins with `_` or `.`."""


class Environment(NamedTuple):
    """What a declaration asks of the machine it runs on."""

    python_packages: tuple[str, ...] = ()
    """Requirements as pip reads them, in the order they were written."""
    system_packages: tuple[str, ...] = ()
    run_commands: tuple[str, ...] = ()
    python_version: str = ""
    cuda_version: str = ""
    unread: tuple[str, ...] = ()
    """Parameters whose value is computed, so that it is not known without running the code."""


NOTHING_DECLARED = Environment()


class DeclaredFunction(NamedTuple):
    """One function as its source declares it."""

    name: str
    """The deployed name without its author, "probe"."""
    file: Path
    """Absolute."""
    line: int
    attribute: str
    """Its name in the module, "probe_clip"."""
    streams: bool
    """It, or its `__predict__`, yields: every yield is an output."""
    source_hash: str
    """64 hex digits over (relative path, sha256 of the bytes) of `files` and of `data` that is there, by path."""
    files: tuple[Path, ...]
    """Its file and the project modules it imports, directly or not; absolute, in order of the path."""
    roots: tuple[Path, ...]
    """The folders in which those modules were looked for, nearest first; see `import_roots`."""
    environment: Environment = NOTHING_DECLARED
    data: tuple[Path, ...] = ()
    """Data files of the project that `files` read by name, there or not; absolute, in order of the path."""


class FunctionSources(NamedTuple):
    """Everything found in some folders, by deployed name, and what is wrong there as (file, line, what).

    A line of 0 means the file as a whole. Of two functions with one name the first, in order of path, counts.
    """

    functions: Mapping[str, DeclaredFunction]
    problems: tuple[tuple[Path, int, str], ...]


def is_function_name(name: str) -> bool:
    r"""Whether *name* can be deployed: not empty, without `/`, `\`, `:` or white space. Source: Sieve's SDK."""
    return bool(name) and not any(char in "/\\:" or char.isspace() for char in name)


def import_roots(file: Path, folder: Path) -> tuple[Path, ...]:
    """Folders searched for what *file*, below the functions folder *folder*, imports, nearest first.

    The file's own folder, *folder*, the one above it, then every folder below *folder* by path. Whoever imports
    the file puts its own folder in front of `sys.path`, as Python does for a script, and those from the one above
    *folder* on behind it, so that a stray folder hides neither the standard library nor an installed package.
    Source: Sieve imports with the function's folder current, its parent and all its sub-folders on the path.
    """
    return _roots(file, folder, [place for place, _ in _walk(folder)])


def read_functions(folders: Sequence[Path]) -> FunctionSources:
    """Reads every `*.py` below *folders* whose name does not begin with `_` or `.`.

    A function is a top-level def or class decorated with the SDK's `function` or `Model`, however that was
    imported, with its name as a string literal. Never raises for what the files hold; a folder that does not
    exist holds nothing. The hash follows static imports that resolve to files below a functions folder or its
    parent, and takes in the data files there that those modules read by name (`reads`). It depends on bytes and
    relative paths alone, not on times nor on where the project lies; of a data file of more than 8 MiB on size and
    time.
    """
    from sieve_jobs.source.modules import Modules

    functions: dict[str, DeclaredFunction] = {}
    problems: list[tuple[Path, int, str]] = []
    for folder in dict.fromkeys(Path(os.path.normpath(folder.absolute())) for folder in folders):
        walked = list(_walk(folder))
        modules = Modules(folder.parent)
        for file in [file for _, files in walked for file in files]:
            roots = _roots(file, folder, [place for place, _ in walked])
            for found in modules.declarations(file, problems):
                first = functions.get(found.name)
                if first is not None:
                    where = f"{os.path.relpath(first.file, folder.parent)}:{first.line}"
                    problems.append((file, found.line, f"'{found.name}' is declared twice, first in {where}"))
                    continue
                files = modules.closure(file, roots)
                data = modules.data(files, file.parent)
                functions[found.name] = DeclaredFunction(
                    name=found.name,
                    file=file,
                    line=found.line,
                    attribute=found.attribute,
                    streams=found.streams,
                    source_hash=modules.hash_of(files, data),
                    files=files,
                    roots=roots,
                    environment=found.environment,
                    data=data,
                )
    return FunctionSources(functions, tuple(problems))


def function_folders(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Every folder that is searched for functions; see `read_functions`."""
    return tuple(place for folder in folders for place, _ in _walk(Path(os.path.normpath(folder.absolute()))))


def _roots(file: Path, folder: Path, below: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys((file.parent, folder, folder.parent, *below)))


def _walk(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder from *folder* down with its Python files, by path. Links to folders are not followed."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] not in "._" and name not in SKIPPED_FOLDERS)
        yield Path(place), [Path(place, f) for f in sorted(files) if f.endswith(".py") and f[0] not in "._"]
