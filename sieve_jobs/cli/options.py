"""Options that every verb shares, before the verb or behind it, and the decorator that makes a verb."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import click
import click.shell_completion

from sieve_jobs.cli.context import Form, Invocation, Session
from sieve_jobs.codes import Code
from sieve_jobs.config.settings import parse_duration
from sieve_jobs.diagnostic import Diagnostic, did_you_mean
from sieve_jobs.errors import ExitCode, UsageError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHARED = ("directory", "target", "as_json", "form", "no_color", "variables")


class Duration(click.ParamType[float]):
    """`90s`, `30m`, `2h` or a number of seconds; becomes seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError:
            self.fail(f"'{value}' is not a duration such as 90s, 30m or 2h", param, ctx)


class Assignment(click.ParamType[tuple[str, str]]):
    """`NAME=VALUE`."""

    name = "NAME=VALUE"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, sign, text = str(value).partition("=")
        if not sign or not _VARIABLE.fullmatch(name):
            self.fail("expected NAME=VALUE", param, ctx)  # the value may be a secret: it is not quoted
        return name, text


DURATION = Duration()


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a verb that speaks of a project and a target."""
    for option in (
        click.option("--var", "variables", type=Assignment(), multiple=True, help="Set a variable of the specs."),
        click.option(
            "-t", "--target", metavar="NAME", shell_complete=_complete_target,
            help="The target; default local, or SIEVE_JOBS_TARGET.",
        ),
    ):  # fmt: skip
        function = option(function)
    return plain(function)


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every verb."""
    for option in (
        click.option("--no-color", is_flag=True, help="No colours; NO_COLOR does the same."),
        click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
        click.option("-C", "directory", metavar="DIR", help="Work in this folder."),
    ):
        function = option(function)
    return function


def merged(session: Session, given: Mapping[str, Any]) -> Session:
    """*session* with what was *given* at one level of the command line: the innermost one counts."""
    said = session.invocation
    return session.saying(
        Invocation(
            directory=given.get("directory") or said.directory,
            target=given.get("target") or said.target,
            form=_form(given, said.form),
            no_color=bool(given.get("no_color")) or said.no_color,
            variables={**said.variables, **dict(given.get("variables") or ())},
        )
    )


class VerbGroup(click.Group):
    """A group of verbs: help and errors call them so."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word, known = args[0], self.list_commands(ctx)
        if word not in known and not word.startswith("-"):
            hint = did_you_mean(word, known) or f"see {ctx.command_path} --help"
            raise UsageError(Diagnostic(Code.USAGE, f"no such verb '{word}'", hint=hint))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(self.helps(ctx)))

    def helps(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        """Each verb with its line of help."""
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            yield name, command.get_short_help_str(limit=80) if command is not None else ""


def _form(given: Mapping[str, Any], before: Form) -> Form:
    """The form that was *given*, by `--json` or `--format`."""
    form, as_json = given.get("form"), bool(given.get("as_json")) or before == "json"
    if as_json and form not in {None, "json"}:
        raise UsageError(Diagnostic(Code.USAGE, f"--json and --format {form} do not go together"))
    return next((each for each in get_args(Form) if each == form), "json" if as_json else before)


def _said(form: Form) -> str:
    return "--json" if form == "json" else f"--format {form}"


def verb(name: str, *examples: str, project: bool = True) -> Callable[[Callable[..., ExitCode]], click.Command]:
    """Makes a function `(session, …) -> ExitCode` a verb; *examples* stand at the end of its help.

    With *project* it takes the options that choose a target and set variables.
    """

    def make(function: Callable[..., ExitCode]) -> click.Command:
        def called(**given: Any) -> ExitCode:
            session = merged(click.get_current_context().obj, given)
            rest = {key: value for key, value in given.items() if key not in _SHARED}
            if session.form != "human" and rest.get("events"):
                raise UsageError(Diagnostic(Code.USAGE, f"--events and {_said(session.form)} do not go together"))
            if session.form == "github":
                from sieve_jobs.cli.runner import on_runner

                return on_runner(session, name, lambda: function(session, **rest))
            return function(session, **rest)

        called.__doc__ = function.__doc__
        if hasattr(function, "__click_params__"):
            called.__click_params__ = function.__click_params__  # type: ignore[attr-defined]
        epilog = "\b\nExample:\n" + "\n".join(f"  {example}" for example in examples)
        decorated = (common if project else plain)(called)
        return click.command(name, epilog=epilog)(decorated)

    return make


def format_option(*forms: Form) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--format`, for a verb that answers in one of *forms*."""
    what = "github: annotations for a runner, with its outputs and summary"
    return click.option("--format", "form", type=click.Choice(forms), help=f"What stdout is written for; {what}.")


def names_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Names, globs, files or folders that narrow a run."""
    return click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_name)(function)


def events_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The other form of an answer for programs: it comes while the verb runs."""
    return click.option("--events", is_flag=True, help="JSON lines on stdout while it runs.")(function)


def required_names_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, at least one of them."""
    argument = click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_name)
    return argument(function)


def name_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """One name."""
    return click.argument("name", metavar="NAME", shell_complete=complete_name)(function)


def complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of specs, and of those that the state of the target knows."""
    try:
        session = _completing(ctx)
        known = {*session.known_names(), *(spec.name for spec in session.tree.wanted)}
    except Exception:  # silence is better than an error inside a shell's prompt
        return []
    return sorted(name for name in known if name.startswith(incomplete))


def complete_name_or_file(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[click.shell_completion.CompletionItem]:
    """The same, and whatever files the shell knows."""
    names = [click.shell_completion.CompletionItem(name) for name in complete_name(ctx, param, incomplete)]
    return [*names, click.shell_completion.CompletionItem(incomplete, type="file")]


def _complete_target(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    try:
        targets = _completing(ctx).config.targets
    except Exception:
        return []
    return [name for name in targets if name.startswith(incomplete)]


def _completing(ctx: click.Context) -> Session:
    """What the line says so far, at each of its levels."""
    levels = [ctx]
    while levels[0].parent is not None:
        levels.insert(0, levels[0].parent)
    session = Session.of_process()
    for level in levels:
        session = merged(session, level.params)
    return session
