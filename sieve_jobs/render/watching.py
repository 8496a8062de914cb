"""What a watch says, as lines: the time, a word, and the rest. Pure: the caller writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sieve_jobs.plan.change import Change
from sieve_jobs.push.events import Event, JobFailed
from sieve_jobs.render.changes import rows
from sieve_jobs.render.lines import event_text
from sieve_jobs.render.quantity import count
from sieve_jobs.render.results import failure
from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.text import clip, escape

WORD = 9
"""Columns of the word a line begins with, as in the lines of an apply."""
FEW = 3
"""Paths that are named; of more, the first and how many."""
ID = 8
"""Characters of a job's id at a terminal; `show` and pipes have it whole."""
SHOWN = 8
"""Changes that are shown with their diff; more are counted."""


def line(at: datetime, word: str, role: Role, text: str, style: Style, *, narrow: bool = False) -> str:
    """One line; a *narrow* one keeps within the width of a terminal."""
    room = max(style.width - 11 - WORD, 20) if narrow else len(text) * 8
    shown = clip(escape(text), room, style.sign("…"))
    painted = style.paint(word, role) + " " * (WORD - len(word))
    return style.finish(f"{_clock(at, style)}  {painted} {shown}".rstrip() + "\n")


def event(at: datetime, said: Event, style: Style, target: str, *, narrow: bool = False) -> str:
    """An event of the run; empty for what nobody waits to hear. A *narrow* one names jobs by their beginning."""
    text = event_text(said, style, target=target)
    job_id = getattr(said, "job_id", "")
    if narrow and len(job_id) > ID:
        text = text.replace(escape(job_id), escape(job_id[:ID]))
    if not text:
        return ""
    first, *others = text.splitlines()
    if isinstance(said, JobFailed) and not said.superseded:
        others = list(failure(said.name, said.status, "", said.log, style, target=target))[1:]
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
