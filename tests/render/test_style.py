"""Colour, width and signs by what a stream and its environment say."""

from __future__ import annotations

import pytest

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.render.style import Style, style_for
from sieve_jobs.wire import Status


@pytest.mark.parametrize(
    ("environ", "settings", "colour"),
    [
        pytest.param({"TERM": "xterm-256color"}, {}, True, id="terminal"),
        pytest.param({}, {"terminal": False}, False, id="pipe"),
        pytest.param({"NO_COLOR": "1"}, {}, False, id="NO_COLOR"),
        pytest.param({"NO_COLOR": ""}, {}, True, id="empty NO_COLOR counts as unset"),
        pytest.param({"TERM": "dumb"}, {}, False, id="dumb terminal"),
        pytest.param({}, {"no_color": True}, False, id="--no-color"),
    ],
)
def test_colour(environ: dict[str, str], settings: dict[str, bool], colour: bool) -> None:
    usual = {"terminal": True, "width": 80, "encoding": "utf-8"}
    assert style_for(environ, **(usual | settings)).colour is colour  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", True), ("UTF-8", True), ("ascii", False), ("latin-1", False), (None, False), ("no-such", False)],
)
def test_signs(encoding: str | None, expected: bool) -> None:
    style = style_for({}, terminal=False, width=80, encoding=encoding)
    assert style.unicode is expected
    assert style.sign("↺") == ("↺" if expected else "*")


def test_text_for_an_ascii_stream_is_ascii() -> None:
    assert Style(unicode=False).finish("größe ↺") == "gr\\xf6\\xdfe \\u21ba"
    assert Style(unicode=True).finish("größe ↺") == "größe ↺"


def test_every_change_and_status_has_a_sign_in_ascii() -> None:
    ascii_style = Style(unicode=False)
    changes = [Change("n", action, reason, "p", 1) for action in Action for reason in Reason]
    signs = [ascii_style.glyph(change) for change in changes] + [ascii_style.status_sign(status) for status in Status]
    assert all(sign.isascii() and len(sign) == 1 for sign in signs)


def test_statuses_are_padded_by_what_is_seen() -> None:
    assert Style(colour=True).status(Status.ERROR, 8) == "\x1b[31merror\x1b[0m   "
    assert Style().paint("x", "bad") == "x"
