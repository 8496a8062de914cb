"""`logs`: what a job printed, once or as it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.connection import call, default_workers, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import one_entry, redactor_of
from sieve_jobs.cli.options import name_argument, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, RefusedError, UsageError
from sieve_jobs.render.text import escape
from sieve_jobs.wire import LogLine

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client
    from sieve_jobs.push.redact import Redactor

PAUSE = 1.0
"""Seconds between two looks with --follow."""
MOST_PAGES = 10_000


@verb("logs", "sieve-jobs logs dub-intro", "sieve-jobs logs dub-intro -f")
@name_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
def command(session: Session, name: str, follow: bool) -> ExitCode:
    """Print what the job of NAME printed. Known secrets are taken out."""
    if follow and session.as_json:
        raise UsageError(Diagnostic(Code.USAGE, "--follow and --json do not go together: a document has an end"))
    with session.open_store(read_only=True) as store:
        entry = one_entry(session, store, name)
    redactor = redactor_of(session)
    goes_on = follow and not entry.status.is_final
    with far_side(session, workers=default_workers() if goes_on else 0) as far:
        if goes_on:
            call(far, lambda client: _tail(session, client, entry.job_id, redactor))
            return ExitCode.OK
        found = call(far, lambda client: _all(client, entry.job_id))
    if found is None:
        session.streams.say(f"the far side has no log of job {entry.job_id}")
    lines = found or []
    if session.as_json:
        rows = [{"at": line.at, "stage": line.stage, "message": redactor.clean(line.message)} for line in lines]
        session.streams.document({"name": entry.name, "job_id": entry.job_id, "logs": rows})
    else:
        _print(session, lines, redactor)
    return ExitCode.OK


async def _all(client: Client, job_id: str) -> list[LogLine] | None:
    """Every line so far; None where the far side knows of no log of the job, or not of the job any more."""
    lines: list[LogLine] = []
    start = 0
    for _ in range(MOST_PAGES):
        try:
            page, following = await client.logs(job_id, start)
        except RefusedError as error:
            if error.status == 404:
                return lines or None
            raise
        lines += page
        if not page or following <= start:
            break
        start = following
    return lines


async def _tail(session: Session, client: Client, job_id: str, redactor: Redactor) -> None:
    start, ended = 0, False
    while True:
        page, following = await _page(client, job_id, start)
        _print(session, list(page), redactor)
        if page and following > start:
            start = following
            continue
        if ended:
            return
        # Lines that came between the last look and the end are fetched by one look more.
        ended = (await client.job(job_id)).status.is_final
        if not ended:
            await asyncio.sleep(PAUSE)


async def _page(client: Client, job_id: str, start: int) -> tuple[tuple[LogLine, ...], int]:
    try:
        return await client.logs(job_id, start)
    except RefusedError as error:
        if error.status == 404:
            return (), start
        raise


def _print(session: Session, lines: list[LogLine], redactor: Redactor) -> None:
    if lines:
        session.streams.answer("\n".join(escape(redactor.clean(line.message)) for line in lines))
