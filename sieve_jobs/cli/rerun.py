"""`rerun`: specs are pushed again although nothing changed."""

from __future__ import annotations

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import DURATION, complete_name, events_option, required_names_argument, verb
from sieve_jobs.cli.pushing import Asked, carry_out
from sieve_jobs.errors import ExitCode


@verb("rerun", "sieve-jobs rerun dub-intro", "sieve-jobs rerun 'dub-*' --target prod --yes")
@required_names_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed on a remote target without a terminal.")
@click.option("--detach", is_flag=True, help="Return once everything is pushed; the jobs go on.")
@click.option("--wait", type=DURATION, help="Follow jobs for so long; then exit 8, the jobs go on.")
@click.option("--max-pushes", type=click.IntRange(0), metavar="N", help="Allow up to N pushes.")
@click.option(
    "--allow-protected",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_name,
    help="Allow a protected spec's job to be replaced.",
)
@click.option("--lock-timeout", type=DURATION, default=0.0, help="Wait so long for another run; default 0.")
@events_option
def command(
    session: Session,
    names: tuple[str, ...],
    *,
    yes: bool,
    detach: bool,
    wait: float | None,
    max_pushes: int | None,
    allow_protected: tuple[str, ...],
    lock_timeout: float,
    events: bool,
) -> ExitCode:
    """Push NAMEs again although nothing changed, as `apply --rerun` narrowed to them."""
    return carry_out(
        session,
        Asked(
            verb="rerun", names=names, rerun=names, yes=yes, detach=detach, wait=wait, max_pushes=max_pushes,
            allow_protected=allow_protected, lock_timeout=lock_timeout, events=events,
        ),
    )  # fmt: skip
