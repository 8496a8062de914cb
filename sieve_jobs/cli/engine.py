"""`engine`: what the project's engine keeps: its webhooks, and for how long it keeps what has ended."""

from __future__ import annotations

from typing import Any

import click

from sieve_jobs.cli.collecting import gc
from sieve_jobs.cli.options import VerbGroup, common, merged
from sieve_jobs.cli.webhooks import webhooks


@click.group(
    "engine",
    cls=VerbGroup,
    subcommand_metavar="VERB [ARGS]...",
    epilog="\b\nExample:\n  sieve-jobs engine gc --dry-run\n  sieve-jobs engine webhooks --dead",
)
@common
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Look into the engine of this project, and keep it small."""
    ctx.obj = merged(ctx.obj, given)


command.add_command(gc)
command.add_command(webhooks)
