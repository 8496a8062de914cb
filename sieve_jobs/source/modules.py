"""The modules of a project: what each imports and which data files it reads, and their digests. Nothing is executed."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import stat
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sieve_jobs.source.declared import Declared, declared
from sieve_jobs.source.reads import Named, named_files

LARGE = 8 * 1024 * 1024
"""Bytes of a data file beyond which it is not read: a model's weights would be hashed anew by every plan."""
SDK_MODULES = frozenset({"sieve", "sieve_jobs"})
"""Top-level names that are the SDK, never a project module, even where a project holds the SDK's source."""


@dataclass(frozen=True, slots=True)
class Import:
    """`from <level dots><module> import <names>`; a plain `import module` has no names."""

    level: int
    module: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Modules:
    """The modules of one project, each read once. *top* is the folder that no import leads out of."""

    top: Path
    digests: dict[Path, str] = field(default_factory=dict)
    imports: dict[Path, tuple[Import, ...]] = field(default_factory=dict)
    named: dict[Path, Named] = field(default_factory=dict)

    def declarations(self, file: Path, problems: list[tuple[Path, int, str]]) -> list[Declared]:
        """The functions *file* declares, in order; what is wrong with it is added to *problems*."""
        try:
            content = file.read_bytes()
        except OSError as error:
            problems.append((file, 0, f"could not read the file: {error.strerror}"))
            return []
        if b"sieve" not in content:  # nothing can be declared: spares the parser most files of a large folder
            return []
        tree, wrong = _parse(content)
        if tree is None:
            problems.append((file, *wrong))
            return []
        self._remember(file, content, tree)
        found, bad = declared(tree)
        problems.extend((file, line, what) for line, what in bad)
        return found

    def closure(self, file: Path, roots: Sequence[Path]) -> tuple[Path, ...]:
        """*file* and the project modules it imports, directly or not, in order of the path."""
        seen = {file}
        pending = [file]
        while pending:
            current = pending.pop()
            for imported in self._read_imports(current):
                for path in self._resolve(imported, current, roots):
                    if path not in seen:
                        seen.add(path)
                        pending.append(path)
        return tuple(sorted(seen))

    def data(self, files: Sequence[Path], folder: Path) -> tuple[Path, ...]:
        """The data files that the modules *files* read by name while *folder* is current, there or not, by path.

        What lies outside of the project is no part of it.
        """
        named = [self.named[file] for file in files]
        touched = frozenset().union(*(it.touched for it in named))
        read = {Path(os.path.normpath(folder / name)) for it in named for name in it.read}.difference(files)
        return tuple(sorted(path for path in read if path.name not in touched and path.is_relative_to(self.top)))

    def hash_of(self, files: Sequence[Path], data: Sequence[Path] = ()) -> str:
        """sha256 over the canonical (path relative to *top*, digest) pairs of *files*, and of *data* as it is there."""
        for file in data:
            if file not in self.digests and (digest := data_digest(file)) is not None:
                self.digests[file] = digest
        counted = (*files, *(file for file in data if file in self.digests))
        pairs = sorted((file.relative_to(self.top).as_posix(), self.digests[file]) for file in counted)
        return hashlib.sha256(json.dumps(pairs, separators=(",", ":")).encode()).hexdigest()

    def _read_imports(self, file: Path) -> tuple[Import, ...]:
        if file not in self.imports:
            try:
                content = file.read_bytes()
            except OSError:
                content = b""  # it vanished or may not be read: importing it will say so, its absence counts
            self._remember(file, content, _parse(content)[0])
        return self.imports[file]

    def _remember(self, file: Path, content: bytes, tree: ast.Module | None) -> None:
        self.digests[file] = hashlib.sha256(content).hexdigest()
        nodes = [] if tree is None else list(ast.walk(tree))
        self.imports[file] = tuple(_imports(nodes))
        self.named[file] = named_files(nodes, str(file))

    def _resolve(self, imported: Import, importer: Path, roots: Sequence[Path]) -> list[Path]:
        """The project files *imported* loads; none for the standard library, installed packages and the SDK."""
        if imported.level:
            base = importer.parent
            for _ in range(imported.level - 1):
                base = base.parent
            return _load(base, imported) if base.is_relative_to(self.top) else []
        if imported.module[0] in SDK_MODULES:
            return []
        return next((found for root in roots if (found := _load(root, imported))), [])


def data_digest(file: Path) -> str | None:
    """sha256 of a file's bytes; of a large one its size and time stand for them. None if there is no such file."""
    try:
        with open(file, "rb", opener=_without_waiting) as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                return None
            if found.st_size > LARGE:
                return f"{found.st_size} {found.st_mtime_ns}"
            return hashlib.sha256(opened.read()).hexdigest()
    except OSError:
        return None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for its writer


def _load(base: Path, imported: Import) -> list[Path]:
    """The files below *base* that importing `module` and its `names` runs, as Python's path finder looks."""
    found: list[Path] = []
    if imported.level and (base / "__init__.py").is_file():
        found.append(base / "__init__.py")
    for part in imported.module:
        step = _step(base, part)
        if step is None:
            return found
        base, file = step
        if file is not None:
            found.append(file)
    for name in imported.names:
        step = _step(base, name)
        if step is not None and step[1] is not None:
            found.append(step[1])
    return found


def _step(base: Path, name: str) -> tuple[Path, Path | None] | None:
    """Where the search goes on below *name*, and the file it runs: package, module, then namespace package."""
    folder = base / name
    if (folder / "__init__.py").is_file():
        return folder, folder / "__init__.py"
    if (module := base / f"{name}.py").is_file():
        return folder, module
    return (folder, None) if folder.is_dir() else None


def syntax_problem(file: Path) -> tuple[int, str] | None:
    """Why *file* is no module that could be run, as (line, what); line 0 is the file as a whole. None if it is one."""
    try:
        content = file.read_bytes()
    except OSError as error:
        return 0, f"could not read the file: {error.strerror}"
    tree, wrong = _parse(content)
    return wrong if tree is None else None


def _parse(content: bytes) -> tuple[ast.Module | None, tuple[int, str]]:
    """The syntax tree, or None with the line and the reason. Code that would warn when compiled does not here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content), (0, "")
    except SyntaxError as error:
        return None, (error.lineno or 0, f"not valid Python: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return None, (0, f"not valid Python: {str(error) or 'nested too deeply'}")


def _imports(nodes: Iterable[ast.AST]) -> Iterator[Import]:
    """Every import statement, wherever it stands."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(0, tuple(alias.name.split(".")), ())
        elif isinstance(node, ast.ImportFrom):
            parts = tuple(node.module.split(".")) if node.module else ()
            yield Import(node.level, parts, tuple(alias.name for alias in node.names if alias.name != "*"))
