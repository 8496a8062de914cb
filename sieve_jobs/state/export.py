"""A state as one JSON document, for `state list`, `state show` and `state export`; no secret, as in the state."""

from __future__ import annotations

from datetime import UTC, datetime

from sieve_jobs.spec.jobspec import Tags
from sieve_jobs.state.entry import Entry, Intent, PastJob, Saved
from sieve_jobs.state.store import Store
from sieve_jobs.wire import Json

FORMAT_VERSION = "1.0"


def export(store: Store) -> dict[str, Json]:
    """The whole state: header, entries by name, earlier jobs newest first, intents in order of their first attempt."""
    state = store.load()
    entries = store.get(store.names())
    header = state.header
    return {
        "format_version": FORMAT_VERSION,
        "lineage": header.lineage,
        "serial": header.serial,
        "endpoint": header.endpoint,
        "organization_id": header.organization_id,
        "written_at": time_text(header.written_at),
        "entries": [entry_document(entries[name]) for name in sorted(entries)],
        "past": [past_document(job) for job in store.history()],
        "intents": [intent_document(intent) for intent in state.intents],
    }


def entry_document(entry: Entry) -> dict[str, Json]:
    """One entry; keys are the fields of Entry."""
    return {
        "name": entry.name,
        "digest": entry.digest,
        "fingerprint": entry.fingerprint,
        "parts": dict(entry.parts),
        "tags": _tags(entry.tags),
        "variables": dict(entry.variables),
        "function": entry.function,
        "path": entry.path,
        "line": entry.line,
        "reason": entry.reason,
        "job_id": entry.job_id,
        "run_id": entry.run_id,
        "status": entry.status.value,
        "pushed_at": time_text(entry.pushed_at),
        "completed_at": time_text(entry.completed_at),
        "error": entry.error,
        "commit": entry.commit,
        "reported": entry.reported,
        "orphaned": entry.orphaned,
        "lost": entry.lost,
        "protect": entry.protect,
        "save": entry.save or None,
        "saved": saved_document(entry.saved),
    }


def past_document(job: PastJob) -> dict[str, Json]:
    """One earlier job; keys are the fields of PastJob."""
    return {
        "job_id": job.job_id,
        "run_id": job.run_id,
        "name": job.name,
        "digest": job.digest,
        "function": job.function,
        "status": job.status.value,
        "pushed_at": time_text(job.pushed_at),
        "completed_at": time_text(job.completed_at),
        "error": job.error,
        "tags": _tags(job.tags),
        "saved": saved_document(job.saved),
    }


def intent_document(intent: Intent) -> dict[str, Json]:
    """One intent; keys are the fields of Intent."""
    return {
        "uuid": intent.uuid,
        "name": intent.name,
        "attempt": intent.attempt,
        "at": time_text(intent.at),
        "server_at": time_text(intent.server_at),
        "first_at": time_text(intent.first_at),
        "endpoint": intent.endpoint,
        "organization_id": intent.organization_id,
        "projection": dict(intent.projection),
        "projection_hash": intent.projection_hash,
        "draft": entry_document(intent.draft),
        "confirmed_job": intent.confirmed_job,
    }


def saved_document(saved: Saved | None) -> Json:
    """What was saved of a job; keys are the fields of Saved and SavedFile."""
    if saved is None:
        return None
    files: list[Json] = [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in saved.files]
    return {"asked": saved.asked, "place": saved.place, "files": files, "complete": saved.complete}


def _tags(tags: Tags) -> dict[str, Json]:
    return {"key": tags.key, "env": dict(tags.env), "secrets": dict(tags.secrets), "webhooks": tags.webhooks}


def time_text(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the microsecond."""
    return None if at is None else at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
