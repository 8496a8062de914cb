"""Webhook events of the engine, for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.table import Cell, Column, table
from sieve_jobs.wire import Json

_ROLES: Mapping[str, Role] = {"dead": "bad", "pending": "busy", "delivered": "good"}


def events(rows: Iterable[Json], style: Style) -> str:
    """A line for each event: its state, what it is and where it goes, how often that was tried, the last answer."""
    columns = [
        Column("event"), Column("state", 8), Column("type", 7), Column("to", 6), Column("tried", 4), Column("last", 5),
        Column("job", 3),
    ]  # fmt: skip
    return style.finish(table(columns, [_row(row) for row in rows if isinstance(row, dict)], style)) or "no events\n"


def _row(row: Mapping[str, Json]) -> list[Cell]:
    attempts = row.get("attempts")
    tried = [it for it in attempts if isinstance(it, dict)] if isinstance(attempts, list) else []
    state = str(row.get("state"))
    return [
        Cell(str(row.get("id")), ("strong",)),
        Cell(state, (_ROLES.get(state, "dim"),)),
        Cell(str(row.get("type"))),
        Cell(str(row.get("url") or "")),
        Cell(str(len(tried)) if tried else ""),
        Cell(str(tried[-1].get("met")) if tried else ""),
        Cell(str(row.get("job_id")), ("dim",)),
    ]
