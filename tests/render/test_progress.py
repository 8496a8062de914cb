"""Progress as it goes: plain lines, and the live view of a terminal."""

from __future__ import annotations

import io
import re
from typing import get_args

import pytest

from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.plan.action import Reason
from sieve_jobs.push import events
from sieve_jobs.render.lines import event_text
from sieve_jobs.render.live import LiveView
from sieve_jobs.render.style import Style
from sieve_jobs.wire import Status

BAD = Diagnostic("SJ143", "the push of 'a' was refused", hint="see the plan")
Q, P, F, E = Status.QUEUED, Status.PROCESSING, Status.FINISHED, Status.ERROR

ALL = [
    (events.Pushing("a", Reason.NEW, 1), ""),
    (events.Pushing("a", Reason.NEW, 2), "pushing   a  attempt 2\n"),
    (events.Pushed("a", "j", "r", Q, Reason.INPUTS_CHANGED), "pushed    a  inputs changed, job j\n"),
    (events.Refused("a", BAD), "error: the push of 'a' was refused  [SJ143]\nhint: see the plan\n"),
    (events.InDoubt("a", 1, "no answer in 60 s"), "in doubt  a  no answer in 60 s\n"),
    (events.Adopted("a", "j", "same inputs"), "adopted   a  job j (same inputs)\n"),
    (events.Dropped("a", "absent"), "dropped   a  absent\n"),
    (events.Held("a", BAD), "error: the push of 'a' was refused  [SJ143]\nhint: see the plan\n"),
    (events.Reused("a", "j"), "reused    a  job j\n"),
    (events.Moved("a", "b"), "moved     a  from b\n"),
    (events.Orphaned("a", "j"), "removed   a  job j is kept\n"),
    (events.Pruned("a", "j", cancelled=True), "forgotten a  job j was cancelled\n"),
    (events.Waiting(12.0, "the far side asked for it"), "waiting   12 s: the far side asked for it\n"),
    (
        events.Rejoined("http://127.0.0.1:1", started=True),
        "engine    it had ended; another was started and goes on with its jobs\n",
    ),
    (
        events.Rejoined("http://127.0.0.1:1", started=False),
        "engine    it had ended; that at http://127.0.0.1:1 goes on with its jobs\n",
    ),
    (events.StatusChanged("a", "j", Q, P), "running   a  job j\n"),
    (events.StatusChanged("a", "j", P, Q), "queued    a  job j\n"),
    (events.StatusChanged("a", "j", P, F), "finished  a  job j\n"),
    (events.StatusChanged("a", "j", P, F, superseded=True), "finished  a  earlier job j\n"),
    (events.StatusChanged("a", "j", P, E), ""),
    (events.Cancelled("a", "j", Status.CANCELLED), "cancelled a  job j (its spec changed)\n"),
    (events.Cancelled("a", "j", Status.FINISHED), "cancelled a  job j (it had ended: finished)\n"),
    (events.JobFailed("a", "j", E, "Traceback\nValueError: no", ("one", "two")), "failed    a  ValueError: no\n"),
    (events.JobFailed("a", "j", Status.CANCELLED, "", ()), "cancelled a\n"),
    (
        events.JobFailed("a", "j", E, "Traceback\nValueError: no", ("one", "two"), superseded=True),
        "✗ a failed\n  ValueError: no\n  │ one\n  │ two\n  hint: to run it again: sieve-jobs rerun a -t prod\n",
    ),
    (
        events.Lost("a", "j", finished=False),
        "lost      a  the far side no longer knows job j; how it ended is not known\n",
    ),
    (events.OutputsSaved("a", "j", ("out/0.mp4",), 4_200_000), "saved     a  out/0.mp4, 4.2 MB\n"),
    (events.OutputsSaved("a", "j", ("out/0", "out/1", "out/2"), 3), "saved     a  out/0 and 2 files more, 3 B\n"),
    (events.OutputsSaved("a", "j", (), 0), ""),
    (events.NotSaved("a", "j", BAD), "error: the push of 'a' was refused  [SJ143]\nhint: see the plan\n"),
    (events.Stopping("asked to stop"), "stopping  asked to stop\n"),
]


