"""Importing a module of functions as Sieve does: in its folder, with that folder's surroundings on the path."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from sieve_jobs.sdk.declare import Declaration, declaration_of
from sieve_jobs.sdk.describe import describe
from sieve_jobs.sdk.shim import FOLDER
from sieve_jobs.wire import Json

_NOT_IN_A_NAME = re.compile(r"\W|^(?=\d)")


_ANOTHER_SDK = (
    "note: `import sieve` found {}, which is installed and goes before the engine's own; what it declares is called"
    " as it is, on plain inputs alone. `from sieve_jobs import sdk as sieve` has files, Env and the rest."
)


class LoadError(Exception):
    """The module has not what it was loaded for."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A function in its module, "attribute" there."""

    attribute: str
    target: Callable[..., object]
    declaration: Declaration


def load(file: Path, roots: Sequence[Path]) -> dict[str, Declared]:
    """Imports *file* and returns its functions by attribute. Raises whatever the module raises.

    *roots* are `source.import_roots` of it: those before the parent of the functions folder go to the front of
    the path, the others to its end, so that no stray folder hides an installed package.
    """
    os.chdir(file.parent)
    sys.path[:] = search_path(roots, sys.path)
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise LoadError(f"{file} is no Python module")
    _make_package(name.rpartition(".")[0], file.parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    os.chdir(file.parent)  # wherever the module went
    functions = {found.attribute: found for found in _declared(module)}
    other = getattr(sys.modules.get("sieve"), "__file__", None)
    if other is not None and Path(other).parent != FOLDER:
        print(_ANOTHER_SDK.format(other), file=sys.stderr, flush=True)  # noqa: T201 -- to the job's log
        functions = {**{found.attribute: found for found in _adopted(module, file)}, **functions}
    return functions


def drop_racy_bytecode(files: Sequence[Path]) -> None:
    """Removes compiled forms that Python would trust although their source has changed since.

    Python compares size and time of the source, the time in whole seconds: what was compiled within a second of
    its source's time may be of an earlier content of the same length.
    """
    for file in files:
        compiled = Path(importlib.util.cache_from_source(str(file)))
        with contextlib.suppress(OSError):
            if compiled.stat().st_mtime < file.stat().st_mtime + 1.0:
                compiled.unlink()


def search_path(roots: Sequence[Path], path: Sequence[str]) -> list[str]:
    """`sys.path` with *roots* around it, each place once, and the shim at the very end."""
    before, after = split_roots(roots)
    front = [str(root) for root in before]
    end = [*(str(root) for root in after), str(FOLDER)]
    middle = [place for place in path if place and place not in front and place not in end]
    return [*front, *middle, *end]


def split_roots(roots: Sequence[Path]) -> tuple[Sequence[Path], Sequence[Path]]:
    """The roots before the parent of the functions folder, and the rest; it is the one above all others."""
    if not roots:
        return (), ()
    parent = roots.index(min(roots, key=lambda root: len(root.parts)))
    return roots[:parent], roots[parent:]


def described(functions: dict[str, Declared]) -> dict[str, Json]:
    """What the engine is told of each function, by attribute: see `present.Described`."""
    told: dict[str, Json] = {}
    for attribute, function in functions.items():
        inputs, outputs = describe(function.target)
        told[attribute] = {
            "inputs": [dict(item) for item in inputs],
            "outputs": [dict(item) for item in outputs],
            "details": _details(function.declaration),
        }
    return told


def _details(declaration: Declaration) -> dict[str, Json]:
    metadata = declaration.metadata
    return {
        "public": metadata.public,
        "title": metadata.title,
        "description": metadata.description,
        "code_url": metadata.code_url,
        "tags": list(metadata.tags),
        "readme": metadata.readme,
        "cover_image_url": metadata.image,
        "restart_on_error": declaration.restart_on_error,
        "compute_type": declaration.gpu.kind,
        "gpu": declaration.gpu.is_gpu,
        "split": declaration.gpu.split,
        "python_packages": list(declaration.python_packages),
        "system_packages": list(declaration.system_packages),
        "cuda_version": declaration.cuda_version,
        "environment_variables": [
            {"name": env.name, "description": env.description, "default": env.default} for env in declaration.env
        ],
    }


def _module_name(file: Path) -> str:
    """`functions.media` for functions/media.py, so that its relative imports work, whatever the folder is called."""
    return f"{_NOT_IN_A_NAME.sub('_', file.parent.name) or '_'}.{file.stem}"


def _make_package(name: str, folder: Path) -> None:
    """A package for a folder that import would not find under its name, such as one with a dash in it."""
    if name != folder.name:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules.setdefault(name, package)


def _adopted(module: ModuleType, file: Path) -> Iterator[Declared]:
    """What the module declares with another SDK, which leaves us no record: known by its source, called as it is."""
    import ast

    from sieve_jobs.source.declared import declared

    for found in declared(ast.parse(file.read_bytes()))[0]:
        target = getattr(module, found.attribute, None)
        if callable(target):
            kind: Literal["class", "function"] = "class" if isinstance(target, type) else "function"
            yield Declared(found.attribute, target, Declaration(found.name, kind, found.streams))


def _declared(module: ModuleType) -> Iterator[Declared]:
    for attribute, target in vars(module).items():
        declaration = declaration_of(target)
        if declaration is not None and callable(target):
            yield Declared(attribute, target, declaration)
