"""Untrusted text as Markdown takes it: shown as it is, and never as a link, a mention, an image, HTML or a table's end.

All of it becomes code: within code GitHub looks for none of these. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from sieve_jobs.render.text import escape

_BACKTICKS = re.compile(r"`+")


def cut(text: str, most: int) -> str:
    """*text* in at most *most* characters. Columns would not do: combining marks take none, and count all the same."""
    return text if len(text) <= most else text[: most - 1] + "…"


def code(text: str, most: int = 200) -> str:
    """*text* as a code span on one line."""
    shown = cut(escape(text), most)
    if not shown.strip():
        shown = "(blank)"
    fence = "`" * (_longest_run(shown) + 1)
    space = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{space}{shown}{space}{fence}"


def cell(text: str, most: int = 120) -> str:
    """*text* as a code span that ends no cell: a table is split at its bars before code is looked for."""
    return code(text.replace("|", "<U+007C>"), most)


def block(lines: Iterable[str], *, most: int, width: int = 400) -> str:
    """*lines*, each escaped already, as a code block of at most *most* characters; the last line counts what is cut."""
    kept, used, left = [], 0, 0
    for line in lines:
        shown = cut(line, width)
        used += len(shown) + 1
        if left or used > most:
            left += 1
        else:
            kept.append(shown)
    if left:
        kept.append(f"… and {left:,} more {'line' if left == 1 else 'lines'}")
    fence = "`" * max(3, max(map(_longest_run, kept), default=0) + 1)
    return "\n".join([f"{fence}text", *kept, fence]) + "\n"


def row(cells: Iterable[str]) -> str:
    """A row of a table; the cells are Markdown already."""
    return "| " + " | ".join(cells) + " |\n"


def table(titles: Sequence[str], rows: Sequence[str]) -> str:
    """A table of *rows*; empty without any."""
    return "".join([row(titles), "|" + "---|" * len(titles) + "\n", *rows]) if rows else ""


def fitting(texts: Iterable[str], *, most: int, count: int) -> list[str]:
    """The first of *texts* that have *most* characters together, at most *count* of them."""
    kept, used = [], 0
    for text in islice(texts, count):
        used += len(text)
        if used > most:
            break
        kept.append(text)
    return kept


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)