@pytest.mark.parametrize(("event", "text"), [pytest.param(*row, id=f"{i}-{row[0].kind}") for i, row in enumerate(ALL)])
def test_lines(event: events.Event, text: str) -> None:
    assert event_text(event, Style(), target="prod") == text
    coloured = event_text(event, Style(colour=True), target="prod")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text
    assert event_text(event, Style(unicode=False)).isascii()


def test_every_kind_of_event_has_a_row_above() -> None:
    assert {type(event) for event, _ in ALL} == set(get_args(events.Event))


def test_what_the_far_side_says_starts_no_command() -> None:
    text = event_text(events.InDoubt("::x", 1, "a\n::error::b\x1b[2J"), Style())
    assert text == "in doubt  \\::x  a\\n::error::b\\x1b[2J\n"


class Screen:
    """A terminal that keeps what is written to it, and a clock that is set by hand."""

    def __init__(self, style: Style | None = None, expected: int = 3) -> None:
        self.file, self.now = io.StringIO(), 0.0
        style = style or Style(width=80)
        self.view = LiveView(self.file, style, expected=expected, target="prod", clock=lambda: self.now)

    def lines(self) -> list[str]:
        """Everything that was ever drawn, without the codes that move the cursor."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.file.getvalue()).replace("\r", "\n")
        return [line.rstrip() for line in text.splitlines() if line.strip()]


def play(screen: Screen, *steps: events.Event) -> list[str]:
    with screen.view:
        for step in steps:
            screen.now += 2.0
            screen.view.handle(step)
    return screen.lines()


PUSHED = [events.Pushed(name, f"job-{name}", "r", Q, Reason.NEW) for name in ("a", "b[x=y]", "c")]


def test_the_last_view_counts_what_is_done() -> None:
    lines = play(
        Screen(), *PUSHED, events.StatusChanged("b[x=y]", "j", Q, P), events.StatusChanged("a", "j", Q, F),
        events.StatusChanged("c", "j", Q, E), events.JobFailed("c", "j", E, "ValueError: [bold]no[/bold]", ()),
    )  # fmt: skip
    assert "finished  a  job j" in lines
    assert any(line.startswith("failed    c  ValueError: [bold]no[/bol") for line in lines)
    assert lines[-2].split()[1:] == ["b[x=y]", "processing", "6.0", "s"]
    assert lines[-1].endswith("2/3 done, 1 running, 1 failed  14 s")


def test_queued_jobs_are_no_lines_of_their_own() -> None:
    assert not any(line.startswith("pushed") for line in play(Screen(), *PUSHED))


def test_a_job_nobody_expected_is_counted_in() -> None:
    assert "0/3 done" in play(Screen(expected=1), *PUSHED)[-1]


def test_many_jobs_are_counted_below_the_first() -> None:
    many = [events.Pushed(f"s{n:03}", "j", "r", Q, Reason.NEW) for n in range(100)]
    lines = play(Screen(expected=100), *many)
    assert any(re.fullmatch(r"\s+and \d+ more", line.rstrip()) for line in lines)


def test_a_hostile_name_moves_no_cursor_and_is_no_markup() -> None:
    screen = Screen()
    lines = play(screen, events.Pushed("\x1b[2J[red]x[/red]", "j", "r", Q, Reason.NEW))
    assert "\x1b[2J" not in screen.file.getvalue()
    assert any("\\x1b[2J[red]x[/red]" in line for line in lines)


def test_an_ascii_terminal_gets_ascii() -> None:
    screen = Screen(Style(width=40, unicode=False))
    play(screen, *PUSHED, events.StatusChanged("a", "j", Q, P), events.StatusChanged("b[x=y]", "j", Q, F))
    assert screen.lines()[-1].endswith("done, 1 running  10 s")
