"""The nouns of a state: entries, earlier jobs, intents, the header, and the writes that change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from sieve_jobs.spec.jobspec import Tags
from sieve_jobs.wire import Json, Status


@dataclass(frozen=True, slots=True)
class Entry:
    """What the state knows of a spec: what was asked for, and the job that answers it."""

    name: str
    digest: str
    fingerprint: str
    parts: Mapping[str, Json]
    """What was hashed, by part; holds no secret and no masked value."""
    tags: Tags
    variables: Mapping[str, bool]
    """Variables the spec read, and which of them counted as secret then."""
    function: str
    """As pushed: `author/name[:version]`, or an id."""
    path: str
    line: int
    reason: str
    """Why it was pushed: a value of plan.Reason."""
    job_id: str
    run_id: str
    status: Status
    pushed_at: datetime
    completed_at: datetime | None = None
    error: str = ""
    """The far side's text for a job that ended badly; control characters as they came."""
    commit: str | None = None
    """Git commit of the tree it was pushed from, where there was one."""
    reported: bool = False
    """A bad end, or a lost job, was said by a run (exit 4 or 5); later runs give a notice."""
    orphaned: bool = False
    """The spec was removed, and a run has said so."""
    lost: bool = False
    """The far side answered 404 for the job before it was known to have finished."""
    protect: bool = False
    """The spec was protected when it was last seen: pruning keeps the entry."""

    def past(self) -> PastJob:
        """This entry's job as an earlier job."""
        return PastJob(
            job_id=self.job_id, run_id=self.run_id, name=self.name, digest=self.digest, function=self.function,
            status=self.status, pushed_at=self.pushed_at, completed_at=self.completed_at, error=self.error,
            tags=self.tags,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PastJob:
    """A job that an entry held before: found again by its digest when a change is taken back."""

    job_id: str
    run_id: str
    name: str
    digest: str
    function: str
    status: Status
    pushed_at: datetime
    completed_at: datetime | None = None
    error: str = ""
    tags: Tags = field(default_factory=Tags)
    """Of the values it ran with: an env value that is not in the digest must be equal for it to be used again."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A push that was decided, durable before its first byte is sent, gone once its outcome is known.

    An intent that a run finds and did not write itself is in doubt: its push may have arrived.
    """

    uuid: str
    """The Idempotency-Key, the same over all attempts and machines."""
    attempt: int
    """From 1. Above 1 an earlier attempt went unanswered, so that a refusal no longer proves anything."""
    at: datetime
    """When this attempt was made durable, by this machine's clock."""
    server_at: datetime | None
    """The far side's clock (`Date`) as last seen before this attempt; None before the first answer."""
    first_at: datetime
    """When the first attempt was made durable: the listing goes back to here."""
    endpoint: str
    organization_id: str | None
    projection: Mapping[str, Json]
    """What the far side's list can be compared with (see push/projection.py); secrets as tags."""
    projection_hash: str
    """Pushes with equal hashes cannot be told apart in a listing."""
    draft: Entry
    """The entry to record; job_id and run_id empty, status queued."""
    confirmed_job: str | None = None
    """The job's id where an answer named it but nothing more could be recorded."""

    @property
    def name(self) -> str:
        return self.draft.name


@dataclass(frozen=True, slots=True)
class Header:
    """Facts of a state as a whole."""

    lineage: str
    """Random, made with the state: two states with unlike lineages are unlike states."""
    serial: int
    """Rises by one a commit."""
    endpoint: str | None = None
    """Pinned by the first push."""
    organization_id: str | None = None
    """Pinned by the first push; a key of another organisation is refused."""
    written_at: datetime | None = None
    """Time of the last commit: how old this knowledge is."""


@dataclass(frozen=True, slots=True)
class State:
    """A state as loaded. Split so that an unchanged plan reads two short columns of nearly all rows."""

    header: Header
    settled: Mapping[str, str] = field(default_factory=dict)
    """name to fingerprint of every entry whose job finished and whose spec was there at the last run."""
    open: Mapping[str, Entry] = field(default_factory=dict)
    """Every other entry, whole: running, ended badly, lost, orphaned."""
    intents: tuple[Intent, ...] = ()
    superseded: tuple[PastJob, ...] = ()
    """Earlier jobs that were not known to have ended: they are followed too."""

    @property
    def is_empty(self) -> bool:
        return not (self.settled or self.open or self.intents)


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
class JobStatus:
    """What the far side says of a job now, for the entry or earlier job of that id.

    Monotone: never changes a job that already ended, never touches one that is not there. The only write
    that needs no lock and no serial: it neither looks at the serial nor raises it.
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


Write: TypeAlias = PutEntry | DropEntry | PutPast | DropPast | PutIntent | ClearIntent | Pin | JobStatus
