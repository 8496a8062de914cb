"""`show`: all about one spec: why it would run or not, its jobs, how they ended, what they gave."""

from __future__ import annotations

import click

from sieve_jobs.cli.asking import ask
from sieve_jobs.cli.connection import call, far_side, path_on_disk
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import record
from sieve_jobs.cli.explain import explained
from sieve_jobs.cli.options import name_argument, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode, SieveJobsError
from sieve_jobs.render import document, known, results
from sieve_jobs.state.entry import Entry
from sieve_jobs.wire import Job, Status


@verb("show", "sieve-jobs show dub-intro", "sieve-jobs show dub-intro --offline --json")
@name_argument
@click.option("--offline", is_flag=True, help="Only what the state knows; no call.")
def command(session: Session, name: str, *, offline: bool) -> ExitCode:
    """Show all about one spec: why it would run or not, its jobs, their errors and outputs."""
    entry, said, past = explained(session, name)
    problems: list[Diagnostic] = []
    job: Job | None = None
    if entry is not None and not offline:
        entry, job, problems = _asked(session, entry)
    session.problems(*problems)
    if session.as_json:
        body = document.show_document(entry, said, past)
        body["outputs"] = [dict(output) for output in job.outputs] if job else None
        body["diagnostics"] = [problem.as_json() for problem in problems]
        session.streams.document(body)
        return ExitCode.OK
    style = session.style(session.streams.out)
    text = known.show(entry, said, past, style)
    if job is not None and job.outputs:
        lines = results.outputs(job, style, lambda url: path_on_disk(session, url))
        text += "\noutputs\n" + "".join(f"{line}\n" for line in lines)
    session.streams.answer(text)
    return ExitCode.OK


def _asked(session: Session, entry: Entry) -> tuple[Entry, Job | None, list[Diagnostic]]:
    """The entry as it stands now and, of a job that finished, the job. Without an answer what is known is shown."""
    try:
        if not entry.status.is_final and not entry.lost:
            heard = ask(session, {entry.name: entry})
            record(session, heard.statuses)
            entry = heard.entries.get(entry.name, entry)
            if heard.problems:
                return entry, None, list(heard.problems)
        if entry.status is not Status.FINISHED:
            return entry, None, []
        with far_side(session) as far:
            return entry, call(far, lambda client: client.job(entry.job_id)), []
    except CallError as error:
        return entry, None, [Diagnostic(Code.CALL_FAILED, f"could not read the job's outputs: {error.message}")]
    except SieveJobsError as error:
        return entry, None, list(error.diagnostics)
