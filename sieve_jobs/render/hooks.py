"""Webhook events of the engine, for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.table import Cell, Column, table
from sieve_jobs.wire import Json

_ROLES: Mapping[str, Role] = {"dead": "bad", "pending": "busy", "delivered": "good"}
_SHORTEST_ID = 12
"""Characters of an id that are shown: `msg_` and eight digits, more where two would be the same."""
_COLUMNS = (
    Column("event"), Column("state", 7), Column("type", 6, least=14), Column("to", 5, least=12),
    Column("tried", 8, least=24), Column("job", 3),
)  # fmt: skip


def events(rows: Iterable[Json], style: Style) -> str:
    """A line for each event: its state, what it is and where it goes, how often that was tried, the last answer.

    Ids are as short as they can be told apart by, and `replay` takes them so.
    """
    shown = [row for row in rows if isinstance(row, dict)]
    length = shortest([str(row.get("id")) for row in shown])
    return style.finish(table(_COLUMNS, [_row(row, length) for row in shown], style)) or "no events\n"


def shortest(ids: Sequence[str]) -> int:
    """How many characters of *ids* tell them apart; at least _SHORTEST_ID."""
    different, length = len(set(ids)), _SHORTEST_ID
    while len({each[:length] for each in ids}) < different:
        length += 1
    return length


def _row(row: Mapping[str, Json], length: int) -> list[Cell]:
    attempts = row.get("attempts")
    tried = [it for it in attempts if isinstance(it, dict)] if isinstance(attempts, list) else []
    state = str(row.get("state"))
    return [
        Cell(str(row.get("id"))[:length], ("strong",)),
        Cell(state, (_ROLES.get(state, "dim"),)),
        Cell(str(row.get("type"))),
        Cell(str(row.get("url") or "").partition("://")[2]),
        Cell(f"{len(tried)}x {tried[-1].get('met')}" if tried else ""),
        Cell(str(row.get("job_id")), ("dim",)),
    ]
