"""Tables: columns that line up, and that give way one after another where the stream is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.text import escape, shorten, width_of

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. *text* is escaped when it is shown."""

    text: str
    roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """*keep*: columns with a lower number give way first; the highest is cut only when it stands alone."""

    title: str
    keep: int = 9
    right: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style, *, header: bool = True) -> str:
    """A table in at most the style's width; empty without rows. Columns without any text are left out."""
    if not rows:
        return ""
    shown = [[style.finish(escape(cell.text)) for cell in row] for row in rows]
    kept = [index for index in range(len(columns)) if any(row[index] for row in shown)]
    if header:
        shown.insert(0, [column.title for column in columns])
    widths = [max(width_of(row[index]) for row in shown) for index in range(len(columns))]
    while len(kept) > 1 and sum(widths[index] for index in kept) + len(_GAP) * (len(kept) - 1) > style.width:
        kept.remove(min(kept, key=lambda index: (columns[index].keep, -index)))
    if len(kept) == 1:
        widths[kept[0]] = min(widths[kept[0]], style.width)
    roles = [[cell.roles for cell in row] for row in rows]
    if header:
        roles.insert(0, [("dim",)] * len(columns))
    lines = []
    for texts, painted in zip(shown, roles, strict=True):
        cells = [_cell(texts[index], painted[index], widths[index], columns[index], style) for index in kept]
        lines.append(_GAP.join(cells).rstrip())
    return "".join(f"{line}\n" for line in lines)


def _cell(text: str, roles: tuple[Role, ...], width: int, column: Column, style: Style) -> str:
    short = shorten(text, width, style.sign("…"))
    space, painted = " " * (width - width_of(short)), style.paint(short, *roles)
    return space + painted if column.right else painted + space
