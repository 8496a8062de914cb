"""The nouns of a state: entries, earlier jobs and intents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sieve_jobs.config.stand_ins import StandIn
from sieve_jobs.spec.jobspec import Tags
from sieve_jobs.wire import Json, Status


@dataclass(frozen=True, slots=True)
class SavedFile:
    """An output as it was saved. *path* is from the project's root, *size* is bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A job's outputs, as they were saved."""

    asked: str
    """The pattern they were saved under: what the entry's `save` said then."""
    place: str
    """Id of the project folder that has them: another one's disk tells nothing of what is missing here."""
    files: tuple[SavedFile, ...] = ()
    complete: bool = True
    """False before all of them lie where they should, and once they must be looked at again."""


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
    save: str = ""
    """Where the spec wants the outputs, as a pattern of a path (see spec/save.py); empty: nowhere."""
    saved: Saved | None = None

    @property
    def stand_in(self) -> StandIn | None:
        """*function*, where it ran in place of the one that the spec asked for."""
        asked = self.parts.get("stands_in_for")
        return StandIn(self.function, asked) if isinstance(asked, str) else None

    @property
    def is_to_save(self) -> bool:
        """Whether the job finished and its outputs are not recorded to lie where the spec wants them."""
        wanted = self.save and self.status is Status.FINISHED and not (self.lost or self.orphaned)
        return bool(wanted) and (self.saved is None or not self.saved.complete or self.saved.asked != self.save)

    def past(self) -> PastJob:
        """This entry's job as an earlier job."""
        return PastJob(
            job_id=self.job_id, run_id=self.run_id, name=self.name, digest=self.digest, function=self.function,
            status=self.status, pushed_at=self.pushed_at, completed_at=self.completed_at, error=self.error,
            tags=self.tags, saved=self.saved,
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
    saved: Saved | None = None


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
    """The job's id where an answer broke off, or could not be read, after it had named the job."""

    @property
    def name(self) -> str:
        return self.draft.name
