"""Plans and results as a pull request shows them: golden texts, hostile text that stays text, and a size that holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import FieldDiff
from sieve_jobs.plan.plan import Notice, Plan, Summary, Where
from sieve_jobs.push.result import ApplyResult, Result, Tally
from sieve_jobs.render import markdown
from sieve_jobs.render.quote import block, cell, code
from sieve_jobs.wire import Status
from tests.plan.world import WHERE, World, asks, pushed
from tests.render.plans import HOSTILE, JOB, a_plan, hostile

WHOLE = "The log has the whole."
OURS = {"<br>"}
"""The only HTML that is ours."""


def test_a_plan() -> None:
    assert markdown.plan(a_plan(), whole=WHOLE) == (
        "### `prod` plan: 3 to push, 1 to reuse, 1 to move, 1 to resolve, 1 removed; 2 specs unchanged\n"
        "\n"
        "endpoint `https://far.example` · state `.sieve-jobs/prod.db`, serial 7\n"
        "\n"
        "|  | spec | action | why | place |\n"
        "|---|---|---|---|---|\n"
        "| `!` | `again` | push | asked to run again | `jobspecs/again.yaml:1` |\n"
        "| `↺` | `captions` | reuse | `as before, job 77aa1d2e` | `jobspecs/captions.yaml:1` |\n"
        "| `−` | `gone` | orphan | `spec removed, job kept` | `jobspecs/gone.yaml:1` |\n"
        "| `+` | `new` | push | new | `jobspecs/new.yaml:1` |\n"
        "| `→` | `renamed/clip` | move | `renamed from old/clip` | `jobspecs/renamed/clip.yaml:1` |\n"
        "| `~` | `shows/intro` | push | inputs changed | `jobspecs/shows/intro.yaml:1` |\n"
        "| `?` | `unsure[lang=es]` | resolve | a push without an answer | `jobspecs/unsure[lang=es].yaml:1` |\n"
        "\n"
        "```text\n"
        "captions\n"
        "  inputs.n: 22 -> 2\n"
        "shows/intro\n"
        "  inputs.width: 640 -> 1280\n"
        '  + inputs.langs[1]: "fr"\n'
        "  − inputs.old: true\n"
        "  env.PLACE: (secret, changed)\n"
        "```\n"
        "\n"
        "- `the job of 'failed' failed; that is final until the spec changes`"
        "<br>`to run it again: sieve-jobs rerun failed -t prod`\n"
        f"- `job {JOB} of 'shows/intro' has not ended: it is kept and followed beside the new one`\n"
    )


def test_what_apply_would_refuse_stands_before_the_changes() -> None:
    problem = Diagnostic("SJ131", "apply would refuse this: 3 pushes", hint="--max-pushes 3")
    lines = markdown.plan(a_plan(), [problem], whole=WHOLE).splitlines()
    assert lines[4:9] == [
        "```text", "warning: apply would refuse this: 3 pushes  [SJ131]", "hint: --max-pushes 3", "```", "",
    ]  # fmt: skip


def test_a_plan_with_nothing_to_do() -> None:
    plan = World([asks("a")], [pushed(asks("a"))]).plan()
    assert markdown.plan(plan, whole=WHOLE) == (
        "### `prod` nothing to do: 1 spec unchanged\n"
        "\n"
        "endpoint `https://far.example` · state `.sieve-jobs/prod.db`, serial 7\n"
    )


def test_outputs_to_save_and_those_that_were_not() -> None:
    spec = asks("a", save="out/{index}{ext}")
    plan = World([spec], [pushed(spec)]).plan()
    assert "### `prod` plan: 1 to save; 1 spec unchanged\n" in markdown.plan(plan, whole=WHOLE)
    row = Result("a", Action.NOTHING, Reason.UNSAVED, "job-a", "r", Status.FINISHED, save_error="it answered 403")
    told = markdown.applied(ApplyResult((row,), Tally(unchanged=1)), plan.where, whole=WHOLE)
    assert "1 not saved" in told
    assert "it answered 403" in told


def test_what_an_apply_came_to() -> None:
    rows = (
        Result("a", Action.PUSH, Reason.NEW, "job-a", "r", Status.FINISHED),
        Result(
            "b", Action.PUSH, Reason.NEW, "job-b", "r", Status.ERROR, "Traceback\nValueError: no face", ("one", "two")
        ),
        Result("c", Action.PUSH, Reason.NEW, error="the push of 'c' was refused: 422"),
    )
    problem = Diagnostic("SJ143", "the push of 'c' was refused: 422", Place("jobspecs/c.yaml", 1))
    result = ApplyResult(rows, Tally(pushed=2, refused=1), problems=(problem,), still_running={"d": "job-d"}, serial=9)
    assert markdown.applied(result, WHERE, whole=WHOLE) == (
        "### `prod` applied: 2 pushed, 1 refused, 1 ended badly, 1 still running; 0 specs unchanged\n"
        "\n"
        "endpoint `https://far.example` · state `.sieve-jobs/prod.db`, serial 9\n"
        "\n"
        "| spec | action | status | job | error |\n"
        "|---|---|---|---|---|\n"
        "| `b` | push | error | `job-b` | `ValueError: no face` |\n"
        "| `c` | push |  |  | `the push of 'c' was refused: 422` |\n"
        "| `a` | push | finished | `job-a` |  |\n"
        "\n"
        "```text\n"
        "✗ b failed\n"
        "  ValueError: no face\n"
        "  │ one\n"
        "  │ two\n"
        "  hint: to run it again: sieve-jobs rerun b -t prod\n"
        "```\n"
        "\n"
        "```text\n"
        "jobspecs/c.yaml:1: error: the push of 'c' was refused: 422  [SJ143]\n"
        "```\n"
    )


def test_problems() -> None:
    problem = Diagnostic("SJ201", "unknown key 'x'", Place("jobspecs/a.yaml", 2, 1, "x: 1"), hint="remove it")
    assert markdown.problems([problem], verb="validate", whole=WHOLE) == (
        "### sieve-jobs validate: 1 problem\n"
        "\n"
        "```text\n"
        "jobspecs/a.yaml:2:1: error: unknown key 'x'  [SJ201]\n"
        "  2 | x: 1\n"
        "    | ^\n"
        "hint: remove it\n"
        "```\n"
        "\n"
        "The log has the whole.\n"
    )


def flat(tokens: list[Token]) -> list[Token]:
    return [each for token in tokens for each in (token, *flat(token.children or []))]


def check_harmless(text: str, columns: int) -> None:
    """Every word that is not ours stands within code, and every row of the table has its cells."""
    tokens = flat(MarkdownIt("commonmark").enable("table").parse(text))
    kinds = {token.type for token in tokens}
    assert not kinds & {"link_open", "image", "html_block", "code_block", "blockquote_open", "hr", "lheading_open"}
    assert {token.content for token in tokens if token.type == "html_inline"} <= OURS
    for token in tokens:
        if token.type == "text":
            assert not any(sign in token.content for sign in ("@", "://", "www.", "#", "GH-", "evil")), token.content
    assert sum(token.type == "heading_open" for token in tokens) == 1
    rows = sum(token.type == "tr_open" for token in tokens)
    cells = sum(token.type in {"td_open", "th_open"} for token in tokens)
    assert cells == rows * columns
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in text.splitlines())
    assert not any(sign in text for sign in "\x1b\u202e\u2066\u200b\ufeff\u2028\x85\r")
    assert len(text) < 65_536


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:24]))
def test_text_of_others_stays_text_in_a_plan(text: str) -> None:
    problem = Diagnostic("SJ135", text, Place(text, 2, 1, text), text, text)
    check_harmless(markdown.plan(hostile(text), [problem], whole=WHOLE), columns=5)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:24]))
def test_text_of_others_stays_text_in_results_and_problems(text: str) -> None:
    rows = (Result(text, Action.PUSH, Reason.NEW, text, text, Status.ERROR, text, (text, text)),)
    problems = (Diagnostic("SJ143", text, Place(text, 2, 1, text), text, text, (Place(text, 3, 2, text),)),)
    notices = (Notice(text, None, text, text),)
    result = ApplyResult(rows, Tally(pushed=1), problems=problems, notices=notices)
    check_harmless(markdown.applied(result, Where(text, text, text, 1), whole=WHOLE), columns=5)
    check_harmless(markdown.problems(problems, verb="plan", whole=WHOLE), columns=5)


@pytest.mark.parametrize("text", ["x", "`" * 300, "|`" * 150, "é" * 300], ids=["short", "ticks", "bars", "long"])
def test_ten_thousand_changes_fit_into_a_comment_and_say_what_is_left_out(text: str) -> None:
    (first, *_) = a_plan().changes
    changes = tuple(
        replace(first, name=f"{text}{index}", path=f"{text}{index}", diff=(FieldDiff("inputs.k", text, text * 2),) * 30)
        for index in range(10_000)
    )
    notices = tuple(Notice(None, None, f"{text}{index}", text) for index in range(1_000))
    said = markdown.plan(Plan(WHERE, changes, Summary(push=10_000), notices), whole=WHOLE)
    assert len(said) < markdown.LONGEST
    assert said.splitlines()[0].endswith("10,000 to push; 0 specs unchanged")
    shown = sum(line.startswith("| `!`") for line in said.splitlines())
    assert 0 < shown <= 100
    assert f"… and {10_000 - shown:,} more changes ({10_000 - shown:,} push). {WHOLE}" in said
    assert f"… and 299,980 more fields. {WHOLE}" in said
    assert f"more notes. {WHOLE}" in said
    check_harmless(said, columns=5)
    rows = tuple(
        Result(f"{text}{n}", Action.PUSH, Reason.NEW, text, "", Status.ERROR, text, (text,) * 20) for n in range(10_000)
    )
    problems = tuple(Diagnostic("SJ143", f"{text}{n}") for n in range(1_000))
    result = ApplyResult(rows, Tally(pushed=10_000), problems=problems, notices=notices)
    done = markdown.applied(result, WHERE, whole=WHOLE)
    assert len(done) < markdown.LONGEST
    assert f"… and 9,980 more failed jobs. {WHOLE}" in done
    assert f"… and 980 more problems. {WHOLE}" in done
    check_harmless(done, columns=5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", "`plain`", id="plain"),
        pytest.param("a`b", "``a`b``", id="a tick"),
        pytest.param("`a", "`` `a ``", id="a tick at the edge"),
        pytest.param(" a ", "`  a  `", id="spaces at the edges"),
        pytest.param("", "`(blank)`", id="empty"),
        pytest.param("a\nb", "`a\\nb`", id="two lines"),
        pytest.param("x" * 500, f"`{'x' * 199}…`", id="long"),
    ],
)
def test_code(text: str, expected: str) -> None:
    assert code(text) == expected


def test_a_bar_ends_no_cell() -> None:
    assert cell("a\\|b") == "`a\\<U+007C>b`"


def test_a_block_counts_the_lines_it_leaves_out() -> None:
    assert block(["a" * 10, "b" * 10, "c"], most=15) == "```text\naaaaaaaaaa\n… and 2 more lines\n```\n"
    assert block(["```"], most=15) == "````text\n```\n````\n"
