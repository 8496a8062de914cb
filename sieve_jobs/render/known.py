"""What the state holds, for people: status, lists of entries, all about one spec, and why it runs or not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sieve_jobs.plan.explain import Explanation
from sieve_jobs.plan.moment import shown
from sieve_jobs.render.difference import diff_lines
from sieve_jobs.render.quantity import age, plain_size
from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.table import Cell, Column, table
from sieve_jobs.render.text import escape, pad
from sieve_jobs.state.entry import Entry, PastJob
from sieve_jobs.wire import Status


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
        ("function", escape(str(entry.stand_in or entry.function))),
        ("pushed", f"{shown(entry.pushed_at)} ({escape(entry.reason)})"),
        ("ended", shown(entry.completed_at) if entry.completed_at else ""),
        ("from", f"{escape(entry.path)}:{entry.line}"),
        ("commit", escape(entry.commit or "")),
        ("digest", escape(entry.digest)),
        ("error", escape(entry.error.strip().rpartition("\n")[2])),
    ]
    lines = [title, *(f"  {style.paint(pad(label, 9), 'dim')} {value}" for label, value in fields if value)]
    if entry.saved is not None:
        lines.append(f"  {style.paint('saved' if entry.saved.complete else 'to be saved', 'dim')}")
        lines += [f"    {escape(file.path)}  {plain_size(file.size)}" for file in entry.saved.files]
    if past:
        lines.append(f"  {style.paint('before', 'dim')}")
        lines += [
            f"    {style.status_sign(job.status)} {escape(job.job_id)}  {shown(job.pushed_at)}  {job.status.value}"
            for job in past
        ]
    return style.finish("".join(f"{line}\n" for line in lines) + "\n") + explain(said, style)


def _status_row(entry: Entry, style: Style, now: datetime) -> list[Cell]:
    sign = {Status.FINISHED: "✓", Status.ERROR: "✗", Status.CANCELLED: "⊘", Status.PROCESSING: "◐"}.get(
        entry.status, "◌"
    )
    return [
        Cell("?" if entry.lost else style.sign(sign), _role(entry)),
        Cell(entry.name, ("strong",)),
        Cell(_standing(entry), _role(entry)),
        Cell(age((now - entry.pushed_at).total_seconds()), ("dim",)),
        Cell(entry.function if entry.stand_in is None else f"{entry.function} for {entry.stand_in.asked}"),
        Cell(entry.job_id, ("dim",)),
    ]


def _standing(entry: Entry) -> str:
    beside = ", spec removed" if entry.orphaned else ", not saved" if entry.is_to_save else ""
    return ("lost" if entry.lost else entry.status.value) + beside


def _role(entry: Entry) -> tuple[Role, ...]:
    roles: dict[Status, Role] = {
        Status.QUEUED: "dim", Status.PROCESSING: "busy", Status.FINISHED: "good", Status.ERROR: "bad",
        Status.CANCELLED: "change",
    }  # fmt: skip
    return ("bad",) if entry.lost else (roles[entry.status],)
