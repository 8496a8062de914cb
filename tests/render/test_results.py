"""What an apply came to, as people see it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.push.result import ApplyResult, Result, Tally
from sieve_jobs.render.quantity import age, count, span
from sieve_jobs.render.results import failure, last_line, outputs, results
from sieve_jobs.render.style import Style
from sieve_jobs.render.text import width_of
from sieve_jobs.wire import Job, Json, Status
from tests.plan.world import START

JOB = "3f0c1d2e-8a11-4f6e-9a52-0c4b1d7e2f10"
TRACE = 'Traceback (most recent call last):\n  File "x.py", line 3\nValueError: no video in \x1b[2Jbikes.mp4\n'


def job(*data: Json, seconds: float = 1.2) -> Job:
    return Job(
        JOB, Status.FINISHED, "me/x", "f", "o", "r", START, START, START + timedelta(seconds=seconds), "", {},
        tuple({"data": item} for item in data),
    )  # fmt: skip


RESULT = ApplyResult(
    (
        Result("cuts", Action.PUSH, Reason.NEW, JOB, "r", Status.ERROR, TRACE, ("opening", "::error::x")),
        Result("moved", Action.MOVE, Reason.RENAMED),
        Result("probe", Action.PUSH, Reason.NEW, JOB, "r", Status.FINISHED),
        Result("refused", Action.PUSH, Reason.NEW, error="the push of 'refused' was refused: Function not found."),
        Result("sheet", Action.PUSH, Reason.NEW, JOB, "r", Status.FINISHED),
        Result("slow", Action.PUSH, Reason.NEW, JOB, "r", Status.PROCESSING),
    ),
    Tally(pushed=4, refused=1, moved=1, unchanged=3),
    still_running={"slow": JOB},
)
JOBS = {"probe": job({"duration": 12.5}), "sheet": job({"url": "http://127.0.0.1:9/v2/files/s.jpg?sig=1"}, seconds=75)}


def test_an_apply() -> None:
    text = results(RESULT, Style(width=80), target="prod", jobs=JOBS, path_of=lambda url: "out/s.jpg")
    assert text == (
        f"✗ cuts     error                   {JOB}\n"
        "→ moved    moved                   renamed\n"
        f"✓ probe    finished         1.2 s  {JOB}\n"
        '    {"duration": 12.5}\n'
        "✗ refused  not pushed\n"
        "    the push of 'refused' was refused: Function not found.\n"
        f"✓ sheet    finished    1 min 15 s  {JOB}\n"
        "    out/s.jpg\n"
        f"◐ slow     processing              {JOB}\n"
        "\n"
        "✗ cuts failed\n"
        "  ValueError: no video in \\x1b[2Jbikes.mp4\n"
        "  │ opening\n"
        "  │ \\::error::x\n"
        "  hint: to run it again: sieve-jobs rerun cuts -t prod\n"
        "\n"
        "applied: 4 pushed, 1 moved, 1 refused, 1 ended badly, 1 still running; 3 specs unchanged\n"
    )


def test_nothing_done() -> None:
    assert results(ApplyResult((), Tally(unchanged=5)), Style()) == "nothing to do: 5 specs unchanged\n"


def test_what_a_run_that_was_stopped_did_not_push_is_counted() -> None:
    rows = tuple(Result(name, Action.PUSH, Reason.NEW, error="the key is refused") for name in ("a", "b"))
    text = results(ApplyResult(rows, Tally(unchanged=1)), Style())
    assert text.endswith("\napplied: 2 not pushed; 1 spec unchanged\n")
    assert results(ApplyResult(rows, Tally(refused=2)), Style()).endswith("applied: 2 refused; 0 specs unchanged\n")


def test_a_narrow_terminal_gets_short_ids_on_every_row() -> None:
    text = results(RESULT, Style(width=56), jobs=JOBS)
    assert JOB not in text
    assert text.count("3f0c1d2e") == 4
    assert all(width_of(line) <= 90 for line in text.splitlines())


def test_colour_changes_nothing_but_colour_and_ascii_is_ascii() -> None:
    coloured = results(RESULT, Style(colour=True, width=80), jobs=JOBS)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == results(RESULT, Style(width=80), jobs=JOBS)
    assert results(RESULT, Style(width=80, unicode=False), jobs=JOBS).isascii()


class TestFailure:
    def test_at_most_twenty_log_lines(self) -> None:
        lines = list(failure("n", Status.ERROR, TRACE, [f"line {n}" for n in range(50)], Style()))
        assert len(lines) == 1 + 1 + 20 + 1
        assert lines[2] == "  │ line 30"

    def test_a_cancelled_job_has_nothing_to_say(self) -> None:
        assert list(failure("n", Status.CANCELLED, "", (), Style())) == [
            "⊘ n was cancelled",
            "  hint: to run it again: sieve-jobs rerun n",
        ]

    def test_a_name_that_a_shell_would_read_is_quoted(self) -> None:
        assert list(failure("a[b=c]", None, "", (), Style()))[-1].endswith("sieve-jobs rerun 'a[b=c]'")

    @pytest.mark.parametrize(
        ("error", "line"),
        [("", ""), ("x", "x"), ("a\nb\n\n", "b"), (TRACE, "ValueError: no video in \\x1b[2Jbikes.mp4")],
    )
    def test_the_last_line_tells_what_happened(self, error: str, line: str) -> None:
        assert last_line(error) == line


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param("text", ['    "text"'], id="text"),
        pytest.param({"url": "https://x/y.mp4?X-Goog-Signature=1#f"}, ["    https://x/y.mp4"], id="no signature"),
        pytest.param([{"url": "https://x/1"}, {"n": 2}], ["    https://x/1", '    {"n": 2}'], id="a tuple with a file"),
        pytest.param({"en": {"url": "https://x/1?s"}, "n": 1}, ['    {"en": "https://x/1", "n": 1}'], id="nested file"),
        pytest.param(None, ["    null"], id="nothing"),
    ],
)
def test_outputs(data: Json, expected: list[str]) -> None:
    assert list(outputs(job(data), Style(width=80))) == expected


def test_values_are_cut_and_places_of_files_are_not() -> None:
    long = "https://x/" + "a" * 100
    lines = list(outputs(job({"url": long}, {"k": "v" * 200}), Style(width=40)))
    assert lines[0] == f"    {long}"
    assert width_of(lines[1]) == 40


def test_many_outputs_are_counted() -> None:
    assert list(outputs(job(*range(9)), Style()))[-1] == "    … and 4 more outputs"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"), (0.04, "0.0 s"), (1.25, "1.2 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"),
        (59.6, "1 min 00 s"), (75, "1 min 15 s"), (3599.6, "1 h 00 min"), (3 * 86400 + 7200, "3 d 02 h"),
    ],
)  # fmt: skip
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "just now"), (4.9, "just now"), (12, "12 s ago"), (3599, "59 min ago"), (7200, "2 h ago"), (2e5, "2 d ago")],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_what_was_saved_stands_instead_of_urls() -> None:
    failed = "could not save 'out/1.mp4': it answered 403"
    rows = (
        Result(
            "cuts", Action.PUSH, Reason.NEW, JOB, "r", Status.FINISHED, saved=tuple(f"out/{n}.mp4" for n in range(7))
        ),
        Result("sheet", Action.NOTHING, Reason.UNSAVED, JOB, "r", Status.FINISHED, save_error=failed),
    )
    result = ApplyResult(rows, Tally(pushed=1, unchanged=1))
    assert results(result, Style(width=80), jobs={"cuts": job({"url": "http://h/x"})}) == (
        f"✓ cuts   finished  1.2 s  {JOB}\n"
        "    out/0.mp4\n    out/1.mp4\n    out/2.mp4\n    out/3.mp4\n    out/4.mp4\n"
        "    … and 2 more outputs\n"
        f"✓ sheet  finished         {JOB}\n"
        f"    {failed}\n"
        "\n"
        "applied: 1 pushed, 1 saved, 1 not saved; 1 spec unchanged\n"
    )


def test_counts() -> None:
    assert (count(1, "push", "pushes"), count(2, "push", "pushes"), count(1234, "spec")) == (
        "1 push",
        "2 pushes",
        "1,234 specs",
    )
