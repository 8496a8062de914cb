"""Problems as people read them: place, fact, the line with a caret, what was expected, a way out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.text import escape, width_of

TAB = 4
"""Columns a tab is shown as, at most: it runs to the next multiple."""
LONGEST = 160
"""Columns of a line that are shown even where the stream is wider."""


Word: TypeAlias = Literal["error", "warning"]
"""What a problem is called: a warning is one that ended nothing."""


def diagnostics(problems: Iterable[Diagnostic], style: Style, *, word: Word = "error") -> str:
    """Every one of *problems*, a blank line between two of them; empty without any."""
    texts = ("".join(f"{line}\n" for line in _lines(problem, style, word)) for problem in problems)
    return style.finish("\n".join(texts))


def _lines(problem: Diagnostic, style: Style, word: Word) -> Iterator[str]:
    place = f"{_where(problem.place)}: " if problem.place else ""
    error = style.paint(f"{word}:", "bad" if word == "error" else "change", "strong")
    code = style.paint(f"[{problem.code}]", "dim")
    yield f"{style.paint(place, 'strong')}{error} {style.paint(escape(problem.message), 'strong')}  {code}"
    shown = problem.place is not None and _is_shown(problem.place)
    if shown and problem.place is not None:
        yield from _excerpt(problem.place, problem.expected, "bad", style)
    elif problem.expected:
        yield from map(escape, f"expected {problem.expected}".splitlines())
    for place_too in problem.also:
        yield f"{_where(place_too)}: {style.paint('note:', 'accent')} and here"
        if _is_shown(place_too):
            yield from _excerpt(place_too, None, "accent", style)
    if problem.hint:
        yield f"{style.paint('hint:', 'accent')} {escape(problem.hint)}"


def _where(place: Place) -> str:
    """`path:line:column`, without what is not known."""
    path = escape(place.path)
    return f"{path}:{place.line}:{place.column}" if place.line and place.column else (
        f"{path}:{place.line}" if place.line else path
    )  # fmt: skip


def _is_shown(place: Place) -> bool:
    return bool(place.line and place.column and place.text.strip())


def _excerpt(place: Place, expected: str | None, role: Role, style: Style) -> Iterator[str]:
    """The line behind a gutter, and the caret under the very columns that are meant."""
    number = str(place.line)
    gutter, blank = f"  {number} | ", f"  {' ' * len(number)} | "
    room = max(min(style.width, LONGEST) - len(gutter), 20)
    cells = _cells(place.text, style)
    start = min(place.column - 1, len(cells))
    end = min(start + max(place.width, 1), max(len(cells), start + 1))
    cells, start, end = _window(cells, start, end, room, style.sign("…"))
    text = "".join(cells).rstrip()
    before = sum(map(width_of, cells[:start]))
    carets = max(sum(map(width_of, cells[start:end])), 1)
    yield style.paint(gutter, "dim") + text
    under = " " * before + style.paint("^" * carets, role, "strong")
    first, *others = _wrapped(f"expected {escape(expected)}", before + carets + 1, room) if expected else [""]
    yield (style.paint(blank, "dim") + under + (f" {first}" if first else "")).rstrip()
    for line in others:
        yield style.paint(blank, "dim") + line


def _wrapped(text: str, taken: int, room: int) -> list[str]:
    """*text* beside the carets where it fits, else on lines of its own below them (an empty first item)."""
    if taken + width_of(text) <= room:
        return [text]
    return ["", *textwrap.wrap(text, width=room, break_long_words=False, break_on_hyphens=False)]


def _cells(text: str, style: Style) -> list[str]:
    """What is shown for each character, in order: tabs as spaces up to the next stop, controls by their number."""
    cells: list[str] = []
    column = 0
    text = text.rstrip("\r\n")
    for index, character in enumerate(text):
        if character == "\t":
            cell = " " * (TAB - column % TAB)
        elif character == "[" and text.startswith("##", max(index - 2, 0)) and index >= 2:
            cell = "\\["
        else:
            cell = character if " " <= character <= "~" else style.finish(escape(character))
        column += width_of(cell)
        cells.append(cell)
    return cells


def _window(cells: list[str], start: int, end: int, room: int, cut: str) -> tuple[list[str], int, int]:
    """The part of a long line around the caret, with *cut* at each end where something is left out."""
    widths = [width_of(cell) for cell in cells]
    if sum(widths) <= room:
        return cells, start, end
    room -= 2 * len(cut)
    near = sum(widths[:end]) <= room * 3 // 4
    first, last, used = (0, 0, 0) if near else (start, start, 0)
    while last < len(cells) and used + widths[last] <= (room if near else room * 2 // 3):
        used += widths[last]
        last += 1
    while first > 0 and used + widths[first - 1] <= room:
        first -= 1
        used += widths[first]
    while last < len(cells) and used + widths[last] <= room:
        used += widths[last]
        last += 1
    head, tail = [cut] if first else [], [cut] if last < len(cells) else []
    shift = len(head) - first
    return [*head, *cells[first:last], *tail], start + shift, min(end, last) + shift
