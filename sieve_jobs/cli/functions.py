"""`functions`: what is done about functions of the project that no spec asks for."""

from __future__ import annotations

from typing import Any

import click

from sieve_jobs.cli.options import VerbGroup, common, merged
from sieve_jobs.cli.stub import stub


@click.group(
    "functions",
    cls=VerbGroup,
    subcommand_metavar="VERB [ARGS]...",
    epilog="\b\nExample:\n  sieve-jobs functions stub sieve/dubbing -t prod",
)
@common
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Make functions for the engine."""
    ctx.obj = merged(ctx.obj, given)


command.add_command(stub)
