"""Tables: columns that line up, and that give way one after another where the stream is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.text import clip, escape, shorten, width_of

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. *text* is escaped when it is shown."""

    text: str
    roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """*keep*: columns with a lower number give way first; the highest is cut only when it stands alone.

    *least*: one that is cut at its end, down to so many columns, before it or a stronger one gives way.
    """

    title: str
    keep: int = 9
    right: bool = False
    least: int = 0


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style, *, header: bool = True) -> str:
    """A table in at most the style's width; empty without rows. Columns without any text are left out."""
    if not rows:
        return ""
    shown = [[style.finish(escape(cell.text)) for cell in row] for row in rows]
    kept = [index for index in range(len(columns)) if any(row[index] for row in shown)]
    if header:
        shown.insert(0, [column.title for column in columns])
    widths = [max(width_of(row[index]) for row in shown) for index in range(len(columns))]
    kept, widths = _fitted(columns, kept, widths, style.width)
    roles = [[cell.roles for cell in row] for row in rows]
    if header:
        roles.insert(0, [("dim",)] * len(columns))
    lines = []
    for texts, painted in zip(shown, roles, strict=True):
        cells = [_cell(texts[index], painted[index], widths[index], columns[index], style) for index in kept]
        lines.append(_GAP.join(cells).rstrip())
    return "".join(f"{line}\n" for line in lines)


def _fitted(
    columns: Sequence[Column], kept: Sequence[int], widths: Sequence[int], room: int
) -> tuple[list[int], list[int]]:
    """Which of *kept* are shown in *room* columns, and how wide each column is then."""
    left, fitted = sorted(kept, key=lambda index: (columns[index].keep, -index)), list(widths)
    least = [min(column.least or width, width) for column, width in zip(columns, widths, strict=True)]
    while len(left) > 1 and not columns[left[0]].least and _over(widths, left, room) > 0:
        left.pop(0)
    while len(left) > 1 and _over(least, left, room) > 0:
        left.pop(0)
    for index in left:
        fitted[index] = max(least[index], fitted[index] - max(_over(fitted, left, room), 0))
    if len(left) == 1:
        fitted[left[0]] = min(widths[left[0]], room)
    return sorted(left), fitted


def _over(widths: Sequence[int], shown: Sequence[int], room: int) -> int:
    """How many columns more than *room* they take."""
    return sum(widths[index] for index in shown) + len(_GAP) * (len(shown) - 1) - room


def _cell(text: str, roles: tuple[Role, ...], width: int, column: Column, style: Style) -> str:
    short = (clip if column.least else shorten)(text, width, style.sign("…"))
    space, painted = " " * (width - width_of(short)), style.paint(short, *roles)
    return space + painted if column.right else painted + space
