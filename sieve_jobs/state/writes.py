"""The writes that change a state: what a commit is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sieve_jobs.state.entry import Entry, Intent, PastJob, Saved
from sieve_jobs.wire import Status


@dataclass(frozen=True, slots=True)
class PutEntry:
    """Inserts or replaces the entry of that name. What it held before is gone unless put as PutPast."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class DropEntry:
    name: str


@dataclass(frozen=True, slots=True)
class PutPast:
    """Remembers an earlier job, by its id."""

    job: PastJob


@dataclass(frozen=True, slots=True)
class DropPast:
    """Forgets an earlier job: an entry holds it again."""

    job_id: str


@dataclass(frozen=True, slots=True)
class PutIntent:
    intent: Intent


@dataclass(frozen=True, slots=True)
class ClearIntent:
    uuid: str


@dataclass(frozen=True, slots=True)
class Pin:
    """Pins the far side's endpoint and organisation; None leaves what is there."""

    endpoint: str | None
    organization_id: str | None


@dataclass(frozen=True, slots=True)
class Restore:
    """Empties the state first: the other writes of the commit are all that it holds then.

    It gets this *lineage*, and a serial above both this one and its own.
    """

    lineage: str
    serial: int


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What the far side says of a job now, for the entry or earlier job of that id.

    Monotone: never changes a job that already ended, never touches one that is not there. Needs no lock and no
    serial: it neither looks at the serial nor raises it.
    """

    job_id: str
    status: Status
    run_id: str | None = None
    error: str = ""
    completed_at: datetime | None = None
    reported: bool = False
    """Also marks the entry as reported: this run has said the bad end, or the loss. False leaves what is there."""
    lost: bool = False
    """Marks the entry as lost: the far side answered 404. False: it answered, so the entry is not lost (any more)."""


@dataclass(frozen=True, slots=True)
class JobSaved:
    """What was saved of a job's outputs, for the entry or earlier job of that id. The last one holds.

    But that another folder begins to save them takes nothing back, nor does a pattern that the entry asks for no more.
    Like JobStatus it needs no lock and no serial: a job's outputs are the same for everyone who saves them.
    """

    job_id: str
    saved: Saved


Learned: TypeAlias = JobStatus | JobSaved
"""Writes about jobs that exist: they change no decision, and neither look at the serial nor raise it."""

Write: TypeAlias = PutEntry | DropEntry | PutPast | DropPast | PutIntent | ClearIntent | Pin | Restore | Learned
