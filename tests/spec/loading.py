"""Spec files in a folder, and what the loader says of them."""

from __future__ import annotations

from pathlib import Path

from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.spec.parse import ParsedFile, ParseSettings, parse_file
from sieve_jobs.spec.tags import key_from
from sieve_jobs.spec.tree import LoadSettings
from sieve_jobs.spec.variables import Variables
from tests.project import write

KEY = key_from(b"k" * 32)


def settings(root: Path, **changes: object) -> LoadSettings:
    """Settings of a local target with a key and no variables, but for *changes*."""
    given: dict[str, object] = {"variables": Variables(environ={}), "key": KEY, "sources": {}}
    return LoadSettings(root, **({"specs": ("jobspecs",)} | given | changes))  # type: ignore[arg-type]


def parse(root: Path, content: str | bytes, *, name: str = "spec", **changes: object) -> ParsedFile:
    """What the loader makes of one file in *root*."""
    given: dict[str, object] = {"variables": Variables(environ={}), "key": KEY, "sources": {}}
    write(root, {f"{name}.yaml": content})
    parse_settings = ParseSettings(root, **(given | changes))  # type: ignore[arg-type]
    return parse_file(str(root / f"{name}.yaml"), f"{name}.yaml", name, parse_settings, lambda path, stamp: None)


def detail(root: Path, content: str, **changes: object) -> Detail:
    """The one spec of a valid file."""
    found = parse(root, content, **changes)
    assert not found.problems, found.problems
    (only,) = found.details
    return only


def problems(root: Path, content: str | bytes, **changes: object) -> list[tuple[str, int, int]]:
    """Code, line and column of everything that is wrong with a file."""
    return [where(problem) for problem in parse(root, content, **changes).problems]


def where(problem: Diagnostic) -> tuple[str, int, int]:
    assert problem.place is not None
    return problem.code, problem.place.line, problem.place.column
