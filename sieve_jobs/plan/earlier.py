"""Earlier jobs that specs may use again, each by one spec only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from sieve_jobs.state.entry import Entry, PastJob
from sieve_jobs.wire import Status


class EarlierJobs:
    """Jobs by digest that may stand for a spec's own: those it had before, and those whose spec is gone.

    *past* are earlier jobs by digest, *orphans* the entries of specs that are gone, *tree* the names that are there.
    """

    def __init__(self, past: Mapping[str, Sequence[PastJob]], orphans: Iterable[Entry], tree: Set[str]) -> None:
        self._past = past
        self._tree = tree
        self._orphans: defaultdict[str, list[Entry]] = defaultdict(list)
        self._holder: dict[str, str] = {}
        for entry in orphans:
            self._orphans[entry.digest].append(entry)
            self._holder[entry.job_id] = entry.name
        self._sorted: dict[str, tuple[dict[str, list[PastJob]], dict[str, PastJob]]] = {}

    def of(self, name: str, digest: str) -> Iterator[PastJob]:
        """What *name* may use for *digest*, best first: its own before others', finished before running, newest first.

        Jobs that ended badly are not among them.
        """
        if digest not in self._past and digest not in self._orphans:
            return
        own, free = self._of_digest(digest)
        yield from own.get(name, ())
        yield from free.values()

    def take(self, job: PastJob) -> str | None:
        """A spec uses *job* from now on. Returns the name of the orphan that held it, if one did."""
        own, free = self._of_digest(job.digest)
        free.pop(job.job_id, None)
        own.pop(job.name, None)
        return self._holder.get(job.job_id)

    def _of_digest(self, digest: str) -> tuple[dict[str, list[PastJob]], dict[str, PastJob]]:
        """Jobs by the name of a spec that is there, and those that are free, by id."""
        if digest not in self._sorted:
            jobs = [*self._past.get(digest, ()), *(entry.past() for entry in self._orphans.get(digest, ()))]
            usable = [job for job in jobs if job.status is Status.FINISHED or not job.status.is_final]
            usable.sort(key=lambda job: (job.pushed_at, job.job_id), reverse=True)
            usable.sort(key=lambda job: job.status is not Status.FINISHED)
            own: dict[str, list[PastJob]] = {}
            free: dict[str, PastJob] = {}
            for job in usable:
                if job.name in self._tree:
                    own.setdefault(job.name, []).append(job)
                else:
                    free[job.job_id] = job
            self._sorted[digest] = own, free
        return self._sorted[digest]
