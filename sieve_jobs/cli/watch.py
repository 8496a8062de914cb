"""`watch`: applies what is there, then every save, until it is stopped."""

from __future__ import annotations

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import names_argument, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UsageError


@verb("watch", "sieve-jobs watch", "sieve-jobs watch 'dub-*' -t prod --remote --max-pushes 20")
@names_argument
@click.option("--remote", is_flag=True, help="A remote target is meant: every save may cost money.")
@click.option("--max-pushes", type=click.IntRange(0), metavar="N", help="End (exit 6) before more than N pushes.")
@click.option("--allow-removals", is_flag=True, help="Allow that many, or all, specs are gone.")
@click.option("--allow-protected", multiple=True, metavar="NAME", help="Allow a protected spec's job to be replaced.")
@click.option("--new-state", is_flag=True, help="The empty state is meant, though the far side has such jobs.")
@click.option("--concurrency", type=click.IntRange(1, 64), metavar="N", help="Pushes under way at once.")
@click.option("--poll", is_flag=True, help="Look at the files again and again, where no changes are told of.")
@click.option("--events", is_flag=True, help="JSON lines on stdout.")
def command(
    session: Session,
    names: tuple[str, ...],
    *,
    remote: bool,
    max_pushes: int | None,
    allow_removals: bool,
    allow_protected: tuple[str, ...],
    new_state: bool,
    concurrency: int | None,
    poll: bool,
    events: bool,
) -> ExitCode:
    """Push what changed, now and after every save, and say how the jobs end.

    A changed spec's running job is cancelled first, unless it says `on_change: keep`. What is broken is shown in
    place, and nothing is pushed until it is mended. It never asks: a remote target needs --remote. Ctrl-C ends it.
    """
    if session.as_json:
        raise UsageError(Diagnostic(Code.USAGE, "watch has no --json: it answers until it is stopped", hint="--events"))
    from sieve_jobs.cli.pushing import Asked
    from sieve_jobs.cli.watching import Wanted, watch

    asked = Asked(
        verb="watch", names=names, max_pushes=max_pushes, allow_removals=allow_removals,
        allow_protected=allow_protected, new_state=new_state, concurrency=concurrency, events=events,
    )  # fmt: skip
    return watch(session, Wanted(asked, remote=remote, poll=poll))
