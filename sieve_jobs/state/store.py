"""Store: where a target's state lives. One protocol for the local SQLite file and for shared stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sieve_jobs.state.entry import Entry, PastJob
from sieve_jobs.state.loaded import State
from sieve_jobs.state.writes import Write


class Store(Protocol):
    """A target's state. Every method raises StateError where the state cannot be used as it is.

    Shaped so that rows (SQLite, Postgres) and compare-and-swap over a snapshot (git, object stores) both fit:
    reads are by key, and a commit is a list of writes against the serial they were decided on.
    """

    @property
    def place(self) -> str:
        """Where it is, as shown to people."""

    @property
    def slow(self) -> bool:
        """Whether a commit takes a way over the network: then commits are few, and made beside the loop."""

    def load(self) -> State:
        """The header, the split entries, intents and unfinished earlier jobs."""

    def get(self, names: Iterable[str]) -> Mapping[str, Entry]:
        """Whole entries of those *names* that exist."""

    def names(self) -> Sequence[str]:
        """Names of all entries, sorted."""

    def past(self, digests: Iterable[str]) -> Mapping[str, Sequence[PastJob]]:
        """Earlier jobs by digest, newest first; digests without one are absent."""

    def past_of(self, name: str) -> Sequence[PastJob]:
        """Earlier jobs of one spec, newest first."""

    def history(self) -> Sequence[PastJob]:
        """All earlier jobs, newest first, those of forgotten specs too."""

    def held(self, job_ids: Iterable[str]) -> frozenset[str]:
        """Those of *job_ids* that an entry or an earlier job has: each job belongs to one spec at most."""

    def commit(self, writes: Sequence[Write], expect_serial: int | None) -> int:
        """Applies all *writes* or none, durably; returns the serial as it then is: one higher.

        Raises LockedError if the serial is no longer *expect_serial*. None is allowed for what was learned of jobs
        (JobStatus, JobSaved) alone, which changes no decision and leaves the serial as it is, as an empty list does.
        Among writes for one key the last wins; which key comes first does not matter, so that two names may swap
        their jobs. A job that ended stays ended, whatever status an older entry carries, and what was saved of it
        stays known.
        """

    def close(self) -> None: ...
