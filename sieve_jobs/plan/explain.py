"""Explain: why a spec would run or not, as sentences for people and as data for machines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change, FieldDiff
from sieve_jobs.plan.moment import shown, stamp
from sieve_jobs.plan.plan import Notice, Plan
from sieve_jobs.state.entry import Entry, PastJob
from sieve_jobs.wire import Json, Status

WORDS: Mapping[Reason, str] = {
    Reason.NEW: "new",
    Reason.FUNCTION_CHANGED: "function changed",
    Reason.INPUTS_CHANGED: "inputs changed",
    Reason.FILE_CHANGED: "file changed",
    Reason.ENV_CHANGED: "env changed",
    Reason.RERUN: "asked to run again",
    Reason.RETRY: "tried again after a failure",
    Reason.RESULT_GONE: "the earlier result is gone",
    Reason.REUSED: "an earlier job had the same digest",
    Reason.RENAMED: "renamed",
    Reason.REMOVED: "spec removed",
    Reason.IN_DOUBT: "a push without an answer",
    Reason.RUN_ALWAYS: "runs every time",
    Reason.UPSTREAM_CHANGED: "a spec it needs changed",
    Reason.SKIPPED: "skipped",
    Reason.LOST: "the far side lost its job",
    Reason.SECRET_ROTATED: "a secret was rotated",
    Reason.WEBHOOKS_CHANGED: "webhooks changed",
    Reason.UNSAVED: "outputs to be saved",
    Reason.UNCHANGED: "unchanged",
}
"""Every reason as people read it, behind a spec's name."""

_WORDS_BY_VALUE: Mapping[str, str] = {reason.value: words for reason, words in WORDS.items()}
"""An entry may hold the reason of a newer version, which has no words here."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why. *lines* are whole sentences, not escaped; *data* is the same for `explain --json`."""

    name: str
    action: Action
    reason: Reason
    lines: tuple[str, ...]
    diff: tuple[FieldDiff, ...]
    data: Mapping[str, Json]


def explain(name: str, plan: Plan, entry: Entry | None, past: Sequence[PastJob] = ()) -> Explanation:
    """Why *name* would run or not, by *plan* and what the state knows: its *entry*, and its *past* newest first."""
    change = next((change for change in plan.changes if change.name == name), None)
    taker = None if change else next((change for change in plan.changes if change.moved_from == name), None)
    action = (change or taker or _NOTHING).action
    reason = (change or taker or _NOTHING).reason
    stand_in = change.stand_in if change else entry.stand_in if entry else None
    digest = change.digest if change else entry.digest if entry else None
    lines = [
        _given_away(name, taker.name) if taker else _verdict(name, change, entry),
        *([f"{stand_in}: what comes of it is no result of {stand_in.asked}"] if stand_in else []),
        *([_last_job(entry)] if entry else []),
        *(_earlier(past, digest, change)),
        *([_decision(name, plan.where.target)] if change and change.intent else []),
        *(_with_hint(notice) for notice in plan.notices if notice.name == name),
    ]
    data: dict[str, Json] = {
        "name": name,
        "action": action.value,
        "reason": reason.value,
        "digest": digest,
        "recorded_digest": entry.digest if entry else None,
        "diff": [diff_json(field) for field in change.diff] if change else [],
        "job": _job_json(entry.past()) if entry else None,
        "pushed_because": entry.reason if entry else None,
        "earlier_jobs": [_job_json(job) for job in past],
        "notices": [notice.text for notice in plan.notices if notice.name == name],
    }
    if stand_in is not None:
        data |= stand_in.as_json()
    return Explanation(name, action, reason, tuple(lines), change.diff if change else (), data)


_NOTHING: Final = Change("", Action.NOTHING, Reason.UNCHANGED, "", 0)


def diff_json(field: FieldDiff) -> Json:
    """One field of a diff in every JSON document."""
    return {"path": field.path, "before": field.before, "after": field.after, "masked": field.masked}


def _given_away(name: str, taker: str) -> str:
    return f"'{name}' is no longer among the specs: '{taker}' asks for what it asked for, and takes its job over"


def resolve_command(name: str, target: str) -> str:
    """The command that ends a doubt, but for the decision itself; it names every target but the default one."""
    return f"sieve-jobs resolve {shlex.quote(name)}" + ("" if target == "local" else f" -t {shlex.quote(target)}")


def _decision(name: str, target: str) -> str:
    """What ends a doubt."""
    command = resolve_command(name, target)
    return f"the next apply looks for its job; to decide without it: {command} --adopt ID | --push | --drop"


def _with_hint(notice: Notice) -> str:
    return f"{notice.text}; {notice.hint}" if notice.hint else notice.text


def _verdict(name: str, change: Change | None, entry: Entry | None) -> str:
    if change is None or change.action is Action.NOTHING:
        return _verdict_unchanged(name, entry)
    if change.action is Action.PUSH:
        first = change.reason is Reason.NEW
        return f"'{name}' would be pushed" + (": no job of it is known" if first else f" again: {WORDS[change.reason]}")
    return f"'{name}' {_instead_of_a_push(change)}"


def _instead_of_a_push(change: Change) -> str:
    match change.action:
        case Action.REUSE if change.reuses is not None:
            return f"would not run: job {change.reuses.job_id} had the same digest and is used again"
        case Action.MOVE:
            return f"would not run: it asks for what '{change.moved_from}' asked for, and takes its job over"
        case Action.ORPHAN:
            return "is no longer among the specs; its job is left alone"
        case Action.RESOLVE if change.intent is not None:
            return f"waits: a push of {shown(change.intent.at)} got no clear answer and may have arrived"
    return f"waits for a decision: {WORDS[change.reason]}"


def _verdict_unchanged(name: str, entry: Entry | None) -> str:
    if entry is None:
        return f"'{name}' is not among the specs, and the state does not know it"
    if entry.orphaned:
        return f"'{name}' is no longer among the specs; its entry is kept until it is pruned"
    if entry.status is Status.FINISHED:
        return f"'{name}' would not run: nothing it asks for has changed, and its job finished"
    if entry.status.is_final:
        return f"'{name}' would not run: nothing it asks for has changed, and its job's end is final"
    return f"'{name}' would not run again: nothing it asks for has changed, and its job goes on"


def _last_job(entry: Entry) -> str:
    because = _WORDS_BY_VALUE.get(entry.reason, entry.reason)
    ended = f", ended {shown(entry.completed_at)}" if entry.completed_at else ""
    commit = f" from commit {entry.commit[:12]}" if entry.commit else ""
    status = "not known to the far side" if entry.lost else entry.status.value
    return f"job {entry.job_id} was pushed {shown(entry.pushed_at)}{commit} ({because}): {status}{ended}"


def _earlier(past: Sequence[PastJob], digest: str | None, change: Change | None) -> list[str]:
    """Earlier jobs with today's digest that were not used again, and why."""
    if change is None or change.action is not Action.PUSH:
        return []
    return [
        f"job {job.job_id} of {shown(job.pushed_at)} had the same digest and is not used again: it "
        + (
            f"ended as {job.status.value}"
            if job.status in {Status.ERROR, Status.CANCELLED}
            else "ran with other values"
        )
        for job in past
        if job.digest == digest and change.reason is not Reason.RERUN
    ]


def _job_json(job: PastJob) -> Json:
    return {
        "name": job.name,
        "job_id": job.job_id,
        "run_id": job.run_id,
        "digest": job.digest,
        "function": job.function,
        "status": job.status.value,
        "pushed_at": stamp(job.pushed_at),
        "completed_at": stamp(job.completed_at) if job.completed_at else None,
    }
