"""A plan for people: where, what would run and why, and the line that counts. Pure: the caller writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sieve_jobs.plan.plan import Notice, Plan, Summary, Where
from sieve_jobs.render.quantity import age, count
from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.text import escape

_FOLD = 4
"""Notices with one reason that are shown one by one; of more, all but the first two are counted."""


def header(where: Where, style: Style) -> str:
    """The first line of every plan and apply: which target, endpoint and state, and how old its knowledge is."""
    known = "empty" if where.age is None else f"written {age(where.age)}"
    endpoint = "embedded engine" if where.endpoint == "local" else escape(where.endpoint)
    dot = style.paint(f" {style.sign('·')} ", "dim")
    parts = [
        f"target {style.paint(escape(where.target), 'strong')}",
        endpoint,
        f"state {escape(where.state)} {style.paint(f'({known})', 'dim')}",
    ]
    return style.finish(dot.join(parts) + "\n")


def plan(plan: Plan, style: Style) -> str:
    """A whole plan: where, each change with its reason, place and diff, notices, and the line that counts."""
    blocks = [
        header(plan.where, style),
        _changes(plan, style),
        notices(plan.notices, style),
        f"{counts(plan.summary, style, running=len(plan.running), unsaved=len(plan.unsaved))}\n",
    ]
    return style.finish("\n".join(block for block in blocks if block))


def counts(summary: Summary, style: Style, *, running: int = 0, unsaved: int = 0) -> str:
    """The line a plan ends with. Of specs with nothing to do, apply follows *running* jobs and saves *unsaved* ones."""
    parts: list[tuple[int, str, Role]] = [
        (summary.push, "to push", "add"),
        (summary.reuse, "to reuse", "accent"),
        (summary.move, "to move", "accent"),
        (summary.resolve, "to resolve", "bad"),
        (unsaved, "to save", "accent"),
        (summary.orphan, "removed", "remove"),
    ]
    said = [style.paint(f"{number:,} {words}", role) for number, words, role in parts if number]
    unchanged = f"{count(summary.unchanged, 'spec')} unchanged"
    if running:
        unchanged += style.paint(f", {running:,} still running", "busy")
    if not said:
        return f"nothing to do: {unchanged}"
    return f"{style.paint('plan:', 'strong')} {', '.join(said)}; {unchanged}"


def notices(found: Sequence[Notice], style: Style) -> str:
    """Notices, each with its hint; many with one reason are folded."""
    groups: defaultdict[object, list[Notice]] = defaultdict(list)
    for index, notice in enumerate(found):
        groups[notice.reason or index].append(notice)
    lines: list[str] = []
    for group in groups.values():
        kept = group if len(group) <= _FOLD else group[:2]
        for notice in kept:
            lines.append(f"{style.paint('note:', 'accent')} {escape(notice.text)}")
            hints = notice.hint.split("\n") if notice.hint else []
            lines += [f"      {style.paint(escape(hint), 'dim')}" for hint in hints]
        if len(kept) < len(group):
            more = f"{style.sign('…')} and {len(group) - len(kept):,} more like it ({group[0].reason})"
            lines.append(f"      {style.paint(more, 'dim')}")
    return style.finish("".join(f"{line}\n" for line in lines))


def _changes(plan: Plan, style: Style) -> str:
    if not plan.changes:
        return ""
    from sieve_jobs.render.changes import rows

    return rows(plan.changes, style)
