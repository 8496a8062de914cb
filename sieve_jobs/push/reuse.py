"""Reuse: an earlier job is taken again only if the far side still has it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.push.bookkeeping import reused
from sieve_jobs.push.cancel import cancel_left
from sieve_jobs.push.disk import is_kept
from sieve_jobs.push.draft import Order
from sieve_jobs.push.events import Reused
from sieve_jobs.push.run import Run, place_of
from sieve_jobs.state.entry import PastJob
from sieve_jobs.state.writes import DropPast
from sieve_jobs.wire import Job, Status


async def reuse(run: Run, changes: Sequence[Change]) -> None:
    """Takes every earlier job again that is still there; what is gone is pushed. The first call goes alone."""
    gate = asyncio.Semaphore(run.options.concurrency)

    async def one(change: Change) -> None:
        async with gate:
            if not run.ending.is_set():
                await _reuse(run, change)

    for change in changes[:1]:
        await one(change)
    await asyncio.gather(*map(one, changes[1:]))


async def _reuse(run: Run, change: Change) -> None:
    past = change.reuses
    if past is None:
        return
    job: Job | None = None
    try:
        job = await run.client.job(past.job_id)
    except CallError as error:
        if error.status != 404:
            run.could_not(change, f"ask for job {past.job_id} of '{change.name}'", error)
            return
    kept = await _is_kept(run, change, past)
    if (job is None and not kept) or (job is not None and job.status in (Status.ERROR, Status.CANCELLED)):
        _push_instead(run, change)
        return
    saved = past.saved if kept or past.saved is None else replace(past.saved, complete=False)
    change = replace(change, entry=await cancel_left(run, change))
    now, commit = run.clock.now(), run.options.commit
    run.recorder.later(*reused(change, job, now=now, commit=commit, saved=saved))
    run.emit(Reused(change.name, past.job_id))
    run.superseded(change.entry if change.entry is None or change.entry.job_id != past.job_id else None)
    status, run_id = (past.status, past.run_id) if job is None else (job.status, job.run_id)
    run.settled(change, change.reason, job_id=past.job_id, run_id=run_id, status=status)


async def _is_kept(run: Run, change: Change, past: PastJob) -> bool:
    """Whether its outputs were saved and are still there, so that nothing is missing if the far side forgot it."""
    options = run.options.save
    if options is None or past.saved is None or past.status is not Status.FINISHED:
        return False
    since = change.entry.saved if change.entry is not None and change.entry.job_id != past.job_id else None
    return await asyncio.to_thread(is_kept, past.saved, options.place(), options.root, since)


def _push_instead(run: Run, change: Change) -> None:
    past, before = change.reuses, change.entry
    if past is None or change.detail is None:
        return
    if run.options.planned_only:
        message = f"job {past.job_id}, which '{change.name}' was to use again, is gone, and the plan has no push of it"
        problem = Diagnostic(Code.PLAN_STALE, message, place_of(change), hint="plan again: the next plan pushes it")
        run.problem(problem, ExitCode.LOCKED)
        run.fail(change, Reason.RESULT_GONE, problem.message)
        return
    if before is not None and before.job_id == past.job_id:
        before = None  # what is gone is no earlier job to come back to
    run.recorder.later(DropPast(past.job_id))
    if past.saved is not None:
        run.saver.know(past.saved)
    run.row(change, Reason.RESULT_GONE, action=Action.PUSH)
    run.orders.add(Order(change, change.detail, Reason.RESULT_GONE, before, run.options.key))
