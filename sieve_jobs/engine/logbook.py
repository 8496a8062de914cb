"""GET /v2/logs: lines of a job, or of a version's build, by time, grouped as the API shows them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from sieve_jobs.engine.records import Line
from sieve_jobs.wire import Json

BUILD = "build"
"""The stage of a build's lines. Source: Sieve's SDK asks for it."""


def lines(db: sqlite3.Connection, job_id: str, start: int, end: int, limit: int) -> list[Line]:
    """The first *limit* lines from *start* to *end*, both included, in nanoseconds."""
    rows = db.execute(
        "SELECT at, run_id, stage, message FROM logs WHERE job_id = ? AND at BETWEEN ? AND ? ORDER BY at LIMIT ?",
        (job_id, start, end, limit),
    )
    return [Line(*row) for row in rows]


def add_build_lines(db: sqlite3.Connection, version_id: str, lines: Iterable[tuple[int, str]]) -> None:
    """Records what a build of a version said: (nanoseconds, message), rising within the version."""
    db.executemany("INSERT OR IGNORE INTO build_logs VALUES (?, ?, ?)", [(version_id, *line) for line in lines])


def build_lines(db: sqlite3.Connection, version_id: str, start: int, end: int, limit: int) -> list[Line]:
    """The first *limit* lines of a version's build from *start* to *end*, both included."""
    rows = db.execute(
        "SELECT at, message FROM build_logs WHERE version_id = ? AND at BETWEEN ? AND ? ORDER BY at LIMIT ?",
        (version_id, start, end, limit),
    )
    return [Line(row[0], "", BUILD, row[1]) for row in rows]


def page_json(
    found: Sequence[Line], job_id: str | None, function_id: str, organization_id: str, start: int
) -> dict[str, Json]:
    """A LogsResponse; lines of a build belong to no job (*job_id* None).

    Neighbours with equal labels share a group, so the whole stays in order of time. Timestamps are text:
    nanoseconds do not fit a JavaScript number. Without lines, the next start is this one.
    """
    groups: list[Json] = []
    rows: list[Json] = []
    labels: dict[str, Json] = {}
    for line in found:
        own: dict[str, Json] = {
            "run_id": line.run_id or None,
            "job_id": job_id,
            "organization_id": organization_id,
            "function_id": function_id,
            "stage": line.stage,
        }
        if own != labels:
            labels, rows = own, []
            groups.append({"logs": rows, "labels": labels})
        rows.append({"message": line.message, "timestamp": str(line.at)})
    last = found[-1].at if found else max(start - 1, 0)
    return {"data": groups, "next_start_time": last + 1 if found else start, "last_time_returned": str(last)}
