"""Jobs that are followed and that the far side no longer knows: what is recorded and said of them."""

from __future__ import annotations

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.plan.decide import rerun_command
from sieve_jobs.push.client import Client
from sieve_jobs.push.followed import Followed
from sieve_jobs.state.writes import JobStatus
from sieve_jobs.wire import Status

_LOOKED_AT = 20
"""Jobs among which one must be of the organisation: should a key see several, one of another is not enough."""


async def key_of_another(client: Client, pinned: str | None) -> Diagnostic | None:
    """That the api key is not of the *pinned* organisation, whose jobs it cannot see; None where that is not known.

    Raises CallError.
    """
    if pinned is None:
        return None
    organizations = [job.organization_id for job in (await client.jobs(limit=_LOOKED_AT)).jobs]
    if not organizations or pinned in organizations or "" in organizations:
        return None
    found = organizations[0]
    problem = f"the api key belongs to organisation {found}, this state to {pinned}"
    return Diagnostic(Code.STATE_OF_OTHER_ENDPOINT, problem, hint="use the key the state was made with")


def said_of_gone(job: Followed) -> JobStatus:
    """What is recorded: nobody waits for a job that was replaced, and that of a spec is lost."""
    if job.superseded:
        return JobStatus(job.job_id, Status.CANCELLED, error="the far side no longer knows it", reported=True)
    return JobStatus(job.job_id, job.status, lost=True, reported=True)


def lost(job: Followed, target: str) -> Diagnostic:
    """The job of a spec is lost: somebody must decide."""
    what = f"the far side no longer knows job {job.job_id} of '{job.name}', which had not finished"
    return Diagnostic(Code.JOB_LOST, what, hint=f"to run it again: {rerun_command(job.name, target)}")
