"""How a run ends that did not end well: any exception to words on stderr, a document, and an exit code."""

from __future__ import annotations

from collections.abc import Mapping

import click

from sieve_jobs.cli.streams import Streams
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, did_you_mean
from sieve_jobs.errors import (
    CallError,
    ExitCode,
    NoEngineError,
    SieveJobsError,
    UnreachableError,
)

_MISSING = "Missing command"
DEBUG_VARIABLE = "SIEVE_JOBS_DEBUG"


def ended(
    error: BaseException, streams: Streams, environ: Mapping[str, str], *, wants_json: bool, no_color: bool = False
) -> ExitCode | int:
    """Says what ended the run, and returns its exit code. Shows no value of an unexpected error."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else ExitCode.OK
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if environ.get(DEBUG_VARIABLE) == "1":
        _show_trace(error, streams)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        streams.say("interrupted")
        return _told((), ExitCode.INTERRUPTED, streams, wants_json=wants_json)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        streams.say(error.format_message())
        return _told((Diagnostic(Code.USAGE, "a verb is missing"),), ExitCode.USAGE, streams, wants_json=wants_json)
    problems, code = problems_of(error)
    tell(problems, streams, environ, no_color=no_color)
    return _told(problems, code, streams, wants_json=wants_json)


def problems_of(error: BaseException) -> tuple[tuple[Diagnostic, ...], ExitCode]:
    """What *error* means to people, and the exit code it stands for."""
    if isinstance(error, SieveJobsError):
        return error.diagnostics, error.exit_code
    if isinstance(error, click.ClickException):
        return (_usage_problem(error),), ExitCode.USAGE
    if isinstance(error, CallError):
        return (_call_problem(error),), ExitCode.ERROR
    if isinstance(error, OSError) and error.strerror:
        where = f" '{error.filename}'" if isinstance(error.filename, str) else ""
        return (Diagnostic(Code.UNEXPECTED, f"{error.strerror.lower()}{where}"),), ExitCode.ERROR
    hint = f"{DEBUG_VARIABLE}=1 shows where; what is recorded in the state holds"
    return (Diagnostic(Code.UNEXPECTED, f"unexpected {type(error).__name__}", hint=hint),), ExitCode.ERROR


def tell(
    problems: tuple[Diagnostic, ...], streams: Streams, environ: Mapping[str, str], *, no_color: bool = False
) -> None:
    """Shows *problems* on stderr."""
    from sieve_jobs.cli.look import style_of
    from sieve_jobs.render.problems import diagnostics

    streams.say(diagnostics(problems, style_of(streams.err, environ, no_color=no_color)))


def _told(problems: tuple[Diagnostic, ...], code: ExitCode, streams: Streams, *, wants_json: bool) -> ExitCode:
    if wants_json and not streams.answered:
        streams.document({"exit_code": int(code), "diagnostics": [problem.as_json() for problem in problems]})
    return code


def _usage_problem(error: click.ClickException) -> Diagnostic:
    message = error.format_message().rstrip(".")
    if message == _MISSING:
        return Diagnostic(Code.USAGE, "a verb is missing", hint=_help_hint(error))
    if isinstance(error, click.NoSuchOption):
        hint = did_you_mean(error.option_name, error.possibilities or ())
        return Diagnostic(Code.USAGE, f"no such option '{error.option_name}'", hint=hint or _help_hint(error))
    if isinstance(error, click.MissingParameter) and error.param is not None and error.ctx is not None:
        return Diagnostic(Code.USAGE, f"{error.param.make_metavar(error.ctx)} is missing", hint=_help_hint(error))
    return Diagnostic(Code.USAGE, f"{message[:1].lower()}{message[1:]}", hint=_help_hint(error))


def _help_hint(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"see {context.command_path if context else 'sieve-jobs'} --help"


def _call_problem(error: CallError) -> Diagnostic:
    """A call outside of a push; pushes tell their own story."""
    if isinstance(error, NoEngineError):
        return error.problem
    if isinstance(error, UnreachableError):
        return Diagnostic(Code.FAR_SIDE_UNREACHABLE, error.message, hint="nothing was sent; run it again")
    wrong_key = error.status in {401, 403}
    return Diagnostic(
        Code.CALL_FAILED,
        error.message,
        hint="is it the right api key? `sieve-jobs doctor` looks closer" if wrong_key else None,
    )


def _show_trace(error: BaseException, streams: Streams) -> None:
    import traceback

    streams.say("".join(traceback.format_exception(error)))
