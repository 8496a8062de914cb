"""`engine gc`: what ended long ago is removed from the engine's data."""

from __future__ import annotations

import click

from sieve_jobs.cli.connection import call, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import DURATION, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UnconfirmedError, UsageError
from sieve_jobs.render.collected import collected
from sieve_jobs.render.text import escape
from sieve_jobs.wire import Json

_GC = "/x/gc"
_LONGEST = 3_600.0
"""Seconds a round may take."""


@verb("gc", "sieve-jobs engine gc --dry-run", "sieve-jobs engine gc --keep 2d")
@click.option("--keep", type=DURATION, help="What ended later stays; default keep of [engine], else 7d.")
@click.option("--dry-run", is_flag=True, help="Remove nothing, tell what would be.")
def gc(session: Session, keep: float | None, dry_run: bool) -> ExitCode:
    """Remove jobs that ended long ago, and what they left.

    Outputs, logs and files go with a job. Open jobs stay, with all they take from others; so do jobs whose webhooks are
    still to be delivered. What `apply` has saved is yours and is not touched: a spec that is done stays done.
    """
    if not session.target.is_local:
        message = f"gc is of the engine's data, and target '{session.target.name}' is not the engine"
        raise UsageError(Diagnostic(Code.USAGE, message, hint="-t local"))
    asked = session.config.engine.keep if keep is None else keep
    body: dict[str, Json] = {"dry_run": dry_run, **({} if asked is None else {"keep": asked})}
    with far_side(session) as far:
        answer = call(far, lambda client: client.order(_GC, body, deadline=_LONGEST))
    if not isinstance(answer, dict):
        raise UnconfirmedError(f"POST {_GC} answered with a body that cannot be used")
    problems = answer.get("problems")
    for problem in problems if isinstance(problems, list) else []:
        session.streams.say(f"could not remove {escape(str(problem))}")
    if session.as_json:
        session.streams.document(answer)
    else:
        session.streams.answer(collected(answer))
    return ExitCode.ERROR if problems else ExitCode.OK
