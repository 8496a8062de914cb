"""Adopt: a job that was found is what a push in doubt made; recorded as such, and followed."""

from __future__ import annotations

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.push.draft import entry_of
from sieve_jobs.push.events import Adopted
from sieve_jobs.push.run import Run
from sieve_jobs.state.entry import Entry, Intent
from sieve_jobs.wire import Job, Status


def adopt(
    run: Run, intent: Intent, job: Job, how: str, *, before: Entry | None, change: Change | None,
    reason: Reason | None = None, action: Action | None = None,
) -> Entry:  # fmt: skip
    """*job* becomes the spec's; the entry it has now. Without *change* the run says nothing more of the spec.

    The job's end is not recorded yet: it is for following to find, and to tell.
    """
    status = Status.PROCESSING if job.status.is_final else job.status
    run.learn(job.organization_id or None)
    run.recorder.answer(intent, before, job.id, job.run_id, status)
    run.made.setdefault(job.id, intent.name)
    run.emit(Adopted(intent.name, job.id, how))
    run.superseded(before)
    if change is not None:
        made = reason or change.reason
        run.settled(change, made, job_id=job.id, run_id=job.run_id, status=status, action=action)
    return entry_of(intent, job.id, job.run_id, status)
