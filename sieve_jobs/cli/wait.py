"""`wait`: jobs to their end, without starting anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.connection import default_workers, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import chosen_entries, redactor_of
from sieve_jobs.cli.interrupt import run_interruptible
from sieve_jobs.cli.locking import written
from sieve_jobs.cli.options import DURATION, events_option, names_argument, verb
from sieve_jobs.cli.progress import Progress
from sieve_jobs.cli.pushing import save_options
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, worst
from sieve_jobs.render import document, known
from sieve_jobs.state.entry import Entry
from sieve_jobs.wire import Status

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client
    from sieve_jobs.push.followed import FollowResult
    from sieve_jobs.push.stop import Stop


@verb("wait", "sieve-jobs wait --timeout 10m", "sieve-jobs wait 'dub-*'")
@names_argument
@click.option("--timeout", type=DURATION, help="Give up after this; exit 8, the jobs go on.")
@events_option
def command(session: Session, names: tuple[str, ...], timeout: float | None, events: bool) -> ExitCode:
    """Wait until the jobs of NAMEs, or all running ones, have ended, and save their outputs. Pushes nothing.

    The exit code is 4 if one that was waited for, or one of NAMEs, ended badly.
    """
    with session.open_store(read_only=True) as store:
        chosen = chosen_entries(session, store, names)
    running = {name: entry for name, entry in chosen.items() if not entry.status.is_final and not entry.lost}
    shown = dict(chosen) if names else running
    codes: set[ExitCode] = set()
    problems: tuple[Diagnostic, ...] = ()
    if running:
        result, now = _follow(session, running, timeout, as_events=events)
        codes |= result.codes
        problems = result.problems
        shown = {name: now[name] for name in shown if name in now}
    if names and any(entry.status in {Status.ERROR, Status.CANCELLED} for entry in shown.values()):
        codes.add(ExitCode.JOB_FAILED)
    session.problems(*problems)
    if events:
        session.streams.line({"event": "result", **document.status_document(shown.values(), problems)})
    elif session.as_json:
        session.streams.document(document.status_document(shown.values(), problems))
    elif shown:
        session.streams.answer(known.status(shown.values(), session.style(session.streams.out), datetime.now(UTC)))
    else:
        session.streams.say("no job is running")
    return worst(codes)


def _follow(
    session: Session, running: Mapping[str, Entry], timeout: float | None, *, as_events: bool
) -> tuple[FollowResult, Mapping[str, Entry]]:
    """What following came to, and every entry as it stands afterwards."""
    from sieve_jobs.push.follow import follow
    from sieve_jobs.push.followed import Followed, FollowOptions
    from sieve_jobs.push.recorder import recorder_for
    from sieve_jobs.push.save import Saver

    redactor = redactor_of(session)
    jobs = [
        Followed(name, entry.job_id, entry.status, redactor, saves=bool(entry.save)) for name, entry in running.items()
    ]
    with (
        written(session) as store,
        far_side(session, workers=default_workers()) as far,
        Progress(session, expected=len(jobs), as_events=as_events) as progress,
    ):
        header = store.load().header

        async def work(client: Client, stop: Stop) -> FollowResult:
            recorder = recorder_for(store, header.serial)
            saver = Saver(
                store, recorder, client, save_options(session), progress.emit, redactor=redactor,
                target=session.target.name,
            )  # fmt: skip
            options = FollowOptions(
                wait=timeout,
                concurrency=session.target.concurrency,
                stop=stop,
                finished=saver.add,
                target=session.target.name,
                organization_id=None if session.target.is_local else header.organization_id,
            )
            try:
                result = await follow(jobs, recorder, client, options, progress.emit)
                await saver.finish(stop)
            finally:
                await saver.close()
            codes = {stop.exit_code} if stop.asked.is_set() else set()
            if saver.failed:
                codes.add(ExitCode.JOB_FAILED)
            unsaved = tuple(problem for problem in saver.failed.values() if problem not in progress.told)
            return replace(result, codes=result.codes | codes, problems=result.problems + unsaved)

        result = run_interruptible(far.telling(progress.emit), work)
        return result, store.get(store.names())
