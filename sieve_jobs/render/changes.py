"""The changes of a plan, for people: a row each, with its reason, place and diff. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.explain import WORDS
from sieve_jobs.render.difference import diff_lines
from sieve_jobs.render.style import Style
from sieve_jobs.render.text import escape, width_of

_NAME_CAP = 40
"""Columns that names line up in; a longer one pushes its own row alone."""
_WORDS_CAP = 24
"""The same for the reasons behind them."""
_ID = 8
"""Characters of a job's id in a sentence; tables and `show` have it whole."""


def rows(changes: Sequence[Change], style: Style) -> str:
    """Every change on lines of its own, names and reasons lined up."""
    width = max((min(width_of(escape(change.name)), _NAME_CAP) for change in changes), default=0)
    words = max((min(width_of(_words(change)), _WORDS_CAP) for change in changes), default=0)
    return "".join(f"{line}\n" for change in changes for line in _change(change, style, width, words))


def _change(change: Change, style: Style, name_width: int, words_width: int) -> Iterator[str]:
    """One row: sign, name, reason, place, with what does not fit on a line of its own; then the diff."""
    name, words = escape(change.name), _words(change)
    place = f"{escape(change.path)}:{change.line}" if change.line else escape(change.path)
    row, used = f"  {style.glyph(change)} {style.paint(name, 'strong')}", 4 + width_of(name)
    for text, start, role in ((words, 6 + name_width, ()), (place, 8 + name_width + words_width, ("dim",))):
        at = next(
            (column for column in (max(start, used + 2), used + 2) if column + width_of(text) <= style.width), None
        )
        if at is None:
            yield row
            row, used, at = "", 0, 6
        row += " " * (at - used) + style.paint(text, *role)
        used = at + width_of(text)
    yield row
    yield from diff_lines(change.diff, style)


def _words(change: Change) -> str:
    """Why, in words that stand behind a name."""
    match change.action:
        case Action.MOVE:
            return f"renamed from {escape(change.moved_from or '')}"
        case Action.REUSE if change.reuses is not None:
            return f"as before, job {_short_id(change.reuses.job_id)}"
        case Action.ORPHAN:
            after = {"forget": "forgotten", "cancel": "cancelled and forgotten"}
            return f"spec removed, {after.get(change.prune or '', 'job kept')}"
    return WORDS[change.reason]


def _short_id(job_id: str) -> str:
    """A job's id as a sentence names it."""
    return escape(job_id[:_ID])
