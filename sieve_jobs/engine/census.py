"""Who works on what: workers by stage, and the figures the API gives of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sieve_jobs.engine.catalog import Function, Module
from sieve_jobs.engine.replicas import Replicas
from sieve_jobs.wire import Json


class Stage(StrEnum):
    """What a worker is at. Source: the counts of a Version in Sieve's openapi.json."""

    STARTING = "starting"
    SETUP = "setup"
    ACTIVE = "active"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Place:
    """One worker. *version_id* is of the job it runs, None while it runs none."""

    module: Module
    version_id: str | None
    stage: Stage


@dataclass(frozen=True, slots=True)
class Open:
    """Jobs of one version that are not at their end."""

    queued: int = 0
    processing: int = 0

    def limited(self, replicas: Replicas) -> int:
        """How many of the queued could not start however many workers were free: the version is at its maximum."""
        if not replicas.maximum:
            return 0
        return max(0, self.queued - max(0, replicas.maximum - self.processing))


def worker_counts(
    places: Sequence[Place], capacity: int, function: Function, its: Open, replicas: Replicas
) -> dict[str, Json]:
    """`current_workers` of a version. An idle worker counts for every function of its file, since it serves them all.

    `awaiting_resources` are the further workers its waiting jobs would be given if the engine had room for them.
    """
    mine = Counter(
        place.stage for place in places if place.module == function.module and place.version_id in {None, function.id}
    )
    waiting = its.queued - its.limited(replicas)
    counts: dict[str, Json] = {stage.value: mine[stage] for stage in Stage}
    return {**counts, "awaiting_resources": waiting if capacity <= len(places) else 0}


def concurrency(versions: Mapping[str, Open], replicas: Mapping[str, Replicas], capacity: int) -> dict[str, Json]:
    """A ConcurrencyResponse of open jobs by version. The limited are not among the queued."""
    processing = sum(its.processing for its in versions.values())
    queued = sum(its.queued for its in versions.values())
    limited = sum(its.limited(replicas.get(version_id, Replicas())) for version_id, its in versions.items())
    return {
        "max_concurrency": capacity,
        "num_current": processing + queued,
        "num_processing": processing,
        "num_queued": queued - limited,
        "num_limited": limited,
    }
