"""`plan`: what apply would do and why, without a call and without a trace but for the parse cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import complete_name, format_option, names_argument, verb
from sieve_jobs.cli.planning import Planned, make_plan, plan_options
from sieve_jobs.cli.selection import say_nothing_found
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from sieve_jobs.plan.action import Prune


@verb(
    "plan",
    "sieve-jobs plan",
    "sieve-jobs plan 'dub-*' --detailed-exitcode",
    "sieve-jobs plan --show-request dub-intro",
    "sieve-jobs plan --format markdown > plan.md",
    "sieve-jobs plan -t prod --out reviewed.json",
)
@names_argument
@format_option("human", "json", "markdown", "github")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes.")
@click.option("--refresh", is_flag=True, help="Ask the far side first how running jobs stand.")
@click.option("--offline", is_flag=True, help="Use a shared state as last seen here; no network, no secret.")
@click.option(
    "--rerun", multiple=True, metavar="GLOB", shell_complete=complete_name, help="Plan as if these were to run again."
)
@click.option(
    "--prune", is_flag=False, flag_value="forget", type=click.Choice(["forget", "cancel"]),
    help="Plan to forget removed specs; cancel: and to cancel their jobs.",
)  # fmt: skip
@click.option("--out", metavar="FILE", help="Save the plan, for `apply FILE`.")
@click.option(
    "--show-request",
    metavar="NAME",
    shell_complete=complete_name,
    help="Print NAME's request as a curl command, secrets masked.",
)
@click.option("--verbose", is_flag=True, help="List each variable with its source, and proxies.")
def command(
    session: Session,
    names: tuple[str, ...],
    *,
    detailed_exitcode: bool,
    refresh: bool,
    offline: bool,
    rerun: tuple[str, ...],
    prune: Prune | None,
    out: str | None,
    show_request: str | None,
    verbose: bool,
) -> ExitCode:
    """Show what apply would do, and why.

    Makes no call to the far side unless --refresh is given, and changes nothing.
    """
    if show_request is not None:
        from sieve_jobs.cli.request import show

        return show(session, show_request)
    if refresh and offline:
        raise UsageError(Diagnostic(Code.USAGE, "--refresh and --offline do not go together"))
    if out is not None:
        from sieve_jobs.cli.saved import require_name_of_plan

        require_name_of_plan(out)
    options = plan_options(session, names, rerun=rerun, prune=prune)
    with session.open_store(read_only=True, offline=offline) as store:
        planned = make_plan(session, store, options, refresh=refresh, offline=offline)
    session.say_key_hint()
    say_nothing_found(session)
    if verbose:
        from sieve_jobs.cli.surroundings import describe

        session.streams.say(describe(session, options.selected))
    saved = None
    if out is not None:
        from sieve_jobs.cli.saved import save

        saved = save(session, planned, out)
    _answer(session, planned, _refusals(session, planned) if planned.plan.changes else (), saved)
    return ExitCode.CHANGES if detailed_exitcode and planned.plan.pending else ExitCode.OK


def _refusals(session: Session, planned: Planned) -> Sequence[Diagnostic]:
    """What apply would refuse this plan for; said here already, as apply may be run by somebody else, and later."""
    from sieve_jobs.cli.pushing import Asked, guarded

    found = guarded(session, planned, Asked("plan"))
    return [replace(each, message=each.message.replace("refused:", "apply would refuse this:", 1)) for each in found]


def _answer(session: Session, planned: Planned, refusals: Sequence[Diagnostic], saved: Path | None) -> None:
    plan = planned.plan
    if session.as_json:
        from sieve_jobs.render.document import plan_document

        session.streams.document(plan_document(plan, refusals))
    elif session.form == "human":
        from sieve_jobs.render import human

        session.streams.answer(human.plan(plan, session.style(session.streams.out)))
    elif session.form == "markdown":
        from sieve_jobs.cli.runner import whole
        from sieve_jobs.render import markdown

        session.streams.answer(markdown.plan(plan, refusals, whole=whole(session)))
    else:
        from sieve_jobs.cli.runner import tell_plan

        tell_plan(session, plan, refusals, saved)
    session.warnings(*refusals)
