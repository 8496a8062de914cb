"""The last lines a job printed."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

from sieve_jobs.errors import CallError
from sieve_jobs.push.client import Client
from sieve_jobs.wire import Job, LogLine

RECENT = timedelta(minutes=5)
"""How long before its end a job's lines are looked for first: a log has no other end to be read from."""
MOST_PAGES = 40


async def last_lines(client: Client, job: Job, count: int) -> tuple[str, ...]:
    """The last *count* lines of *job*'s log, fewer if there are fewer, none if it cannot be read. Never raises."""
    if count < 1:
        return ()
    ended = job.completed_at
    lines = await _from(client, job.id, _nanoseconds(ended - RECENT) if ended else 0, count)
    if len(lines) < count and ended is not None:
        lines = await _from(client, job.id, 0, count)
    return tuple(line.message for line in lines)


async def _from(client: Client, job_id: str, start: int, count: int) -> list[LogLine]:
    kept: deque[LogLine] = deque(maxlen=count)
    try:
        for _ in range(MOST_PAGES):
            lines, following = await client.logs(job_id, start)
            kept.extend(lines)
            if not lines or following <= start:
                break
            start = following
    except CallError:
        pass  # what was read so far is better than nothing
    return list(kept)


def _nanoseconds(at: datetime) -> int:
    return int((at - datetime.fromtimestamp(0, UTC)).total_seconds()) * 1_000_000_000
