"""Takeover: jobs of the far side's list that are what specs without an entry ask for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sieve_jobs.plan.action import Reason
from sieve_jobs.push.draft import draft_entry
from sieve_jobs.push.projection import Likeness, likeness, project
from sieve_jobs.push.reconcile import Listing
from sieve_jobs.push.verdict import Unclear, Verdict, judged
from sieve_jobs.spec.jobspec import Detail, JobSpec
from sieve_jobs.spec.tags import TagKey
from sieve_jobs.state.entry import Entry
from sieve_jobs.wire import Job, Status


def match(
    details: Sequence[Detail], listing: Listing, *, taken: Collection[str], organization_id: str | None,
    key: TagKey | None,
) -> Mapping[str, Verdict]:  # fmt: skip
    """A verdict for each spec, by name. Jobs that ended badly, or that are *taken*, answer none.

    Env is not in the far side's list, so a job that ran with another env is taken for the spec's too.
    """
    jobs = [job for job in listing.jobs if job.id not in taken and organization_id in (None, job.organization_id)]
    jobs = [job for job in jobs if job.status not in (Status.ERROR, Status.CANCELLED)]
    mixed = organization_id is None and len({job.organization_id for job in jobs}) > 1
    found = {detail.spec.name: _candidates(detail.spec, jobs, key) for detail in details}
    unset = Unclear("a secret of it is not set, so it cannot be compared")
    # Jobs that the list may lack are said beside the answer: a person is asked before anything is taken over.
    verdicts = judged(found, rival="another spec", mixed=mixed)
    return {**verdicts, **{detail.spec.name: unset for detail in details if detail.spec.missing}}


def taken_over(detail: Detail, job: Job, *, now: datetime, commit: str | None) -> Entry:
    """The entry of a spec whose job was found."""
    draft = draft_entry(detail, Reason.REUSED, now=now, commit=commit)
    return replace(
        draft, job_id=job.id, run_id=job.run_id or "", status=job.status, pushed_at=job.created_at or now,
        completed_at=job.completed_at,
    )  # fmt: skip


def runs_function(spec: JobSpec, job: Job, key: TagKey | None) -> bool:
    """Whether *job* could be one of the spec's function, whatever its inputs are."""
    return likeness({**project(spec, key), "inputs": {}}, job, key) is not Likeness.NO


def _candidates(spec: JobSpec, jobs: Iterable[Job], key: TagKey | None) -> list[tuple[Job, Likeness]]:
    projection = project(spec, key)
    function = None if spec.function is None else spec.function.partition(":")[0]
    asked = (job for job in jobs if None in (function, job.function) or job.function == function)
    weighed = ((job, likeness(projection, job, key)) for job in asked)
    return [(job, found) for job, found in weighed if found is not Likeness.NO]
