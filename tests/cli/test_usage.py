"""Command lines that do not fit together: exit 64, a way out, one document with --json; and help that holds."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sieve_jobs.cli.main import group, run
from sieve_jobs.cli.streams import Streams
from sieve_jobs.cli.verbs import VERBS
from tests.project import project, ran, spec

BAD = [
    pytest.param(["plna"], "did you mean 'plan'?", id="misspelt verb"),
    pytest.param(["functions", "stub", "x"], "'x' is no function", id="a function without an author"),
    pytest.param(["plan", "--detailed-exit"], "did you mean '--detailed-exitcode'?", id="misspelt option"),
    pytest.param(["plan", "nope"], "'nope' is no spec", id="no such name"),
    pytest.param(["plan", "-t", "prd"], "no target 'prd'", id="no such target"),
    pytest.param(["-C", "nowhere", "plan"], "'nowhere' is no folder", id="no such folder"),
    pytest.param(["plan", "--var", "X"], "expected NAME=VALUE", id="variable without a value"),
    pytest.param(["plan", "--var", "1=canary"], "expected NAME=VALUE", id="variable without a name"),
    pytest.param(["apply", "--wait", "soon"], "'soon' is not a duration", id="duration"),
    pytest.param(["apply", "--max-pushes", "-1"], "-1", id="number out of range"),
    pytest.param(["apply", "--prune", "all"], "'all'", id="choice"),
    pytest.param(["apply", "--events", "--json"], "do not go together", id="two forms of an answer"),
    pytest.param(["apply", "--continue", "--rerun", "*"], "starts no change", id="continue starts nothing"),
    pytest.param(["logs"], "NAME is missing", id="missing argument"),
    pytest.param(["rerun"], "NAME", id="rerun needs a name"),
    pytest.param(["cancel", "nope"], "'nope' is no spec", id="cancel of an unknown name"),
    pytest.param(["show", "nope"], "'nope' is no spec", id="show of an unknown name"),
    pytest.param(["explain", "SJ999"], "no error code 'SJ999'", id="unknown code"),
    pytest.param(["outputs", "a", "--overwrite"], "goes with --download", id="option without its other half"),
    pytest.param(["outputs", "a", "--download", ""], "takes a folder", id="a folder that is empty"),
    pytest.param(["serve", "--functions", "nope"], "'nope' is no folder", id="a folder of functions that is not there"),
    pytest.param(["resolve", "a", "--push", "--drop"], "not several", id="two decisions"),
    pytest.param(["resolve", "--push"], "say which", id="a decision about nothing"),
    pytest.param(["logs", "a", "-f", "--json"], "do not go together", id="a document has an end"),
    pytest.param(["state"], "", id="family without a verb"),
    pytest.param(["state", "lst"], "did you mean 'list'?", id="misspelt verb of a family"),
]


@pytest.mark.parametrize(("arguments", "needle"), BAD)
def test_usage_is_64(tmp_path: Path, arguments: list[str], needle: str) -> None:
    project(tmp_path, {"a.yaml": spec()})
    said = ran(tmp_path, *arguments)
    assert said.code == 64
    assert needle in said.err
    assert "--json" in arguments or said.out == ""
    assert "canary" not in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(("arguments", "needle"), BAD)
def test_with_json_it_is_one_document(tmp_path: Path, arguments: list[str], needle: str) -> None:
    project(tmp_path, {"a.yaml": spec()})
    said = ran(tmp_path, "--json", *arguments)
    assert said.code == 64
    document = json.loads(said.out)
    assert document["format_version"] == "1.0"
    assert document["exit_code"] == 64


def test_an_option_behind_the_separator_is_a_name(tmp_path: Path) -> None:
    project(tmp_path, {"a.yaml": spec()})
    said = ran(tmp_path, "plan", "--", "--json")
    assert (said.code, said.out) == (64, "")


def commands() -> list[tuple[str, click.Command]]:
    context = click.Context(group, info_name="sieve-jobs")
    found: list[tuple[str, click.Command]] = []
    for name in VERBS:
        command = group.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", each) for inner, each in command.commands.items()]
    return found


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_every_verb_has_help_whose_examples_parse(name: str, command: click.Command, capsys) -> None:
    assert ran(Path.cwd(), *name.split(), "--help").code == 0
    text = capsys.readouterr().out
    assert "Example:" in text
    for option in ("--json", "-C", "--no-color"):
        assert option in text
    examples = [line.strip() for line in text.partition("Example:")[2].splitlines() if line.strip()]
    assert examples
    for example in examples:
        words = shlex.split(example.partition(">")[0].removeprefix('eval "$(').removesuffix(')"'))
        assert words[0] == "sieve-jobs"
        parse(words[1:])


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name, _ in commands()])
def test_bytes_that_are_no_utf_8_are_usage_for_every_verb(tmp_path: Path, name: str) -> None:
    project(tmp_path, {"a.yaml": spec()})
    verb = name.split()
    for words in ([*verb, "a\udcff\udcc3"], ["--var", "A_KEY=canary\udcff", *verb], ["-C", "\udcff", *verb]):
        said = ran(tmp_path, "--json", *words)
        assert said.code == 64, said.err
        assert "is not UTF-8: \\xff" in said.err
        assert said.document["exit_code"] == 64
        assert "canary" not in said.all
        assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        pytest.param("\udcff", "\\xff at its character 1", id="one byte"),
        pytest.param("clip-\udce9\udc80.yaml", "\\xe9\\x80 at its character 6", id="several"),
        pytest.param("\ud83d", "\\ud83d at its character 1", id="half a character, from a caller in Python"),
    ],
)
def test_bytes_that_are_no_utf_8_are_shown_escaped(tmp_path: Path, argument: str, shown: str) -> None:
    said = ran(tmp_path, "plan", argument, "-t", argument)
    assert f"error: argument 4 is not UTF-8: {shown}  [SJ186]" in said.err
    assert f"error: argument 6 is not UTF-8: {shown}  [SJ186]" in said.err


def parse(words: list[str]) -> None:
    """Parses a command line down to its verb without running it. Raises click's errors."""
    context = group.make_context("sieve-jobs", list(words))
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest and context.command.invoke_without_command:
            return
        _, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        if isinstance(command, click.Group) and not rest:
            return
        context = command.make_context(command.name, rest, parent=context)


def test_the_overview_lists_every_verb(capsys) -> None:
    assert ran(Path.cwd(), "--help").code == 0
    text = capsys.readouterr().out
    listed = {line.split()[0] for line in text.partition("Verbs:")[2].splitlines() if line.startswith("  ")}
    assert set(VERBS) <= listed


def test_no_arguments_is_help_and_usage(tmp_path: Path) -> None:
    err = io.StringIO()
    assert run([], {}, Streams(io.StringIO(), err)) == 64
    assert "Verbs:" in err.getvalue()


WORDS = st.sampled_from(
    ["plan", "validate", "explain", "state", "list", "show", "--json", "-t", "local", "--var", "A=1", "--wat", "a",
     "*", "--", "-C", ".", "--no-color", "--rerun", "--prune", "\x1b[2J", "\udcff", "", "SJ100", "--verbose"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, max_size=5))
def test_any_command_line_ends_with_a_code_of_the_table(tmp_path: Path, words: list[str]) -> None:
    if not (tmp_path / "jobspecs").exists():
        project(tmp_path, {"a.yaml": spec()})
    said = ran(tmp_path, *words)
    assert said.code in {0, 3, 64}, said.err
    assert "Traceback" not in said.err
    assert "\x1b" not in said.err + said.out
    if "--json" in words and "--" not in words and "show" not in words:
        json.loads(said.out)
