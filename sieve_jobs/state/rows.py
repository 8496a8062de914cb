"""Entries, earlier jobs, intents and the header as rows of values, each with a checksum, and back again.

A checksum finds what a disk or a careless copy did to a row; it is no defence against someone who means it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias, cast

from sieve_jobs.spec.jobspec import Tags
from sieve_jobs.state.entry import Entry, Header, Intent, PastJob
from sieve_jobs.state.problems import RowError
from sieve_jobs.wire import Json, Status, format_time, parse_time

Value: TypeAlias = "str | int | None"
Row: TypeAlias = tuple[Value, ...]
Stored: TypeAlias = "str | int | bytes | None"
"""As SQLite holds it: text with lone surrogates (a path that is not UTF-8) is a blob, since SQLite's text is UTF-8."""

ENTRY_COLUMNS = (
    "name", "digest", "fingerprint", "parts", "tags", "variables", "function", "path", "line", "reason", "job_id",
    "run_id", "status", "pushed_at", "completed_at", "error", "git_commit", "reported", "orphaned", "lost", "protect",
)  # fmt: skip
PAST_COLUMNS = (
    "job_id", "run_id", "name", "digest", "function", "status", "pushed_at", "completed_at", "error", "tags",
)  # fmt: skip
INTENT_COLUMNS = (
    "uuid", "name", "attempt", "at", "server_at", "first_at", "endpoint", "organization_id", "projection",
    "projection_hash", "draft", "confirmed_job",
)  # fmt: skip
HEADER_COLUMNS = (
    "lineage", "serial", "endpoint", "organization_id", "written_at", "tool",
    "settled_sum", "open_sum", "superseded_sum", "intents_sum",
)  # fmt: skip


class Sums(NamedTuple):
    """Checksums added up over the rows that every load reads: a row that is missing or doubled shows."""

    settled: int = 0
    """Over the shards of the settled entries."""
    open: int = 0
    """Over the entries that are not settled."""
    superseded: int = 0
    """Over the earlier jobs that have not ended."""
    intents: int = 0


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """The header as stored: what people know of it, and what the store needs to trust its rows."""

    header: Header
    tool: str
    """Version of sieve-jobs that wrote last; stays readable in every schema version."""
    sums: Sums


def is_settled(entry: Entry) -> bool:
    """Whether a plan needs nothing of the entry but its name and fingerprint."""
    return entry.status is Status.FINISHED and not entry.orphaned and not entry.lost


def entry_row(entry: Entry) -> Row:
    return (
        entry.name, entry.digest, entry.fingerprint, _pack(entry.parts), _pack_tags(entry.tags),
        _pack(entry.variables), entry.function, entry.path, entry.line, entry.reason, entry.job_id, entry.run_id,
        entry.status.value, format_time(entry.pushed_at), _format(entry.completed_at), entry.error, entry.commit,
        int(entry.reported), int(entry.orphaned), int(entry.lost), int(entry.protect),
    )  # fmt: skip


def entry_of(row: Sequence[Value]) -> Entry:
    """The entry of a row whose checksum was right. Raises ValueError, KeyError or TypeError for what is none."""
    (
        name, digest, fingerprint, parts, tags, variables, function, path, line, reason, job_id,
        run_id, status, pushed_at, completed_at, error, commit, reported, orphaned, lost,
        protect,
    ) = row  # fmt: skip
    return Entry(
        name=_text(name), digest=_text(digest), fingerprint=_text(fingerprint), parts=_object(parts),
        tags=_tags(tags), variables={key: value is True for key, value in _object(variables).items()},
        function=_text(function), path=_text(path), line=_number(line), reason=_text(reason), job_id=_text(job_id),
        run_id=_text(run_id), status=Status(_text(status)), pushed_at=parse_time(_text(pushed_at)),
        completed_at=_time(completed_at), error=_text(error), commit=_optional(commit), reported=bool(reported),
        orphaned=bool(orphaned), lost=bool(lost), protect=bool(protect),
    )  # fmt: skip


def past_row(job: PastJob) -> Row:
    return (
        job.job_id, job.run_id, job.name, job.digest, job.function, job.status.value, format_time(job.pushed_at),
        _format(job.completed_at), job.error, _pack_tags(job.tags),
    )  # fmt: skip


