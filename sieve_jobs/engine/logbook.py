"""GET /v2/logs: lines of a job by time, grouped as the API shows them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sieve_jobs.engine.records import JobRow, Line
from sieve_jobs.wire import Json


def lines(db: sqlite3.Connection, job_id: str, start: int, end: int, limit: int) -> list[Line]:
    """The first *limit* lines from *start* to *end*, both included, in nanoseconds."""
    rows = db.execute(
        "SELECT at, run_id, stage, message FROM logs WHERE job_id = ? AND at BETWEEN ? AND ? ORDER BY at LIMIT ?",
        (job_id, start, end, limit),
    )
    return [Line(*row) for row in rows]


def page_json(found: Sequence[Line], job: JobRow, organization_id: str, start: int) -> dict[str, Json]:
    """A LogsResponse. Neighbours with equal labels share a group, so the whole stays in order of time.

    Timestamps are text: nanoseconds do not fit a JavaScript number. Without lines, the next start is this one.
    """
    groups: list[Json] = []
    rows: list[Json] = []
    labels: dict[str, Json] = {}
    for line in found:
        own: dict[str, Json] = {
            "run_id": line.run_id,
            "job_id": job.id,
            "organization_id": organization_id,
            "function_id": job.function_id,
            "stage": line.stage,
        }
        if own != labels:
            labels, rows = own, []
            groups.append({"logs": rows, "labels": labels})
        rows.append({"message": line.message, "timestamp": str(line.at)})
    last = found[-1].at if found else max(start - 1, 0)
    return {"data": groups, "next_start_time": last + 1 if found else start, "last_time_returned": str(last)}
