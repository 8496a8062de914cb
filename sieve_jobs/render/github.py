"""What a runner of GitHub reads: annotations at the place in a file, and the outputs of a step. Pure.

A line starts a workflow command only where this module begins it; what somebody else wrote stands escaped within.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.plan import Plan
from sieve_jobs.push.result import ApplyResult, Result
from sieve_jobs.render.changes import words_of
from sieve_jobs.render.difference import diff_lines
from sieve_jobs.render.quantity import count
from sieve_jobs.render.quote import cut
from sieve_jobs.render.results import last_line
from sieve_jobs.render.style import Style
from sieve_jobs.render.text import escape
from sieve_jobs.wire import Status

Level: TypeAlias = Literal["notice", "warning", "error"]

MOST_NOTICES = 10
"""Annotations of a kind that GitHub shows of one step."""
_LONGEST = 1_000
"""Characters of one message; GitHub cuts at about 4,000 bytes."""
_PLAIN = Style(width=120)


def plan(plan: Plan, refusals: Sequence[Diagnostic] = (), *, folder: str = "") -> str:
    """A line for each spec that something is done with, the costly ones first, behind what apply would refuse.

    *folder* leads to the project.
    """
    order = {Action.RESOLVE: 0, Action.PUSH: 1, Action.REUSE: 2, Action.MOVE: 3}
    told = sorted((each for each in plan.changes if each.action in order), key=lambda each: order[each.action])
    shown = told if len(told) <= MOST_NOTICES else told[: MOST_NOTICES - 1]
    lines = [*_problems(refusals, folder, "warning"), *(_change(change, folder) for change in shown)]
    if len(shown) < len(told):
        more = count(len(told) - len(shown), "more spec", "more specs")
        lines.append(_command("notice", f"and {more}; the summary of this step counts them", None, "sieve-jobs plan"))
    return "".join(lines)


def applied(result: ApplyResult, places: Mapping[str, Place], folder: str = "") -> str:
    """An error for each job that ended badly, and for each problem. *places* are those of the specs, by name."""
    failed = [row for row in result.results if row.status in {Status.ERROR, Status.CANCELLED}]
    lines = [_failure(row, places.get(row.name), folder) for row in failed]
    return "".join([*lines, *_problems(result.problems, folder)])


def problems(found: Iterable[Diagnostic], folder: str = "") -> str:
    """An error for each problem, at its line and column."""
    return "".join(_problems(found, folder))


def outputs(values: Mapping[str, str], mark: str) -> str:
    """Lines for the file in GITHUB_OUTPUT. *mark* ends each value; nobody can have guessed it."""
    if any(mark in value for value in values.values()):
        raise ValueError("a value holds the mark that ends it")
    return "".join(f"{name}<<{mark}\n{value}\n{mark}\n" for name, value in values.items())


def _change(change: Change, folder: str) -> str:
    level: Level = "warning" if change.action is Action.RESOLVE else "notice"
    first = f"{escape(change.name)}: {words_of(change)}"
    mark = [] if change.stand_in is None else [escape(str(change.stand_in))]
    message = "\n".join([first, *mark, *diff_lines(change.diff, _PLAIN, indent=2)])
    return _command(level, message, _place(change, folder), f"sieve-jobs: {change.action.value}")


def _place(change: Change, folder: str) -> Sequence[tuple[str, str]]:
    return _at(Place(change.path, change.line), folder)


def _failure(row: Result, place: Place | None, folder: str) -> str:
    ended = "was cancelled" if row.status is Status.CANCELLED else "failed"
    why = last_line(row.error or "")
    message = f"the job of {escape(row.name)} {ended}" + (f": {why}" if why else "")
    return _command("error", message, _at(place, folder) if place else None, "sieve-jobs: job ended badly")


def _problems(found: Iterable[Diagnostic], folder: str, level: Level = "error") -> Iterator[str]:
    for problem in found:
        expected = f"expected {problem.expected}" if problem.expected else None
        words = (problem.message, expected, f"hint: {problem.hint}" if problem.hint else None)
        message = "\n".join(escape(each) for each in words if each)
        yield _command(level, message, _at(problem.place, folder) if problem.place else None, problem.code)


def _at(place: Place, folder: str) -> Sequence[tuple[str, str]]:
    found = [("file", f"{folder}/{place.path}" if folder else place.path)]
    if place.line:
        found.append(("line", str(place.line)))
        if place.column:
            found += [("col", str(place.column)), ("endColumn", str(place.column + max(place.width, 1)))]
    return found


def _command(level: Level, message: str, place: Sequence[tuple[str, str]] | None, title: str) -> str:
    fields = ",".join(f"{name}={_property(value)}" for name, value in (*(place or ()), ("title", title)))
    return f"::{level} {fields}::{_data(cut(message, _LONGEST))}\n"


def _data(text: str) -> str:
    """A message as the runner decodes it; its lines were escaped one by one."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(escape(text)).replace(":", "%3A").replace(",", "%2C")
