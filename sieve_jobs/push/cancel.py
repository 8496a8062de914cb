"""Cancel: running jobs are told to end: those of removed specs, and those that a changed spec replaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sieve_jobs.errors import CallError
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.decide import cancels_first
from sieve_jobs.push.bookkeeping import forgotten
from sieve_jobs.push.draft import Order
from sieve_jobs.push.events import Cancelled, Pruned
from sieve_jobs.push.run import Run
from sieve_jobs.state.entry import Entry
from sieve_jobs.state.writes import DropEntry, PutEntry, PutPast
from sieve_jobs.wire import Status


async def cancel_pruned(run: Run, changes: Sequence[Change]) -> None:
    """Cancels the jobs of removed specs, and forgets those that ended by it."""
    for change in changes:
        entry = change.entry
        if entry is None or run.ending.is_set():
            continue
        try:
            over = await run.client.cancel(entry.job_id) or (await run.client.job(entry.job_id)).status.is_final
        except CallError as error:
            if error.status != 404:
                run.could_not(change, f"cancel job {entry.job_id} of '{change.name}'", error)
                continue
            over = True
        if over:
            run.recorder.later(*forgotten(entry))
            run.emit(Pruned(change.name, entry.job_id, cancelled=True))
        else:
            # Sieve may refuse to cancel a job that is still queued: the entry stays, and the next prune tries again.
            run.recorder.later(PutEntry(entry))
            run.fail(change, change.reason, f"job {entry.job_id} could not be cancelled yet; prune again later")


async def cancel_replaced(run: Run, order: Order) -> Order | None:
    """*order* with the spec's running job cancelled, where that is asked for. None: it is not to be pushed now.

    A job that cannot be cancelled, as it is still queued, goes on beside the new one.
    """
    before = order.before
    if before is None or order.intent is not None or not cancels_first(order.detail, before, run.options.plan):
        return order
    ended = await _ended(run, order.change, before)
    if ended is None:
        return None
    if not ended.status.is_final:
        return order
    # The entry goes with its job: should the push be refused, or never be made, taking the change back pushes again.
    await run.recorder.write(DropEntry(before.name), PutPast(ended.past()))
    run.emit(Cancelled(before.name, before.job_id, ended.status))
    return replace(order, before=ended)


async def cancel_left(run: Run, change: Change) -> Entry | None:
    """The entry of a spec that takes an earlier job again, its own job cancelled where that is asked for."""
    before, detail = change.entry, change.detail
    if before is None or detail is None or not cancels_first(detail, before, run.options.plan):
        return before
    if change.reuses is not None and change.reuses.job_id == before.job_id:
        return before
    ended = await _ended(run, change, before)
    if ended is None or not ended.status.is_final:
        return before
    run.emit(Cancelled(before.name, before.job_id, ended.status))
    return ended


async def _ended(run: Run, change: Change, entry: Entry) -> Entry | None:
    """*entry* as its job is once it was told to end; None where the far side gave no usable answer.

    An end by this is told by whoever asked for it, and is nobody's failure: the follower does not hear of it.
    """
    followed = run.follower.take(entry.job_id)
    ended = await _told(run, change, entry)
    if ended is not None and ended.status.is_final:
        run.follower.drop(entry.job_id)
    elif followed is not None:
        run.follower.add(followed)
    return ended


async def _told(run: Run, change: Change, entry: Entry) -> Entry | None:
    try:
        if await run.client.cancel(entry.job_id):
            return replace(entry, status=Status.CANCELLED, reported=True)
        # "Not processing": it is over, or it is still queued and cannot be cancelled yet.
        job = await run.client.job(entry.job_id)
    except CallError as error:
        if error.status == 404:
            return replace(entry, status=Status.CANCELLED, reported=True)
        run.could_not(change, f"cancel job {entry.job_id} of '{change.name}', which is to be replaced", error)
        return None
    return replace(
        entry, status=job.status, completed_at=job.completed_at, error=run.redactor.clean(job.error), reported=True
    )
