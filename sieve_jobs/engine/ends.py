"""How an attempt or a queued job comes to its end other than by its function: recorded, with the reason."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from sieve_jobs.engine import jobs
from sieve_jobs.engine.attempt import Desk
from sieve_jobs.engine.death import Death, RestartType, last_words, runs_again
from sieve_jobs.engine.lines import Unable
from sieve_jobs.engine.records import Claimed, Ended, Waiting

ENGINE_ENDED = Death("the engine ended", RestartType.PREEMPTION)
ENGINE_KILLED = Death("the engine was killed, or the disk took no more from it", RestartType.PREEMPTION)


async def lost(desk: Desk, claimed: Claimed, death: Death, limit: int) -> bool:
    """A worker died under a job: queued again with the reason, which is True, or at its end.

    False too if the job was at its end already.
    """
    row = desk.store.read(lambda db: jobs.get_without_outputs(db, claimed.run.job_id))
    restarts = row.restarts if row else []
    if runs_again(death, restarts, limit):
        return await requeue(desk, claimed, replace(death, reason=f"worker died: {death.reason}"))
    count, _ = desk.store.read(lambda db: jobs.outputs_of(db, claimed.run.job_id))
    ended = Ended(count, last_words(death, restarts))
    now = datetime.now(UTC)
    await desk.store.insist(lambda db: jobs.finish(db, claimed.run, ended, now))
    return False


async def requeue(desk: Desk, claimed: Claimed, death: Death) -> bool:
    """Queues a running job again; False if it is not running any more."""
    now, following, why = datetime.now(UTC), new_run_id(claimed.run.job_id), (death.type.value, death.reason)
    return await desk.store.insist(lambda db: jobs.requeue(db, claimed.run, following, why, now))


def absence(unable: Unable) -> str:
    """Why a job whose function is gone cannot be run."""
    job = unable.job
    what = f"version {job.function_id} of it is not here any more" if unable.is_here else "it is not here any more"
    return f"Function not found. {job.owner}/{job.name}: {what}"


async def fail(desk: Desk, job: Waiting, error: str) -> None:
    """Ends a queued job that cannot be run."""
    now = datetime.now(UTC)
    await desk.store.insist(lambda db: jobs.fail_queued(db, job.id, error, now))


def new_run_id(job_id: str) -> str:
    """The id of a job's next attempt. Source: captured run ids are the job id and a uuid."""
    return f"{job_id}-{uuid.uuid4()}"
