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
    said = [(escape(change.name), words_of(change)) for change in changes]
    width = min(max((width_of(name) for name, _ in said), default=0), _NAME_CAP)
    room = min(max((width_of(words) for _, words in said), default=0), _WORDS_CAP)
    columns = (6 + width, 8 + width + room)
    lines = [
        line
        for change, (name, words) in zip(changes, said, strict=True)
        for line in _change(change, name, words, style, columns)
    ]
    return "\n".join([*lines, ""])


def _change(change: Change, name: str, words: str, style: Style, columns: tuple[int, int]) -> Iterator[str]:
    """One row: sign, *name*, reason, place, with what does not fit on a line of its own; then the diff.

    *columns* are those that reasons and places line up in, where there is room.
    """
    place = f"{escape(change.path)}:{change.line}" if change.line else escape(change.path)
    row, used = f"  {style.glyph(change)} {style.paint(name, 'strong')}", 4 + width_of(name)
    for text, painted, start in ((words, words, columns[0]), (place, style.paint(place, "dim"), columns[1])):
        width = width_of(text)
        at = max(start, used + 2)
        if at + width > style.width:
            at = used + 2
        if at + width > style.width:
            yield row
            row, used, at = "", 0, 6
        row += " " * (at - used) + painted
        used = at + width
    yield row
    if change.stand_in is not None:
        yield f"      {style.paint(escape(str(change.stand_in)), 'dim')}"
    if change.diff:
        yield from diff_lines(change.diff, style)


def words_of(change: Change) -> str:
    """Why, in words that stand behind a name; escaped."""
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
