"""Begun: of a plan, what earlier runs began, for `apply --continue`. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.plan import Notice, Plan, Summary

MOST_NAMED = 5
"""Names of specs in the notice."""
_DUE = {Action.PUSH: "to push", Action.REUSE: "to use an earlier job again", Action.MOVE: "renamed"}


def begun(plan: Plan) -> Plan:
    """*plan* without the changes that no run has begun. Those that are due for an apply are counted in a notice.

    Doubts and decisions stay, and so do jobs that run and outputs that are not saved.
    """
    kept = tuple(change for change in plan.changes if change.action is Action.RESOLVE)
    left = {change.name for change in plan.changes} - {change.name for change in kept}
    due = [change for change in plan.changes if change.action in _DUE]
    return replace(
        plan,
        changes=kept,
        summary=Summary(resolve=len(kept), unchanged=plan.summary.unchanged),
        notices=(*(notice for notice in plan.notices if notice.name not in left), *_due(due, plan.where.target)),
        due=len(due),
    )


def _due(due: Sequence[Change], target: str) -> Iterator[Notice]:
    if not due:
        return
    counted = Counter(change.action for change in due)
    what = ", ".join(f"{counted[action]:,} {words}" for action, words in _DUE.items() if counted[action])
    names = ", ".join(f"'{change.name}'" for change in due[:MOST_NAMED]) + (", …" if len(due) > MOST_NAMED else "")
    specs = "1 spec is" if len(due) == 1 else f"{len(due):,} specs are"
    command = "sieve-jobs apply" + ("" if target == "local" else f" -t {shlex.quote(target)}")
    yield Notice(None, None, f"--continue begins nothing: {specs} due ({what}): {names}", hint=f"to begin: {command}")
