"""Sieve's HTTP protocol as types: routes, names, times, and strict parsers for what comes back.

Everything known of the far side stands here and in docs/sieve.md. Parsers take decoded JSON and raise
WireError for a body that does not have the documented shape. Source: Sieve's openapi.json, 2025-06-16.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"

PUSH = "/v2/push"
JOBS = "/v2/jobs"
FUNCTIONS = "/v2/functions"
LOGS = "/v2/logs"

KEY_HEADER = "X-API-Key"
IDEMPOTENCY_HEADER = "Idempotency-Key"
ENGINE_HEADER = "Sieve-Jobs-Engine"
"""Present, with value 1, in every answer of our engine; Sieve does not send it."""
APPLIED_HEADER = "X-Sieve-Jobs-Applied"
"""`no` on a refusal of our engine that is sure to have created nothing."""

PAGE_LIMIT = 500
"""Jobs in one page of GET /v2/jobs, the documented default and our largest request."""


class WireError(ValueError):
    """A body that is not what the protocol says."""


class Status(StrEnum):
    """The five statuses of a job. `completed`, `failed` and `running` do not exist on this wire."""

    QUEUED = "queued"
    PROCESSING = "processing"
    FINISHED = "finished"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({Status.FINISHED, Status.ERROR, Status.CANCELLED})

NEXT: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.PROCESSING, Status.ERROR, Status.CANCELLED}),
    Status.PROCESSING: frozenset({Status.FINISHED, Status.ERROR, Status.CANCELLED, Status.QUEUED}),
    Status.FINISHED: frozenset(),
    Status.ERROR: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""Which status may follow which; processing goes back to queued when its worker died."""


class Event(StrEnum):
    """Webhook event types; the last two are legacy and differ in their bodies."""

    START = "job.start"
    COMPLETE = "job.complete"
    COMPLETE_NO_OUTPUT = "job.complete.no_output"
    NEW_OUTPUT = "job.new_output"
    LEGACY_START = "job_start"
    LEGACY_COMPLETE = "job_complete"


def format_time(at: datetime) -> str:
    """Wire form of an aware instant: naive UTC with six digits, `2024-12-15T01:41:59.195000`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime:
    """Aware UTC instant of a wire time; a zone, where one is given, is honoured. Raises WireError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise WireError(f"not a time: {text!r}") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class PushResponse(NamedTuple):
    """Answer of POST /v2/push: the job now exists."""

    id: str
    run_id: str
    status: Status
    organization_id: str | None = None
    model_id: str | None = None
    stream_output: bool = False


class Job(NamedTuple):
    """A job as GET /v2/jobs/{id} tells it. Env and webhooks are never echoed by the far side."""

    id: str
    status: Status
    function: str | None
    """`owner/name`, None where the far side left it out."""
    function_id: str
    """Version id, possibly only its first seven characters."""
    organization_id: str
    run_id: str
    created_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    error: str
    """Empty when there is none; on failure the whole traceback."""
    inputs: Mapping[str, Json]
    """Parameter name to an InputOutput object, expanded with defaults."""
    outputs: tuple[Mapping[str, Json], ...]
    """InputOutput objects, one level of nesting flattened."""


class JobPage(NamedTuple):
    """One page of GET /v2/jobs. *next_offset* is -1 on the last."""

    jobs: tuple[Job, ...]
    next_offset: int


class LogLine(NamedTuple):
    """One line a job printed. *at* is nanoseconds since the epoch."""

    at: int
    message: str
    stage: str


class Parameter(NamedTuple):
    """An input that a function takes."""

    name: str
    type: str
    """As the far side names it: `sieve.File`, `int`, `any`."""
    is_optional: bool = False
    default: Json = None
    """Of an optional one."""


class Function(NamedTuple):
    """A function as GET /v2/functions/{owner}/{name} tells it."""

    parameters: tuple[Parameter, ...] | None
    """Of its latest version, in order; None where there is none."""
    streams: bool = False
    """Every yield is an output."""
    examples: tuple[str, ...] = ()
    """Ids of jobs that show what it does."""


def parse_push(body: Json) -> PushResponse:
    """Parses a 200 of POST /v2/push. Only the id and a known status are indispensable. Raises WireError."""
    fields = _object(body)
    return PushResponse(
        id=_text(fields, "id"),
        run_id=_optional_text(fields, "run_id") or "",
        status=_status(fields),
        organization_id=_optional_text(fields, "organization_id"),
        model_id=_optional_text(fields, "model_id"),
        stream_output=fields.get("stream_output") is True,
    )


