"""GET /metrics: the engine's figures for Prometheus, from the database and the parts that run.

No label names a job. prometheus-client is imported at the first question: most engines are never asked.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sieve_jobs.engine.census import Place, Stage
from sieve_jobs.wire import Status

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds. A push is an fsync, so a few milliseconds on a disk of one's own."""


@dataclass(slots=True)
class Latency:
    """How long pushes took, from the whole body's arrival to the job being on the disk."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(_BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Pushes of at most so many seconds, as Prometheus counts them."""
        so_far, found = 0, []
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self.counts, strict=True):
            so_far += count
            found.append((bound, float(so_far)))
        return found


@dataclass(frozen=True, slots=True)
class Counted:
    """What the database says: jobs by status, the queue of each "owner/name", webhook events by their outcome."""

    jobs: Mapping[str, int]
    queued: Mapping[str, int]
    events: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """All that a page of metrics is made from."""

    counted: Counted
    pushes: Latency
    places: Sequence[Place]
    capacity: int


def count(db: sqlite3.Connection) -> Counted:
    """Looks at every job's status: ask with `Store.study`."""
    return Counted(
        dict(db.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall()),
        dict(
            db.execute(
                "SELECT owner || '/' || name, count(*) FROM jobs WHERE status = ? GROUP BY owner, name",
                (Status.QUEUED,),
            ).fetchall()
        ),
        dict(db.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall()),
    )


def page(figures: Figures) -> tuple[bytes, str]:
    """The page and its content type."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(figures))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Collected:
    """A collector over figures that were gathered before: prometheus-client asks for them while it writes."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

        figures = self._figures
        jobs = GaugeMetricFamily("sieve_jobs_jobs", "Jobs in the database, by status.", labels=["status"])
        for status in Status:
            jobs.add_metric([status.value], figures.counted.jobs.get(status.value, 0))
        yield jobs
        queued = GaugeMetricFamily("sieve_jobs_queue_length", "Queued jobs, by function.", labels=["function"])
        for function, length in sorted(figures.counted.queued.items()):
            queued.add_metric([function], length)
        yield queued
        events = GaugeMetricFamily("sieve_jobs_webhook_events", "Webhook events, by outcome.", labels=["state"])
        for state in ("pending", "delivered", "dead"):
            events.add_metric([state], figures.counted.events.get(state, 0))
        yield events
        workers = GaugeMetricFamily("sieve_jobs_workers", "Worker processes, by what they are at.", labels=["stage"])
        stages = Counter(place.stage for place in figures.places)
        for stage in Stage:
            workers.add_metric([stage.value], stages[stage])
        yield workers
        yield GaugeMetricFamily("sieve_jobs_workers_limit", "Workers there may be at once.", value=figures.capacity)
        yield HistogramMetricFamily(
            "sieve_jobs_push_seconds",
            "Time from the arrival of a push's body to its job being on the disk.",
            buckets=figures.pushes.buckets(),
            sum_value=figures.pushes.total,
        )
