"""Takeover: jobs of the far side's list that are what specs without an entry ask for. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sieve_jobs.plan.action import Reason
from sieve_jobs.push.draft import draft_entry
from sieve_jobs.push.projection import Likeness, likeness, project
from sieve_jobs.push.reconcile import Absent, Listing, Match, Unclear, Verdict
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
    claims: defaultdict[str, int] = defaultdict(int)
    for candidates in found.values():
        for job, _ in candidates:
            claims[job.id] += 1
    unset = {detail.spec.name for detail in details if detail.spec.missing}
    return {
        name: Unclear("a secret of it is not set, so it cannot be compared")
        if name in unset
        else _verdict(candidates, claims, mixed=mixed)
        for name, candidates in found.items()
    }


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


def _verdict(candidates: list[tuple[Job, Likeness]], claims: Mapping[str, int], *, mixed: bool) -> Verdict:
    ids = tuple(job.id for job, _ in candidates)
    if not candidates:
        return Absent()
    if len(candidates) > 1:
        return Unclear(f"{len(candidates)} jobs could be it", ids)
    job, found = candidates[0]
    if claims[job.id] > 1:
        return Unclear("the one job that could be it could be another spec's too", ids)
    if found is Likeness.UNSURE:
        return Unclear("a part of the one job that could be it cannot be compared", ids)
    if mixed:
        return Unclear("the list holds jobs of several organisations, and ours is not known", ids)
    return Match(job)
