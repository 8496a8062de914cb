"""Entries, earlier jobs and intents as rows of values, and back again (see rows.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from sieve_jobs.spec.jobspec import Tags
from sieve_jobs.state.entry import Entry, Intent, PastJob, Saved, SavedFile
from sieve_jobs.state.rows import Row, Value, formatted, number, optional, text, time_of
from sieve_jobs.wire import Json, Status, format_time, parse_time

_ENCODER = json.JSONEncoder(separators=(",", ":"))

ENTRY_COLUMNS = (
    "name", "digest", "fingerprint", "parts", "tags", "variables", "function", "path", "line", "reason", "job_id",
    "run_id", "status", "pushed_at", "completed_at", "error", "git_commit", "reported", "orphaned", "lost", "protect",
    "save", "saved",
)  # fmt: skip
PAST_COLUMNS = (
    "job_id", "run_id", "name", "digest", "function", "status", "pushed_at", "completed_at", "error", "tags",
    "saved",
)  # fmt: skip
INTENT_COLUMNS = (
    "uuid", "name", "attempt", "at", "server_at", "first_at", "endpoint", "organization_id", "projection",
    "projection_hash", "draft", "confirmed_job",
)  # fmt: skip


def is_settled(entry: Entry) -> bool:
    """Whether a plan needs nothing of the entry but its name and fingerprint."""
    return entry.status is Status.FINISHED and not entry.orphaned and not entry.lost and not entry.is_to_save


def entry_row(entry: Entry) -> Row:
    return (
        entry.name, entry.digest, entry.fingerprint, _pack(entry.parts), _pack_tags(entry.tags),
        _pack(entry.variables), entry.function, entry.path, entry.line, entry.reason, entry.job_id, entry.run_id,
        entry.status.value, format_time(entry.pushed_at), formatted(entry.completed_at), entry.error, entry.commit,
        int(entry.reported), int(entry.orphaned), int(entry.lost), int(entry.protect),
        entry.save, _pack_saved(entry.saved),
    )  # fmt: skip


def entry_of(row: Sequence[Value]) -> Entry:
    """The entry of a row whose checksum was right. Raises ValueError, KeyError or TypeError for what is none."""
    (
        name, digest, fingerprint, parts, tags, variables, function, path, line, reason, job_id,
        run_id, status, pushed_at, completed_at, error, commit, reported, orphaned, lost,
        protect, save, saved,
    ) = row  # fmt: skip
    return Entry(
        name=text(name), digest=text(digest), fingerprint=text(fingerprint), parts=_object(parts),
        tags=_tags(tags), variables={key: value is True for key, value in _object(variables).items()},
        function=text(function), path=text(path), line=number(line), reason=text(reason), job_id=text(job_id),
        run_id=text(run_id), status=Status(text(status)), pushed_at=parse_time(text(pushed_at)),
        completed_at=time_of(completed_at), error=text(error), commit=optional(commit), reported=bool(reported),
        orphaned=bool(orphaned), lost=bool(lost), protect=bool(protect), save=text(save), saved=_saved(saved),
    )  # fmt: skip


def past_row(job: PastJob) -> Row:
    return (
        job.job_id, job.run_id, job.name, job.digest, job.function, job.status.value, format_time(job.pushed_at),
        formatted(job.completed_at), job.error, _pack_tags(job.tags), _pack_saved(job.saved),
    )  # fmt: skip


def past_of(row: Sequence[Value]) -> PastJob:
    """As entry_of, for an earlier job."""
    job_id, run_id, name, digest, function, status, pushed_at, completed_at, error, tags, saved = row
    return PastJob(
        job_id=text(job_id), run_id=text(run_id), name=text(name), digest=text(digest), function=text(function),
        status=Status(text(status)), pushed_at=parse_time(text(pushed_at)), completed_at=time_of(completed_at),
        error=text(error), tags=_tags(tags), saved=_saved(saved),
    )  # fmt: skip


def intent_row(intent: Intent) -> Row:
    draft = _pack(dict(zip(ENTRY_COLUMNS, entry_row(intent.draft), strict=True)))
    return (
        intent.uuid, intent.name, intent.attempt, format_time(intent.at), formatted(intent.server_at),
        format_time(intent.first_at), intent.endpoint, intent.organization_id, _pack(intent.projection),
        intent.projection_hash, draft, intent.confirmed_job,
    )  # fmt: skip


def intent_of(row: Sequence[Value]) -> Intent:
    """As entry_of, for an intent."""
    uuid, _, attempt, at, server_at, first_at, endpoint, organization, projection, projection_hash, draft, job = row
    columns = _object(draft)
    return Intent(
        uuid=text(uuid), attempt=number(attempt), at=parse_time(text(at)), server_at=time_of(server_at),
        first_at=parse_time(text(first_at)), endpoint=text(endpoint), organization_id=optional(organization),
        projection=_object(projection), projection_hash=text(projection_hash),
        draft=entry_of([cast("Value", columns[column]) for column in ENTRY_COLUMNS]), confirmed_job=optional(job),
    )  # fmt: skip


def _pack(value: Mapping[str, object]) -> str:
    return _ENCODER.encode(dict(value)) if value else "{}"


def _pack_tags(tags: Tags) -> str:
    return _pack({"key": tags.key, "env": dict(tags.env), "secrets": dict(tags.secrets), "webhooks": tags.webhooks})


def _tags(value: object) -> Tags:
    packed = _object(value)
    return Tags(
        key=text(packed["key"]), env=_texts(packed["env"]), secrets=_texts(packed["secrets"]),
        webhooks=text(packed["webhooks"]),
    )  # fmt: skip


def _pack_saved(saved: Saved | None) -> str | None:
    if saved is None:
        return None
    files = [[file.path, file.size, file.sha256] for file in saved.files]
    return _pack({"asked": saved.asked, "place": saved.place, "files": files, "complete": saved.complete})


def _saved(value: object) -> Saved | None:
    if value is None:
        return None
    packed = _object(value)
    files = packed["files"]
    if not isinstance(files, list):
        raise TypeError("not an array")
    return Saved(
        asked=text(packed["asked"]), place=text(packed["place"]), files=tuple(map(_saved_file, files)),
        complete=packed["complete"] is True,
    )  # fmt: skip


def _saved_file(value: object) -> SavedFile:
    if not isinstance(value, list):
        raise TypeError("not an array")
    path, size, sha256 = value
    return SavedFile(text(path), number(size), text(sha256))


def _object(value: object) -> dict[str, Json]:
    found = json.loads(text(value))
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return {str(key): text(item) for key, item in value.items()}