def parse_job(body: Json) -> Job:
    """Parses a Job object. Missing optional keys take the documented defaults. Raises WireError."""
    fields = _object(body)
    function = fields.get("function")
    name = None
    if isinstance(function, dict):
        name = f"{function.get('owner_name')}/{function.get('name')}"
    inputs = fields.get("inputs")
    return Job(
        id=_text(fields, "id"),
        status=_status(fields),
        function=name,
        function_id=_optional_text(fields, "function_id") or "",
        organization_id=_optional_text(fields, "organization_id") or "",
        run_id=_optional_text(fields, "run_id") or "",
        created_at=_time(fields, "created_at"),
        started_at=_time(fields, "started_at"),
        completed_at=_time(fields, "completed_at"),
        error=_optional_text(fields, "error") or "",
        inputs=inputs if isinstance(inputs, dict) else {},
        outputs=_outputs(fields.get("outputs")),
    )


def parse_function(body: Json) -> Function:
    """Parses a FunctionApp. What it leaves out is not known. Raises WireError."""
    fields = _object(body)
    version, examples = fields.get("latest_version"), fields.get("examples")
    found = version if isinstance(version, dict) else {}
    inputs = found.get("inputs")
    return Function(
        parameters=tuple(map(parse_parameter, inputs)) if isinstance(inputs, list) else None,
        streams=found.get("stream_output") is True,
        examples=tuple(item for item in examples if isinstance(item, str)) if isinstance(examples, list) else (),
    )


def parse_parameter(body: Json) -> Parameter:
    """Parses an InputOutput object that describes an input. Raises WireError."""
    fields = _object(body)
    is_optional = fields.get("is_optional") is True
    return Parameter(
        name=_text(fields, "name"), type=_optional_text(fields, "type") or "any", is_optional=is_optional,
        default=fields.get("data") if is_optional else None,
    )  # fmt: skip


def parse_page(body: Json) -> JobPage:
    """Parses a page of GET /v2/jobs. Raises WireError."""
    fields = _object(body)
    rows = fields.get("data")
    if not isinstance(rows, list):
        raise WireError("'data' is not an array")
    offset = fields.get("next_offset", -1)
    if not isinstance(offset, int) or isinstance(offset, bool):
        raise WireError("'next_offset' is not an integer")
    return JobPage(tuple(parse_job(row) for row in rows), offset)


def parse_logs(body: Json) -> tuple[tuple[LogLine, ...], int]:
    """Lines of GET /v2/logs in order of time, and the `start_time` of the next call. Raises WireError."""
    fields = _object(body)
    groups = fields.get("data")
    if not isinstance(groups, list):
        raise WireError("'data' is not an array")
    lines: list[LogLine] = []
    for group in groups:
        entry = _object(group)
        labels = entry.get("labels")
        stage = labels.get("stage") if isinstance(labels, dict) else None
        rows = entry.get("logs")
        for row in rows if isinstance(rows, list) else []:
            line = _object(row)
            stamp = _text(line, "timestamp")
            if not stamp.isdigit():
                raise WireError("'timestamp' is not a number of nanoseconds")
            lines.append(LogLine(int(stamp), _text(line, "message"), str(stage or "run")))
    following = fields.get("next_start_time")
    if not isinstance(following, int):
        raise WireError("'next_start_time' is not an integer")
    return tuple(sorted(lines, key=lambda line: line.at)), following


def parse_detail(body: Json) -> str | None:
    """The far side's reason in an error body: `detail` as text, a 422's list joined; None if there is none."""
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, str):
        return detail
    if isinstance(detail, list):
        parts = []
        for item in detail:
            if isinstance(item, dict):
                where = item.get("loc")
                path = ".".join(str(step) for step in where) if isinstance(where, list) else "body"
                parts.append(f"{path}: {item.get('msg')}")
        return "; ".join(parts) or None
    return None


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise WireError("not a JSON object")
    return value


def _text(fields: Mapping[str, Json], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise WireError(f"'{key}' is missing or not a string")
    return value


def _optional_text(fields: Mapping[str, Json], key: str) -> str | None:
    value = fields.get(key)
    if value is not None and not isinstance(value, str):
        raise WireError(f"'{key}' is not a string")
    return value


def _status(fields: Mapping[str, Json]) -> Status:
    try:
        return Status(_text(fields, "status"))
    except ValueError as error:
        raise WireError("'status' is none of the five") from error


def _time(fields: Mapping[str, Json], key: str) -> datetime | None:
    text = _optional_text(fields, key)
    return parse_time(text) if text else None


def _outputs(value: Json) -> tuple[Mapping[str, Json], ...]:
    rows = value if isinstance(value, list) else []
    nested = (item if isinstance(item, list) else [item] for item in rows)
    return tuple(output for items in nested for output in items if isinstance(output, dict))
