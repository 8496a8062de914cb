"""Guards: plans that are refused unless a flag says that they are meant. Each guard has a flag of its own."""

from __future__ import annotations

import shlex
from collections.abc import Collection

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.explain import WORDS
from sieve_jobs.plan.plan import Plan
from sieve_jobs.state.loaded import State
from sieve_jobs.wire import Status

SHARE = 0.3
"""Of the finished, or of all specs: a larger part changing at once looks like a mistake."""
ENOUGH = 10
"""Fewer than this many are changed by hand all the time, and are not counted against SHARE."""


def finished_jobs(state: State) -> int:
    """Entries whose job finished, orphans included."""
    return len(state.settled) + sum(entry.status is Status.FINISHED for entry in state.open.values())


def check(
    plan: Plan,
    *,
    interactive: bool,
    max_pushes: int | None,
    allow_removals: bool,
    found_files: int,
    wanted: int,
    finished: int,
    local: bool = False,
    max_pushes_given: bool = False,
    allow_protected: Collection[str] = (),
) -> tuple[Diagnostic, ...]:
    """Why *plan* is refused (exit 6), each problem with the flag that lifts it; empty if it is not.

    *max_pushes* is the flag's number, or else the target's; None is no limit. *max_pushes_given*: it is the flag's, a
    person said how much is meant. *interactive*: somebody is asked before anything is sent. *found_files* and *wanted*
    are spec files and specs of the whole tree, *finished* is `finished_jobs` of the state. *local*: jobs run on the
    engine, where nothing is paid: who edits a function that many specs share just runs them again.
    """
    return tuple(
        problem
        for problem in (
            _too_many(plan, interactive, max_pushes, max_pushes_given),
            None if local else _too_many_again(plan, finished, max_pushes if max_pushes_given else None),
            None if allow_removals else (_too_many_gone(plan) if wanted else none_found(found_files)),
            *_protected(plan, allow_protected),
        )
        if problem is not None
    )


def _too_many(plan: Plan, interactive: bool, limit: int | None, given: bool) -> Diagnostic | None:
    pushes = plan.summary.push
    if limit is None or pushes <= limit or (interactive and not given):
        return None
    source = "--max-pushes" if given else f"max_pushes of target '{plan.where.target}'"
    return Diagnostic(
        Code.TOO_MANY_PUSHES,
        f"refused: {_count(pushes, 'push', 'pushes')}, and {source} allows {limit}",
        hint=f"if all of them are meant: --max-pushes {pushes}",
    )


def _too_many_again(plan: Plan, finished: int, lifted: int | None) -> Diagnostic | None:
    again = sum(_replaces_finished(change) for change in plan.changes)
    if finished < ENOUGH or again <= SHARE * finished or (lifted is not None and plan.summary.push <= lifted):
        return None
    return Diagnostic(
        Code.TOO_MANY_AGAIN,
        f"refused: {again} of {finished} finished specs would be pushed again",
        hint=f"the plan says what changed; if it is meant: --max-pushes {plan.summary.push}",
    )


def none_found(found_files: int, *, first: bool = False) -> Diagnostic:
    """That no spec was found. *first*: nothing is known of any spec either, so that none can be gone."""
    message = "refused: no spec was found" if not found_files else "refused: no spec was found in any spec file"
    if first:
        hint = "is this the right folder (-C DIR)? `sieve-jobs init` writes a first spec"
        return Diagnostic(Code.NO_SPEC_FOUND, message, hint=hint)
    hint = "is this the right folder (-C DIR), and `specs` in sieve-jobs.toml? If all are meant to go: --allow-removals"
    return Diagnostic(Code.NO_SPEC_FOUND, message, hint=hint)


def _too_many_gone(plan: Plan) -> Diagnostic | None:
    gone = sum(change.action is Action.ORPHAN and not _already_gone(change) for change in plan.changes)
    known = plan.summary.unchanged + sum(
        change.entry is not None and not _already_gone(change) for change in plan.changes
    )
    if known < ENOUGH or gone <= SHARE * known:
        return None
    return Diagnostic(
        Code.TOO_MANY_GONE,
        f"refused: {gone} of {known} specs are gone",
        hint="a missing folder or another branch? If they are meant to go: --allow-removals",
    )


def _protected(plan: Plan, allowed: Collection[str]) -> list[Diagnostic]:
    return [
        Diagnostic(
            Code.SPEC_PROTECTED,
            f"refused: '{change.name}' is protected, and its finished job would be replaced ({WORDS[change.reason]})",
            place=Place(change.path, change.line, 1) if change.line else Place(change.path),
            hint=f"if it is meant: --allow-protected {shlex.quote(change.name)}",
        )
        for change in plan.changes
        if change.detail is not None
        and change.detail.spec.protect
        and _replaces_finished(change)
        and change.name not in allowed
    ]


def _replaces_finished(change: Change) -> bool:
    return (
        change.action is Action.PUSH
        and change.reason is not Reason.LOST
        and change.entry is not None
        and change.entry.status is Status.FINISHED
    )


def _already_gone(change: Change) -> bool:
    return change.entry is not None and change.entry.orphaned


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
