"""A saved plan: what was reviewed, by names, digests and jobs, and how it is held against the plan of today. Pure.

It carries no value of any spec: what is pushed is read again, and is what was reviewed if the digest is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.moment import stamp
from sieve_jobs.plan.plan import Notice, Plan, PlanOptions, Summary
from sieve_jobs.plan.saved_row import SavedRow, text_in
from sieve_jobs.wire import Json

FORMAT = "sieve-jobs-plan"
VERSION = "1.0"
"""Its first part is raised when a key changes its meaning or goes: another version of the tool then refuses it."""
MOST_TOLD = 20
"""Changes that are no longer as planned and are told one by one."""

_DOING: Mapping[Action, str] = {
    Action.PUSH: "be pushed", Action.REUSE: "use an earlier job again", Action.MOVE: "take over a job",
    Action.ORPHAN: "be pruned", Action.RESOLVE: "be resolved",
}  # fmt: skip
_Rows: TypeAlias = Mapping[str, SavedRow]


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was reviewed."""

    target: str
    endpoint: str
    lineage: str
    """Of the state; empty where there was none yet."""
    serial: int
    at: str
    """When it was made; for people."""
    changes: tuple[SavedRow, ...]
    selected: frozenset[str] | None = None
    """Names the plan was narrowed to."""
    rerun: frozenset[str] = frozenset()
    prune: str | None = None


def saved(plan: Plan, options: PlanOptions, *, lineage: str, at: datetime) -> SavedPlan:
    """*plan* to be saved; *options* are those it was made with."""
    return SavedPlan(
        target=plan.where.target, endpoint=plan.where.endpoint, lineage=lineage, serial=plan.where.serial, at=stamp(at),
        changes=tuple(map(SavedRow.of, plan.changes)),
        selected=options.selected, rerun=options.rerun,
        prune=options.prune,
    )  # fmt: skip


def written(plan: SavedPlan) -> str:
    """The text of the file."""
    document: dict[str, Json] = {
        "format": FORMAT,
        "format_version": VERSION,
        "target": plan.target,
        "endpoint": plan.endpoint,
        "lineage": plan.lineage,
        "serial": plan.serial,
        "at": plan.at,
        "selected": None if plan.selected is None else [*sorted(plan.selected)],
        "rerun": [*sorted(plan.rerun)],
        "prune": plan.prune,
        "changes": [row.as_json() for row in plan.changes],
    }
    return json.dumps(document, indent=1) + "\n"


def parse(text: str) -> SavedPlan:
    """The plan in the text of a file. Raises ValueError, whose words complete "'FILE' …", for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        looks_cut = f'"{FORMAT}"' in text[:200]
        raise ValueError("is cut off or damaged" if looks_cut else "is no saved plan, no spec and no name of one")
    version = document.get("format_version")
    if not isinstance(version, str) or version.partition(".")[0] != VERSION.partition(".")[0]:
        raise ValueError(f"was saved by another version of sieve-jobs (format {json.dumps(version)[:20]})")
    try:
        return _plan(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("is a saved plan that was changed by hand, or damaged") from error


def _plan(document: Mapping[str, Json]) -> SavedPlan:
    selected, changes, serial = document["selected"], document["changes"], document["serial"]
    if not isinstance(changes, list) or not isinstance(serial, int):
        raise TypeError
    prune = document["prune"]
    if prune not in {None, "forget", "cancel"}:
        raise ValueError
    return SavedPlan(
        target=text_in(document["target"]), endpoint=text_in(document["endpoint"]),
        lineage=text_in(document["lineage"]), serial=serial, at=text_in(document["at"]),
        changes=tuple(map(SavedRow.from_json, changes)),
        selected=None if selected is None else _texts(selected), rerun=_texts(document["rerun"]),
        prune=None if prune is None else text_in(prune),
    )  # fmt: skip


def stale(plan: SavedPlan, today: Plan, lineage: str) -> tuple[Diagnostic, ...]:
    """What is no longer as planned; empty if all of it can be done as it was reviewed.

    Specs that the plan does not speak of do not count, nor do doubts, which any run may have settled.
    """
    if plan.lineage and plan.lineage != lineage:
        hint = "plan again where the state is"
        return (
            Diagnostic(
                Code.PLAN_STALE, "the saved plan was made from another state (its lineage is another)", hint=hint
            ),
        )
    now = {change.name: change for change in today.changes}
    found = [
        _stale(row, now.get(row.name))
        for row in plan.changes
        if row.binds and (row.name not in now or SavedRow.of(now[row.name]).what != row.what)
    ]
    if len(found) > MOST_TOLD:
        more = Diagnostic(Code.PLAN_STALE, f"and {len(found) - MOST_TOLD:,} more changes are no longer as planned")
        return (*found[:MOST_TOLD], more)
    return tuple(found)


def _stale(row: SavedRow, now: Change | None) -> Diagnostic:
    place = Place(now.path, now.line) if now else None
    hint = "nothing was done; plan again, and save that plan"
    return Diagnostic(
        Code.PLAN_STALE, f"'{row.name}' is no longer as planned: {_why_stale(row, now)}", place, hint=hint
    )


def _why_stale(row: SavedRow, now: Change | None) -> str:
    was = f"it was to {_DOING[row.action]}"
    if now is None:
        return f"{was}, and nothing is to be done with it now"
    today = SavedRow.of(now)
    if today.action is not row.action:
        return f"{was}, and now is to {_DOING.get(today.action, 'stay as it is')}"
    if today.digest != row.digest:
        return "its spec, or what it reads, has changed"
    if today.job != row.job:
        return f"its job was {row.job or 'none'}, and is {today.job or 'none'} now"
    return f"{was} by other means"


def held_to(plan: SavedPlan, today: Plan) -> Plan:
    """Of *today*, which is not stale, what was reviewed; doubts are always settled. What is left out is a notice."""
    reviewed: _Rows = {row.name: row for row in plan.changes}
    kept = tuple(change for change in today.changes if _is_reviewed(change, reviewed))
    names = {change.name for change in kept}
    left = [change.name for change in today.changes if change.name not in names]
    pushes = [change.name for change in today.changes if change.action is Action.PUSH and change.name not in names]
    counted = {action: sum(change.action is action for change in kept) for action in Action}
    summary = Summary(
        push=counted[Action.PUSH], reuse=counted[Action.REUSE], move=counted[Action.MOVE],
        orphan=counted[Action.ORPHAN], resolve=counted[Action.RESOLVE], unchanged=today.summary.unchanged,
    )  # fmt: skip
    notices = (*(notice for notice in today.notices if notice.name not in left), *_left(pushes))
    return replace(today, changes=kept, summary=summary, notices=notices)


def _is_reviewed(change: Change, reviewed: _Rows) -> bool:
    row = reviewed.get(change.name)
    return change.action is Action.RESOLVE or (row is not None and row.what == SavedRow.of(change).what)


def _left(pushes: list[str]) -> Iterator[Notice]:
    if pushes:
        names = ", ".join(f"'{name}'" for name in pushes[:5]) + (", …" if len(pushes) > 5 else "")
        one = len(pushes) == 1
        text = f"{len(pushes):,} {'spec needs a push that is' if one else 'specs need a push that is'} not in the plan"
        yield Notice(None, None, f"{text}, and {'is' if one else 'are'} left: {names}", hint="the next plan has them")


def _texts(value: Json) -> frozenset[str]:
    if not isinstance(value, list):
        raise TypeError
    return frozenset(map(text_in, value))
