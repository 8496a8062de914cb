"""What jobs have used: compute seconds by machine, and concurrency over time. Questions to the database, and sums.

A job uses a machine from its first start to its end. Whatever machine it names, it ran on this one: seconds are
filed under the machine its function declares, and cost nothing.
"""

from __future__ import annotations

import sqlite3
import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sieve_jobs.engine.census import Open
from sieve_jobs.wire import Json, Status, format_time

MACHINES = ("cpu", "a100", "a100-20gb", "v100", "l4", "t4", "other")
"""Keys of a DetailedUsage. Source: Sieve's openapi.json."""
_SECOND = 1_000_000
COST = 0.0
"""Dollars, of anything: this engine charges nothing."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version that jobs were run with."""

    owner: str
    name: str
    id: str


class Timed(NamedTuple):
    """A job for the figures of concurrency. *seconds* is how long it was processed, None if it never was."""

    created_at: int
    """Microseconds since the epoch."""
    seconds: float | None


def seconds_used(db: sqlite3.Connection, start: datetime, end: datetime, now: datetime) -> dict[Version, float]:
    """Seconds between *start* and *end* that jobs of each version ran; one that runs still, until *now*."""
    first, last = "max(started_at, ?1)", "min(coalesce(completed_at, ?3), ?2)"
    rows = db.execute(
        f"SELECT owner, name, function_id, sum({_microseconds(last)} - {_microseconds(first)}) FROM jobs"  # noqa: S608
        f" WHERE {first} < {last} AND status != ?4 GROUP BY owner, name, function_id",
        (format_time(start), format_time(end), format_time(now), Status.QUEUED),
    )
    return {Version(row[0], row[1], row[2]): row[3] / _SECOND for row in rows}


def versions_run(db: sqlite3.Connection, owner: str, name: str) -> set[str]:
    """Ids of all versions of a function that a job was pushed to."""
    rows = db.execute("SELECT DISTINCT function_id FROM jobs WHERE owner = ? AND name = ?", (owner, name))
    return {row[0] for row in rows}


def detailed(used: Iterable[tuple[str, float]]) -> dict[str, Json]:
    """A DetailedUsage of (machine, seconds); a machine nobody used is null."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for machine, amount in used:
        seconds[machine if machine in MACHINES else "other"] += amount
    by_machine: dict[str, Json] = {
        machine: {"compute_seconds": round(seconds[machine], 6), "cost_dollars": COST} if machine in seconds else None
        for machine in MACHINES
    }
    return {
        "total_compute_seconds": round(sum(seconds.values()), 6),
        "total_cost_dollars": COST,
        **by_machine,
    }


def by_function(used: Mapping[Version, float], machine: Callable[[str], str]) -> dict[str, Json]:
    """A DetailedUsage for each "owner/name"; *machine* tells that of a version id."""
    found: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for version, seconds in used.items():
        found[f"{version.owner}/{version.name}"].append((machine(version.id), seconds))
    return {name: detailed(parts) for name, parts in sorted(found.items())}


def open_jobs(db: sqlite3.Connection) -> dict[str, Open]:
    """Jobs that are not at their end, counted by version id."""
    rows = db.execute(
        "SELECT function_id, sum(status = ?1), sum(status = ?2) FROM jobs"
        " WHERE status IN (?1, ?2) GROUP BY function_id",
        (Status.QUEUED, Status.PROCESSING),
    )
    return {row[0]: Open(row[1], row[2]) for row in rows}


def timed_jobs(
    db: sqlite3.Connection, start: datetime, end: datetime, status: Status | None, function: tuple[str, str] | None
) -> list[Timed]:
    """Jobs that were pushed from *start* on and before *end*."""
    created, started, completed = (_microseconds(f"{what}_at") for what in ("created", "started", "completed"))
    columns = f"{created}, ({completed} - {started}) / {_SECOND}.0"
    question = f"SELECT {columns} FROM jobs WHERE created_at >= ? AND created_at < ?"  # noqa: S608 -- our own words
    values = [format_time(start), format_time(end)]
    if status is not None:
        question, values = question + " AND status = ?", [*values, status.value]
    if function is not None:
        question, values = question + " AND owner = ? AND name = ?", [*values, *function]
    return [Timed(row[0], row[1]) for row in db.execute(question, values)]


def chunks(jobs: Sequence[Timed], start: datetime, end: datetime, size: timedelta) -> list[Json]:
    """Chunks of *size* from *start* on; the last one ends at *end*. A job counts where it was pushed.

    Concurrency is what Sieve describes: jobs, times their median time, over the length of the chunk.
    """
    jobs = sorted(jobs, key=_created_at)
    shown: list[Json] = []
    while start < end:
        after = min(start + size, end)
        first, last = (bisect_left(jobs, at.timestamp() * _SECOND, key=_created_at) for at in (start, after))
        times = [job.seconds for job in jobs[first:last] if job.seconds is not None]
        median = statistics.median(times) if times else 0.0
        shown.append(
            {
                "chunk_start": format_time(start),
                "chunk_end": format_time(after),
                "num_jobs": last - first,
                "median_processing_time_seconds": round(median, 6),
                "average_concurrency": round((last - first) * median / (after - start).total_seconds(), 6),
            }
        )
        start = after
    return shown


def _created_at(job: Timed) -> int:
    return job.created_at


def _microseconds(time: str) -> str:
    """SQL for a wire time as a number. Summed in the database, a million jobs hold up no other thread for long."""
    return f"(strftime('%s', substr({time}, 1, 19)) * {_SECOND} + CAST(substr({time}, 21) AS INTEGER))"
