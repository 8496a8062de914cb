"""What a watch says, as lines: the time, a word, and the rest. Pure: the caller writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sieve_jobs.plan.change import Change
from sieve_jobs.push.events import Event
from sieve_jobs.render.changes import rows
from sieve_jobs.render.lines import event_text
from sieve_jobs.render.quantity import count
from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.text import clip, escape

WORD = 9
"""Columns of the word a line begins with, as in the lines of an apply."""
FEW = 3
"""Paths that are named; of more, the first and how many."""
SHOWN = 8
"""Changes that are shown with their diff; more are counted."""


def line(at: datetime, word: str, role: Role, text: str, style: Style) -> str:
    """One line, cut to the width of a terminal."""
    room = max(style.width - 10 - WORD, 20) if style.colour else 10_000
    shown = clip(escape(text), room, style.sign("…"))
    painted = style.paint(word, role) + " " * (WORD - len(word))
    return style.finish(f"{_clock(at, style)}  {painted} {shown}".rstrip() + "\n")


def event(at: datetime, said: Event, style: Style, target: str) -> str:
    """An event of the run; empty for what nobody waits to hear. Lines behind the first are set in."""
    text = event_text(said, style, target=target)
    if not text:
        return ""
    first, *others = text.splitlines()
    return "\n".join([f"{_clock(at, style)}  {first}", *others, ""])


def changes(found: Sequence[Change], style: Style) -> str:
    """What a round does, with the fields that changed; many are left to the line that counts."""
    return style.finish(rows(found, style)) if found and len(found) <= SHOWN else ""


def paths(found: Collection[str]) -> str:
    """Changed files in a few words."""
    names = sorted(found)
    if len(names) <= FEW:
        return ", ".join(names)
    return f"{names[0]} and {count(len(names) - 1, 'more file')}"


def _clock(at: datetime, style: Style) -> str:
    return style.paint(f"{at:%H:%M:%S}", "dim")
