"""The command line as a whole: finds the verb, runs it, and turns whatever ends it into words and an exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from sieve_jobs import __version__
from sieve_jobs.cli.context import Invocation, Session
from sieve_jobs.cli.ending import ended, tell
from sieve_jobs.cli.options import VerbGroup, common, merged
from sieve_jobs.cli.streams import Streams
from sieve_jobs.cli.verbs import VERBS
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UsageError

PROGRAM = "sieve-jobs"
_SURROGATES = re.compile("[\ud800-\udfff]+")


class Verbs(VerbGroup):
    """A group whose verbs are imported when they run, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command = import_module(f"sieve_jobs.cli.{verb.module}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.module}.command is no command")
        return command

    def helps(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        for name, verb in VERBS.items():
            yield name, verb.help


def _print_version(ctx: click.Context, param: click.Parameter, given: bool) -> None:
    if given:
        click.echo(f"{PROGRAM} {__version__}")
        ctx.exit()


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nA first project, run on this machine:\n  sieve-jobs init\n  sieve-jobs plan\n  sieve-jobs apply\n\n"
    'Shell completion: eval "$(sieve-jobs completion bash)"',
    no_args_is_help=True,
    subcommand_metavar="VERB [ARGS]...",
)
@common
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.pass_context
def group(ctx: click.Context, /, **given: Any) -> None:
    """Jobs as YAML, reviewed as a plan, applied once.

    Specs stand in jobspecs/. `plan` says what would run and why, `apply` runs it: on the embedded engine, which
    needs no key and no network, or on a target of sieve-jobs.toml.
    """
    ctx.obj = merged(ctx.obj or Session.of_process(), given)


def run(arguments: Sequence[str], environ: Mapping[str, str] | None = None, streams: Streams | None = None) -> int:
    """Runs one command line to its end and returns the exit code; never raises."""
    environ = os.environ if environ is None else environ
    streams = Streams(sys.stdout, sys.stderr) if streams is None else streams
    try:
        _require_utf8(arguments)
        session = Session(Invocation(), environ, streams, Path.cwd())
        answer = group.main(args=list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=session)
        code = answer if isinstance(answer, int) else ExitCode.OK
    except BaseException as error:
        said = _said(arguments)
        code = ended(error, streams, environ, wants_json=_wants_json(said), no_color="--no-color" in said)
    streams.close()
    if streams.unwritten is not None:
        hint = "what was done stands; `sieve-jobs status` says what that was"
        unwritten = Diagnostic(Code.UNEXPECTED, f"could not write the answer: {streams.unwritten}", hint=hint)
        tell((unwritten,), streams, environ)
        code = code or ExitCode.ERROR
    return int(code)


def _require_utf8(arguments: Sequence[str]) -> None:
    """Refuses what no document, request or terminal could take; shows the bytes alone, as a value may be a secret.

    Python keeps bytes that it cannot decode as lone surrogates, U+DC80 to U+DCFF (PEP 383).
    """
    found = [
        f"argument {number} is not UTF-8: {_escaped(run[0])} at its character {run.start() + 1}"
        for number, argument in enumerate(arguments, start=1)
        if (run := _SURROGATES.search(argument))
    ]
    if found:
        hint = "names, paths and values are UTF-8; a file of another name is reached through the name of its spec"
        raise UsageError(*(Diagnostic(Code.USAGE, message, hint=hint) for message in found))


def _escaped(surrogates: str) -> str:
    return "".join(
        f"\\x{ord(one) - 0xDC00:02x}" if "\udc80" <= one <= "\udcff" else f"\\u{ord(one):04x}" for one in surrogates
    )


def _said(arguments: Sequence[str]) -> Sequence[str]:
    """What may be options, told without the parser: a command line that it refuses still gets a document."""
    said = list(arguments)
    return said[: said.index("--")] if "--" in said else said


def _wants_json(said: Sequence[str]) -> bool:
    return "--json" in said or "--format=json" in said or ("--format", "json") in pairwise(said)
