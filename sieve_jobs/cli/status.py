"""`status`: the jobs of the specs, as the far side sees them now."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from sieve_jobs.cli.asking import Heard, ask
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import chosen_entries, record
from sieve_jobs.cli.options import names_argument, verb
from sieve_jobs.errors import ExitCode
from sieve_jobs.render import document, known
from sieve_jobs.render.quantity import count
from sieve_jobs.wire import Status


@verb("status", "sieve-jobs status", "sieve-jobs status 'dub-*' --offline --json")
@names_argument
@click.option("--offline", is_flag=True, help="Only what the state knows; no call.")
@click.option("--exit-code", is_flag=True, help="Exit with 4 if any job ended badly.")
def command(session: Session, names: tuple[str, ...], *, offline: bool, exit_code: bool) -> ExitCode:
    """Show the jobs of the specs. Asks the far side about those that were running."""
    with session.open_store(read_only=True) as store:
        entries = dict(chosen_entries(session, store, names))
        doubts = 0 if names else len(store.load().intents)
    running = {name: entry for name, entry in entries.items() if not entry.status.is_final and not entry.lost}
    heard = Heard() if offline else ask(session, running)
    record(session, heard.statuses)
    entries |= heard.entries
    session.problems(*heard.problems)
    if session.as_json:
        session.streams.document(document.status_document(entries.values(), heard.problems))
    else:
        style = session.style(session.streams.out)
        session.streams.answer(known.status(entries.values(), style, datetime.now(UTC)))
        if doubts:
            pushes = count(doubts, "push is", "pushes are")
            session.streams.say(f"note: {pushes} in doubt, whose jobs are not known: `sieve-jobs resolve` lists them")
    if heard.problems:
        return ExitCode.ERROR
    bad = any(entry.status in {Status.ERROR, Status.CANCELLED} or entry.lost for entry in entries.values())
    return ExitCode.JOB_FAILED if exit_code and bad else ExitCode.OK
