"""`completion`: the script that teaches a shell the verbs, their options, and the names of specs."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import verb
from sieve_jobs.errors import ExitCode

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@verb(
    "completion",
    'eval "$(sieve-jobs completion bash)"',
    "sieve-jobs completion fish > ~/.config/fish/completions/sieve-jobs.fish",
    project=False,
)
@click.argument("shell", type=click.Choice(list(SHELLS)))
def command(session: Session, shell: str) -> ExitCode:
    """Print the completion script of a shell.

    It completes verbs, options, and the names that the state of the target knows.
    """
    root = click.get_current_context().find_root()
    script = SHELLS[shell](root.command, {}, "sieve-jobs", "_SIEVE_JOBS_COMPLETE")
    # `source` would start bash to look at its version; the script itself needs 4.4 and says nothing else of it.
    text = script.source_template % script.source_vars()
    if session.as_json:
        session.streams.document({"shell": shell, "script": text})
    else:
        session.streams.answer(text)
    return ExitCode.OK
