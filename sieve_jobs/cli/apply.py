"""`apply`: carries out the plan, follows the jobs to their end, and says what came of each spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import DURATION, complete_name, complete_name_or_file, events_option, format_option, verb
from sieve_jobs.cli.pushing import Asked, carry_out
from sieve_jobs.cli.saved import given_plan
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from sieve_jobs.plan.action import Prune


@verb(
    "apply",
    "sieve-jobs apply",
    "sieve-jobs apply 'dub-*' --target prod --yes --wait 30m",
    "sieve-jobs apply --continue --target prod",
    "sieve-jobs apply reviewed.json --target prod --yes",
)
@click.argument("names", nargs=-1, metavar="[NAME]...|FILE", shell_complete=complete_name_or_file)
@format_option("human", "json", "github")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed on a remote target without a terminal.")
@click.option("--detach", is_flag=True, help="Return once everything is pushed; the jobs go on.")
@click.option("--continue", "continue_only", is_flag=True, help="Only go on with what earlier runs began.")
@click.option("--wait", type=DURATION, help="Follow jobs for so long; then exit 8, the jobs go on.")
@click.option(
    "--rerun", multiple=True, metavar="GLOB", shell_complete=complete_name, help="Push these although nothing changed."
)
@click.option("--max-pushes", type=click.IntRange(0), metavar="N", help="Allow up to N pushes.")
@click.option("--allow-removals", is_flag=True, help="Allow that many, or all, specs are gone.")
@click.option(
    "--allow-protected",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_name,
    help="Allow a protected spec's job to be replaced.",
)
@click.option("--new-state", is_flag=True, help="The empty state is meant, though the far side has such jobs.")
@click.option(
    "--prune", is_flag=False, flag_value="forget", type=click.Choice(["forget", "cancel"]),
    help="Forget removed specs whose job ended; cancel: also cancel their jobs.",
)  # fmt: skip
@click.option("--lock-timeout", type=DURATION, default=0.0, help="Wait so long for another run; default 0.")
@click.option("--concurrency", type=click.IntRange(1, 64), metavar="N", help="Pushes under way at once.")
@events_option
def command(
    session: Session,
    names: tuple[str, ...],
    *,
    yes: bool,
    detach: bool,
    continue_only: bool,
    wait: float | None,
    rerun: tuple[str, ...],
    max_pushes: int | None,
    allow_removals: bool,
    allow_protected: tuple[str, ...],
    new_state: bool,
    prune: Prune | None,
    lock_timeout: float,
    concurrency: int | None,
    events: bool,
) -> ExitCode:
    """Push what changed, then follow the jobs to their end and save their outputs.

    The local target runs them on the embedded engine and never asks. On a remote target apply asks at a terminal;
    elsewhere it needs --yes. FILE is a plan that `plan --out FILE` saved: apply does that and nothing else, or refuses
    it as stale (exit 7); it does not ask, as the plan was reviewed. A word that is a name of a spec means the spec.

    Ctrl-C ends it in order: what was pushed is recorded, and the next apply goes on.
    """
    if continue_only and (rerun or prune):
        raise UsageError(Diagnostic(Code.USAGE, "--continue starts no change: it does not go with --rerun or --prune"))
    saved = given_plan(session, names)
    if saved is not None and (continue_only or rerun or prune):
        raise UsageError(Diagnostic(Code.USAGE, "a saved plan goes with neither --continue, --rerun nor --prune"))
    return carry_out(
        session,
        Asked(
            verb="apply", names=names, saved=saved, rerun=rerun, yes=yes, detach=detach,
            continue_only=continue_only, wait=wait, max_pushes=max_pushes, allow_removals=allow_removals,
            allow_protected=allow_protected, new_state=new_state, prune=prune, lock_timeout=lock_timeout,
            concurrency=concurrency, events=events,
        ),
    )  # fmt: skip