def past_of(row: Sequence[Value]) -> PastJob:
    """As entry_of, for an earlier job."""
    job_id, run_id, name, digest, function, status, pushed_at, completed_at, error, tags = row
    return PastJob(
        job_id=_text(job_id), run_id=_text(run_id), name=_text(name), digest=_text(digest), function=_text(function),
        status=Status(_text(status)), pushed_at=parse_time(_text(pushed_at)), completed_at=_time(completed_at),
        error=_text(error), tags=_tags(tags),
    )  # fmt: skip


def intent_row(intent: Intent) -> Row:
    draft = _pack(dict(zip(ENTRY_COLUMNS, entry_row(intent.draft), strict=True)))
    return (
        intent.uuid, intent.name, intent.attempt, format_time(intent.at), _format(intent.server_at),
        format_time(intent.first_at), intent.endpoint, intent.organization_id, _pack(intent.projection),
        intent.projection_hash, draft, intent.confirmed_job,
    )  # fmt: skip


def intent_of(row: Sequence[Value]) -> Intent:
    """As entry_of, for an intent."""
    uuid, _, attempt, at, server_at, first_at, endpoint, organization, projection, projection_hash, draft, job = row
    columns = _object(draft)
    return Intent(
        uuid=_text(uuid), attempt=_number(attempt), at=parse_time(_text(at)), server_at=_time(server_at),
        first_at=parse_time(_text(first_at)), endpoint=_text(endpoint), organization_id=_optional(organization),
        projection=_object(projection), projection_hash=_text(projection_hash),
        draft=entry_of([cast("Value", columns[column]) for column in ENTRY_COLUMNS]), confirmed_job=_optional(job),
    )  # fmt: skip


def header_row(row: HeaderRow) -> Row:
    header = row.header
    return (
        header.lineage, header.serial, header.endpoint, header.organization_id,
        _format(header.written_at), row.tool, *row.sums,
    )  # fmt: skip


def header_of(row: Sequence[Value]) -> HeaderRow:
    """As entry_of, for the header."""
    lineage, serial, endpoint, organization, written_at, tool, *sums = row
    header = Header(
        lineage=_text(lineage), serial=_number(serial), endpoint=_optional(endpoint),
        organization_id=_optional(organization), written_at=_time(written_at),
    )  # fmt: skip
    return HeaderRow(header, _text(tool), Sums(*map(_number, sums)))


def checksum(row: Row) -> int:
    """CRC-32 over all values of a row."""
    text = "\x1f".join(["\x00" if value is None else str(value) for value in row])
    return zlib.crc32(text.encode(errors="surrogatepass"))


def stored(row: Row) -> tuple[Stored, ...]:
    """A row as SQLite takes it."""
    return tuple([_store(value) for value in row])


def restored(values: Iterable[Stored]) -> Row:
    """A row as it was given to `stored`. Raises RowError for what no row holds."""
    return tuple([_restore(value) for value in values])


def verified(values: Sequence[Stored]) -> Row:
    """A row read together with its checksum as last value, without it. Raises RowError if it is not as written."""
    row = restored(values[:-1])
    if values[-1] != checksum(row):
        raise RowError("a row does not match its checksum")
    return row


def _store(value: Value) -> Stored:
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode(errors="surrogatepass")
    return value


def _restore(value: Stored) -> Value:
    if isinstance(value, bytes):
        try:
            return value.decode(errors="surrogatepass")
        except UnicodeDecodeError as error:
            raise RowError("a text is not readable") from error
    if isinstance(value, float):
        raise RowError("a number has the wrong type")
    return value


def _pack(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value), separators=(",", ":"))


def _pack_tags(tags: Tags) -> str:
    return _pack({"key": tags.key, "env": dict(tags.env), "secrets": dict(tags.secrets), "webhooks": tags.webhooks})


def _tags(value: object) -> Tags:
    packed = _object(value)
    return Tags(
        key=_text(packed["key"]), env=_texts(packed["env"]), secrets=_texts(packed["secrets"]),
        webhooks=_text(packed["webhooks"]),
    )  # fmt: skip


def _object(value: object) -> dict[str, Json]:
    found = json.loads(_text(value))
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return {str(key): _text(item) for key, item in value.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _optional(value: object) -> str | None:
    return None if value is None else _text(value)


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("not a number")
    return value


def _format(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)


def _time(value: object) -> datetime | None:
    return None if value is None else parse_time(_text(value))
