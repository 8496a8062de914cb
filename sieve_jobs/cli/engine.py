"""`engine`: what the project's engine keeps beside jobs."""

from __future__ import annotations

from typing import Any

import click

from sieve_jobs.cli.options import VerbGroup, common, merged
from sieve_jobs.cli.webhooks import webhooks


@click.group(
    "engine",
    cls=VerbGroup,
    subcommand_metavar="VERB [ARGS]...",
    epilog="\b\nExample:\n  sieve-jobs engine webhooks --dead\n  sieve-jobs engine webhooks replay --all",
)
@common
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Look into the engine of this project."""
    ctx.obj = merged(ctx.obj, given)


command.add_command(webhooks)
