"""What verbs answer, for people: plan, explain, status and what the state holds. Pure: the caller writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sieve_jobs.plan.explain import WORDS, Explanation
from sieve_jobs.plan.moment import shown
from sieve_jobs.plan.plan import Action, Change, Notice, Plan, Summary, Where
from sieve_jobs.render.difference import diff_lines
from sieve_jobs.render.quantity import age, count
from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.table import Cell, Column, table
from sieve_jobs.render.text import escape, pad, width_of
from sieve_jobs.state.entry import Entry, PastJob
from sieve_jobs.wire import Status

_NAME_CAP = 40
"""Columns that names line up in; a longer one pushes its own row alone."""
_WORDS_CAP = 24
"""The same for the reasons behind them."""
_FOLD = 4
"""Notices with one reason that are shown one by one; of more, all but the first two are counted."""
_ID = 8
"""Characters of a job's id in a sentence; tables and `show` have it whole."""


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
    width = max((min(width_of(escape(change.name)), _NAME_CAP) for change in plan.changes), default=0)
    words = max((min(width_of(_words(change)), _WORDS_CAP) for change in plan.changes), default=0)
    rows = "".join(f"{line}\n" for change in plan.changes for line in _change(change, style, width, words))
    notes = notices(plan.notices, style)
    blocks = [
        header(plan.where, style),
        rows,
        notes,
        f"{counts(plan.summary, style, running=len(plan.running or ()))}\n",
    ]
    return style.finish("\n".join(block for block in blocks if block))


def counts(summary: Summary, style: Style, *, running: int = 0) -> str:
    """The line a plan ends with. *running* jobs of specs with nothing to do are followed by apply."""
    parts: list[tuple[int, str, Role]] = [
        (summary.push, "to push", "add"),
        (summary.reuse, "to reuse", "accent"),
        (summary.move, "to move", "accent"),
        (summary.resolve, "to resolve", "bad"),
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
            if notice.hint:
                lines.append(f"      {style.paint(escape(notice.hint), 'dim')}")
        if len(kept) < len(group):
            more = f"{style.sign('…')} and {len(group) - len(kept):,} more like it ({group[0].reason})"
            lines.append(f"      {style.paint(more, 'dim')}")
    return style.finish("".join(f"{line}\n" for line in lines))


def explain(said: Explanation, style: Style) -> str:
    """Why a spec runs or not."""
    first, *others = said.lines
    lines = [escape(first), *diff_lines(said.diff, style, 2), *map(escape, others)]
    return style.finish("".join(f"{line}\n" for line in lines))


def status(entries: Iterable[Entry], style: Style, now: datetime) -> str:
    """Every job that the state knows: where it stands, since when, and its id."""
    rows = [_status_row(entry, style, now) for entry in sorted(entries, key=lambda entry: entry.name)]
    columns = [
        Column("", 9), Column("spec", 9), Column("status", 8), Column("pushed", 6), Column("function", 5),
        Column("job", 7),
    ]  # fmt: skip
    return style.finish(table(columns, rows, style)) or "no jobs\n"


def state_list(entries: Iterable[Entry], style: Style, now: datetime) -> str:
    """What the state holds, entry by entry: status, why it was pushed, and whether its spec is gone."""
    rows = [
        [
            Cell(entry.name, ("strong",)),
            Cell(_standing(entry), _role(entry)),
            Cell(entry.reason),
            Cell(age((now - entry.pushed_at).total_seconds()), ("dim",)),
            Cell(entry.path, ("dim",)),
        ]
        for entry in sorted(entries, key=lambda entry: entry.name)
    ]
    columns = [Column("entry"), Column("status", 8), Column("reason", 6), Column("pushed", 7), Column("from", 5)]
    return style.finish(table(columns, rows, style)) or "no entries\n"


def show(entry: Entry | None, said: Explanation, past: Sequence[PastJob], style: Style) -> str:
    """All about one spec: why it would run or not, its job, how that ended, and the jobs before it."""
    title = style.paint(escape(said.name), "strong")
    if entry is None:
        return style.finish(f"{title}\n") + explain(said, style)
    fields = [
        ("status", style.paint(_standing(entry), *_role(entry))),
        ("job", escape(entry.job_id)),
        ("run", escape(entry.run_id)),
        ("function", escape(entry.function)),
        ("pushed", f"{shown(entry.pushed_at)} ({escape(entry.reason)})"),
        ("ended", shown(entry.completed_at) if entry.completed_at else ""),
        ("from", f"{escape(entry.path)}:{entry.line}"),
        ("commit", escape(entry.commit or "")),
        ("digest", escape(entry.digest)),
        ("error", escape(entry.error.strip().rpartition("\n")[2])),
    ]
    lines = [title, *(f"  {style.paint(pad(label, 9), 'dim')} {value}" for label, value in fields if value)]
    if past:
        lines.append(f"  {style.paint('before', 'dim')}")
        lines += [
            f"    {style.status_sign(job.status)} {escape(job.job_id)}  {shown(job.pushed_at)}  {job.status.value}"
            for job in past
        ]
    return style.finish("".join(f"{line}\n" for line in lines) + "\n") + explain(said, style)


def short_id(job_id: str) -> str:
    """A job's id as a sentence names it."""
    return escape(job_id[:_ID])


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
            return f"as before, job {short_id(change.reuses.job_id)}"
        case Action.ORPHAN:
            after = {"forget": "forgotten", "cancel": "cancelled and forgotten"}
            return f"spec removed, {after.get(change.prune or '', 'job kept')}"
    return WORDS[change.reason]


def _status_row(entry: Entry, style: Style, now: datetime) -> list[Cell]:
    sign = {Status.FINISHED: "✓", Status.ERROR: "✗", Status.CANCELLED: "⊘", Status.PROCESSING: "◐"}.get(
        entry.status, "◌"
    )
    return [
        Cell("?" if entry.lost else style.sign(sign), _role(entry)),
        Cell(entry.name, ("strong",)),
        Cell(_standing(entry), _role(entry)),
        Cell(age((now - entry.pushed_at).total_seconds()), ("dim",)),
        Cell(entry.function),
        Cell(entry.job_id, ("dim",)),
    ]


def _standing(entry: Entry) -> str:
    return ("lost" if entry.lost else entry.status.value) + (", spec removed" if entry.orphaned else "")


def _role(entry: Entry) -> tuple[Role, ...]:
    roles: dict[Status, Role] = {
        Status.QUEUED: "dim", Status.PROCESSING: "busy", Status.FINISHED: "good", Status.ERROR: "bad",
        Status.CANCELLED: "change",
    }  # fmt: skip
    return ("bad",) if entry.lost else (roles[entry.status],)
