"""Parked: pushes of a watch that wait for an edit, as they were refused, or as their function is broken."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.plan import Plan
from sieve_jobs.spec.wanted import Wanted
from sieve_jobs.watch.functions import Usable


class Parked:
    """What was refused in the rounds so far."""

    def __init__(self) -> None:
        self._refused: dict[str, str] = {}
        """Names whose push was refused, with the digest that was asked for."""

    def park(self, refused: Iterable[str], plan: Plan) -> None:
        """The pushes of *refused* names in *plan* are not made again as they are."""
        digests = {change.name: change.digest or "" for change in plan.changes}
        self._refused.update({name: digests.get(name, "") for name in refused})

    def release(self, paths: Collection[str], wanted: Iterable[Wanted]) -> None:
        """What was refused is tried again when its file was saved, or anything but a spec. *paths* were saved."""
        specs = {row.name: row.path for row in wanted}
        if any(path not in specs.values() for path in paths):
            self._refused.clear()
        for name in [name for name in self._refused if specs.get(name) in paths]:
            del self._refused[name]

    def leave_out(self, plan: Plan, functions: Usable, owner: str) -> tuple[Plan, list[str]]:
        """*plan* without the pushes that wait for an edit, and the names of those whose function is broken."""
        pushes = [change for change in plan.changes if change.action is Action.PUSH]
        refused = {change.name for change in pushes if self._refused.get(change.name) == change.digest}
        broken = [
            change.name for change in pushes if change.name not in refused and _is_broken(change, functions, owner)
        ]
        if not (refused or broken):
            return plan, []
        out = refused.union(broken)
        kept = tuple(change for change in plan.changes if change.action is not Action.PUSH or change.name not in out)
        fewer = plan.summary._replace(push=plan.summary.push - (len(plan.changes) - len(kept)))
        return replace(plan, changes=kept, summary=fewer), broken


def _is_broken(change: Change, functions: Usable, owner: str) -> bool:
    """Whether the function of a push is one of the project's own that cannot be read as it is now."""
    function = (change.detail.spec.function or "") if change.detail is not None else ""
    author, _, called = function.partition(":")[0].partition("/")
    if author != owner or not functions.problems:
        return False
    return called in functions.broken or called not in functions.sources.functions
