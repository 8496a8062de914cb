"""Bookkeeping: the changes of a plan that need no call to the far side, as writes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.plan import Plan
from sieve_jobs.push.draft import draft_entry
from sieve_jobs.state.entry import Entry, Saved
from sieve_jobs.state.writes import DropEntry, DropPast, PutEntry, PutPast, Write
from sieve_jobs.wire import Job


def refreshed(plan: Plan) -> Sequence[Write]:
    """Entries whose place, tags or fingerprint are newer, and bad ends that this run is the first to say."""
    newer = {entry.name: entry for entry in plan.refresh}
    for name, entry in plan.failed.items():
        if not entry.reported:
            newer[name] = replace(newer.get(name, entry), reported=True)
    return [PutEntry(entry) for entry in newer.values()]


def settled_on_paper(changes: Iterable[Change]) -> Sequence[Write]:
    """Moves, orphans, pruned entries whose job ended, and the loss of a job that is now said."""
    return [write for change in changes for write in _writes(change)]


def _writes(change: Change) -> Sequence[Write]:
    entry = change.entry
    if entry is None:
        return ()
    if change.action is Action.MOVE and change.moved_from is not None:
        return (PutEntry(entry), DropEntry(change.moved_from))
    if change.action is Action.ORPHAN:
        ended = entry.status.is_final or entry.lost
        return forgotten(entry) if change.prune and ended else (PutEntry(replace(entry, orphaned=True)),)
    if change.action is Action.RESOLVE and change.reason is Reason.LOST:
        return (PutEntry(replace(entry, reported=True)),)
    return ()


def forgotten(entry: Entry) -> Sequence[Write]:
    """The entry goes; its job stays among the earlier ones, so that a spec that comes back is not paid for again."""
    return (DropEntry(entry.name),) if entry.lost else (DropEntry(entry.name), PutPast(entry.past()))


def reused(
    change: Change, job: Job | None, *, now: datetime, commit: str | None, saved: Saved | None
) -> Sequence[Write]:
    """An earlier job becomes the spec's own again; what the spec had before becomes an earlier one.

    *job* is what the far side says of it, None if it has it no more; *saved* what is known of its outputs.
    """
    past, detail, before = change.reuses, change.detail, change.entry
    if past is None or detail is None:
        raise ValueError(f"'{change.name}' reuses nothing")
    entry = replace(
        draft_entry(detail, Reason.REUSED, now=now, commit=commit),
        job_id=past.job_id, run_id=past.run_id, status=past.status, pushed_at=past.pushed_at,
        completed_at=past.completed_at, error="", saved=saved,
    )  # fmt: skip
    if job is not None:
        known = replace(entry, run_id=job.run_id or past.run_id, status=job.status)
        entry = replace(known, completed_at=job.completed_at or past.completed_at)
    writes: list[Write] = [PutEntry(entry), DropPast(past.job_id)]
    if change.moved_from is not None and change.moved_from != change.name:
        writes.append(DropEntry(change.moved_from))
    if before is not None and before.job_id not in ("", past.job_id) and not before.lost:
        writes.append(PutPast(before.past()))
    return writes
