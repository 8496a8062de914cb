"""The writes of one commit folded into what each row shall be in the end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sieve_jobs.state.entry import Entry, Intent, PastJob, Saved
from sieve_jobs.state.writes import (
    ClearIntent,
    DropEntry,
    DropPast,
    JobSaved,
    JobStatus,
    Learned,
    Pin,
    PutEntry,
    PutIntent,
    PutPast,
    Restore,
    Write,
)


@dataclass(slots=True)
class Batch:
    """What a commit leaves by key; None removes. The last write of a key wins, and order matters no further."""

    entries: dict[str, Entry | None] = field(default_factory=dict)
    past: dict[str, PastJob | None] = field(default_factory=dict)
    intents: dict[str, Intent | None] = field(default_factory=dict)
    endpoint: str | None = None
    organization_id: str | None = None
    restore: Restore | None = None
    learned: list[Learned] = field(default_factory=list)
    decides: bool = False
    """Whether there is anything but what was learned of jobs: what rests on a plan and needs a serial."""

    @property
    def begins_a_push(self) -> bool:
        return any(intent is not None for intent in self.intents.values())

    @property
    def records(self) -> bool:
        """Whether it holds what cannot be learned again at no cost: what became of a push, or of a job."""
        return bool(self.entries or self.past or self.learned) or None in self.intents.values()


def fold(writes: Iterable[Write]) -> Batch:
    """All *writes* as one batch."""
    batch = Batch()
    for write in writes:
        match write:
            case JobStatus() | JobSaved():
                batch.learned.append(write)
                continue
            case PutEntry(entry):
                batch.entries[entry.name] = entry
            case DropEntry(name):
                batch.entries[name] = None
            case PutPast(job):
                batch.past[job.job_id] = job
            case DropPast(job_id):
                batch.past[job_id] = None
            case PutIntent(intent):
                batch.intents[intent.uuid] = intent
            case ClearIntent(uuid):
                batch.intents[uuid] = None
            case Pin(endpoint, organization_id):
                batch.endpoint = endpoint if endpoint is not None else batch.endpoint
                batch.organization_id = organization_id if organization_id is not None else batch.organization_id
            case Restore():
                batch.restore = write
        batch.decides = True
    return batch


def ended(entries: Iterable[Entry], past: Sequence[PastJob]) -> Mapping[str, PastJob]:
    """Of jobs as they were, those that had ended, by id."""
    jobs = [*(entry.past() for entry in entries), *past]
    return {job.job_id: job for job in jobs if job.status.is_final}


def keep_end_of_entry(entry: Entry, before: Mapping[str, PastJob]) -> Entry:
    """*entry*, but a job that ended *before* stays ended, and what was saved of it stays known.

    Both were learned after the entry was read.
    """
    end = before.get(entry.job_id)
    if end is not None and entry.saved is None and end.saved is not None:
        entry = replace(entry, saved=end.saved)
    if end is None or entry.status.is_final:
        return entry
    return replace(entry, status=end.status, run_id=end.run_id, completed_at=end.completed_at, error=end.error)


def keep_end_of_job(job: PastJob, before: Mapping[str, PastJob]) -> PastJob:
    """As keep_end_of_entry, for an earlier job."""
    end = before.get(job.job_id)
    if end is not None and job.saved is None and end.saved is not None:
        job = replace(job, saved=end.saved)
    if end is None or job.status.is_final:
        return job
    return replace(job, status=end.status, run_id=end.run_id, completed_at=end.completed_at, error=end.error)


def entry_with(entry: Entry, said: Learned) -> Entry:
    """*entry* with what was learned of its job; the same object if that changes nothing.

    A job that ended keeps its end and can only be marked as reported. One that answers again is not lost any more,
    and what was reported of its loss does not count for its end.
    """
    if isinstance(said, JobSaved):
        saved = _saved_with(entry.saved, said.saved, wanted=entry.save)
        return entry if saved == entry.saved else replace(entry, saved=saved)
    if entry.status.is_final:
        return replace(entry, reported=True) if said.reported and not entry.reported else entry
    found_again = entry.lost and not said.lost
    after = replace(
        entry,
        status=said.status,
        run_id=said.run_id or entry.run_id,
        error=said.error or entry.error,
        completed_at=said.completed_at or entry.completed_at,
        lost=said.lost,
        reported=said.reported or (entry.reported and not found_again),
    )
    return entry if after == entry else after


def _saved_with(known: Saved | None, said: Saved, *, wanted: str = "") -> Saved:
    """What is known to be saved of a job: what was said last, unless that is worth less than what was *known*.

    It is where it follows a pattern that is no longer *wanted*, and where another folder only begins to save.
    """
    if known is None:
        return said
    if known.asked != said.asked:
        return known if known.asked == wanted else said
    return known if known.complete and not said.complete and known.place != said.place else said


def job_with(job: PastJob, said: Learned) -> PastJob:
    """As entry_with, for an earlier job."""
    if isinstance(said, JobSaved):
        saved = _saved_with(job.saved, said.saved)
        return job if saved == job.saved else replace(job, saved=saved)
    if job.status.is_final:
        return job
    after = replace(
        job,
        status=said.status,
        run_id=said.run_id or job.run_id,
        error=said.error or job.error,
        completed_at=said.completed_at or job.completed_at,
    )
    return job if after == job else after
