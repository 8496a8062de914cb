"""Functions while they are edited: of what is broken just now, the last good state stays in use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sieve_jobs.source import DeclaredFunction, FunctionSources
from sieve_jobs.source.modules import syntax_problem

Problem = tuple[Path, int, str]


@dataclass(frozen=True)
class Usable:
    """Functions to plan with."""

    sources: FunctionSources
    broken: frozenset[str] = frozenset()
    """Names whose present code cannot be used: their last good hash stands in *sources*."""
    problems: tuple[Problem, ...] = ()
    """What is wrong, as (file, line, what); line 0 is the file as a whole."""


def usable(now: FunctionSources, last: Usable | None) -> Usable:
    """*now*, with what *last* says of functions whose file, or a module that it imports, does not compile.

    Only what differs from *last*, or was broken then, is looked at.
    """
    known = last.sources.functions if last is not None else {}
    doubtful = last.broken if last is not None else frozenset()
    functions: dict[str, DeclaredFunction] = {}
    broken: set[str] = set()
    problems = dict.fromkeys(now.problems)
    seen: dict[Path, Problem | None] = {}
    for name, function in now.functions.items():
        before = known.get(name)
        wrong: list[Problem] = []
        if before is None or before.source_hash != function.source_hash or name in doubtful:
            wrong = [found for file in function.files if (found := _wrong(file, seen)) is not None]
        problems.update(dict.fromkeys(wrong))
        if wrong:
            broken.add(name)
        functions[name] = before if wrong and before is not None else function
    bad_files = {file for file, _, _ in now.problems}
    for name, before in known.items():
        if name not in functions and before.file in bad_files:
            functions[name] = before
            broken.add(name)
    return Usable(FunctionSources(functions, now.problems), frozenset(broken), tuple(problems))


def _wrong(file: Path, seen: dict[Path, Problem | None]) -> Problem | None:
    if file not in seen:
        seen[file] = _compile(file)
    return seen[file]


def _compile(file: Path) -> Problem | None:
    found = syntax_problem(file)
    return None if found is None else (file, *found)
