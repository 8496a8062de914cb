"""`cancel`: running jobs are told to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sieve_jobs.cli.connection import call, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import chosen_entries, record, redactor_of
from sieve_jobs.cli.options import required_names_argument, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode
from sieve_jobs.render.text import escape
from sieve_jobs.state.entry import Entry
from sieve_jobs.state.writes import JobStatus
from sieve_jobs.wire import Job, Status

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client


@verb("cancel", "sieve-jobs cancel dub-intro", "sieve-jobs cancel 'dub-*'")
@required_names_argument
def command(session: Session, names: tuple[str, ...]) -> ExitCode:
    """Cancel the running jobs of NAMEs.

    What was cancelled stays so for its spec as it is: `rerun NAME`, or a change of the spec, pushes it again.
    """
    with session.open_store(read_only=True) as store:
        chosen = chosen_entries(session, store, names)
    running = {name: entry for name, entry in chosen.items() if not entry.status.is_final and not entry.lost}
    found: Mapping[str, Job | CallError] = {}
    if running:
        with far_side(session) as far:
            found = call(far, lambda client: _cancel_all(client, running))
    record(session, [_status(job) for job in found.values() if isinstance(job, Job)])
    redactor = redactor_of(session)
    problems = [
        Diagnostic(Code.CALL_FAILED, redactor.clean(f"could not cancel the job of '{name}': {error.message}"))
        for name, error in found.items()
        if isinstance(error, CallError)
    ]
    session.problems(*problems)
    rows = {name: _row(entry, found.get(name)) for name, entry in chosen.items()}
    if session.as_json:
        session.streams.document(
            {
                "target": session.target.name,
                "jobs": list(rows.values()),
                "diagnostics": [problem.as_json() for problem in problems],
            }
        )
    else:
        for name, row in rows.items():
            before = "" if name in running else ", had ended before"
            session.streams.answer(f"{escape(name)}  {row['job_id']}  {row['status']}{before}")
    return ExitCode.ERROR if problems else ExitCode.OK


async def _cancel_all(client: Client, entries: Mapping[str, Entry]) -> Mapping[str, Job | CallError]:
    """Each job as it is after it was told, or why it could not be told."""
    found: dict[str, Job | CallError] = {}
    for name, entry in entries.items():
        try:
            await client.cancel(entry.job_id)
            found[name] = await client.job(entry.job_id)
        except CallError as error:
            found[name] = error
    return found


def _status(job: Job) -> JobStatus:
    """Who cancelled a job knows it: its end is no news for the next run."""
    return JobStatus(
        job.id, job.status, job.run_id or None, "", job.completed_at, reported=job.status is Status.CANCELLED
    )


def _row(entry: Entry, found: Job | CallError | None) -> dict[str, object]:
    status = found.status if isinstance(found, Job) else entry.status
    return {"name": entry.name, "job_id": entry.job_id, "status": status.value}
