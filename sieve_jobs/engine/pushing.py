"""POST /v2/push: a request body to a queued job, at most once for each Idempotency-Key."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sieve_jobs.engine import body, edits, jobs, query
from sieve_jobs.engine.admission import push_refusal
from sieve_jobs.engine.answers import FUNCTION_NOT_FOUND, Refusal, answer_text, nothing_applied
from sieve_jobs.engine.catalog import Function
from sieve_jobs.engine.children import FamilyError, depth_below
from sieve_jobs.engine.ends import new_run_id
from sieve_jobs.engine.engine import Engine, declared_env
from sieve_jobs.engine.guard import ASKING_RUN
from sieve_jobs.engine.machine import disk_space
from sieve_jobs.engine.present import json_text
from sieve_jobs.engine.records import NewJob, Remembered, Waiting
from sieve_jobs.engine.settings import Settings
from sieve_jobs.wire import IDEMPOTENCY_HEADER, Json, Status

REPLAYED_HEADER = "Idempotent-Replayed"
_KEY_LENGTH = 255
_NOT_JSON = "The request body must be JSON."
_TOO_LARGE = "Input/Output too large, must be less than {} MB"
_KEY_REUSED = "This Idempotency-Key was used with another request body."
_KEY_IN_FLIGHT = "A request with this Idempotency-Key is in flight."


async def push(request: Request, engine: Engine) -> Response:
    """Answers after the job is on the disk. Raises Refusal."""
    content = await read_body(request, engine.settings)
    try:
        asked_with = request.query_params if request.scope["query_string"] else {}
        source = query.choice(asked_with, "source", body.SOURCES)
    except ValueError as error:
        raise nothing_applied(422, [body.problem(("query", "source"), str(error), "enum")]) from error
    try:
        sent = body.read_json(content, engine.settings.depth_limit)
        asked = body.parse_push(sent)
    except body.NotJsonError as error:
        raise nothing_applied(406, f"{_NOT_JSON} {error}") from error
    except body.InvalidError as error:
        raise nothing_applied(422, error.detail) from error
    except body.RefusedError as error:
        raise nothing_applied(error.status, str(error)) from error
    run = request.scope.get(ASKING_RUN)
    if run is not None:  # whatever it says of its parent
        asked = replace(asked, parent=run.job_id)
    key = _idempotency_key(request)
    if key is None:
        return answer_text(await _create(engine, asked, source, None))
    if key in engine.pushing:
        raise Refusal(409, _KEY_IN_FLIGHT, {"Retry-After": "1"})
    fingerprint = engine.fingerprint(source, sent)
    earlier = engine.store.read(lambda db: jobs.recall(db, key))
    if earlier is not None:
        if earlier.fingerprint != fingerprint:
            raise Refusal(422, [body.problem(("header", IDEMPOTENCY_HEADER), _KEY_REUSED, "value_error")])
        return answer_text(earlier.answer, headers={REPLAYED_HEADER: "true"})
    engine.pushing.add(key)
    try:
        return answer_text(await _create(engine, asked, source, (key, fingerprint)))
    finally:
        engine.pushing.discard(key)


async def _create(engine: Engine, asked: body.PushRequest, source: str, once: tuple[str, str] | None) -> str:
    """Queues the job and returns the answer's body. *once* is the Idempotency-Key and the body's fingerprint."""
    began = time.perf_counter()
    found = engine.catalog.find(asked.function, asked.id)
    if found is None:
        raise nothing_applied(404, FUNCTION_NOT_FOUND)
    _require_env(engine, found.function, asked.env)
    _require_room(engine, found.function)
    job_id = str(uuid.uuid4())
    function = found.function
    hooks = asked.hooks
    if hooks is None:
        hooks = engine.store.read(lambda db: edits.hooks_of(db, function.owner, function.name))
    job = NewJob(
        id=job_id,
        run_id=new_run_id(job_id),
        function_id=function.id,
        owner=function.owner,
        name=function.name,
        pinned=found.pinned,
        inputs=asked.inputs,
        env=asked.env,
        hooks=tuple(replace(hook, shape=hook.shape or engine.settings.hook_shape) for hook in hooks),
        source=source,
    )
    text = json_text(_answer_body(job, function, engine.organization_id))

    def change(db: sqlite3.Connection) -> tuple[int, int]:
        now = datetime.now(UTC)
        depth = depth_below(db, asked.parent) if asked.parent else None
        placed = job if depth is None else replace(job, parent=asked.parent, depth=depth)
        if once is not None:
            jobs.remember(db, once[0], Remembered(once[1], job_id, text), time.time())
        return jobs.create(db, placed, now), placed.depth

    try:
        seq, depth = await engine.store.write(change)
    except FamilyError as error:
        raise nothing_applied(400, str(error)) from error
    engine.pushes.observe(time.perf_counter() - began)
    engine.supervisor.add(Waiting(seq, job_id, job.owner, job.name, job.function_id, job.pinned, depth))
    return text


def _answer_body(job: NewJob, function: Function, organization_id: str) -> dict[str, Json]:
    return {
        "id": job.id,
        "run_id": job.run_id,
        "stream_output": function.streams,
        "status": Status.QUEUED.value,
        "organization_id": organization_id,
        "model_id": job.function_id,
        "workflow_id": None,
    }


def _require_room(engine: Engine, function: Function) -> None:
    """Refuses a job that this machine cannot run, or cannot take on now."""
    refused = engine.refusal(function)
    if refused is not None:
        raise nothing_applied(400, refused)
    full = push_refusal(len(engine.supervisor.lines), disk_space(engine.home.folder), engine.settings)
    if full is not None:
        raise full


def _require_env(engine: Engine, function: Function, env: dict[str, str]) -> None:
    """Refuses a job without a variable its function declares, unless there is a secret of that name.

    Where it is not known yet what the function declares, the worker does.
    """
    described = engine.descriptions.get(function.id)
    declared = declared_env(described) if described else {}
    missing = [name for name, default in declared.items() if default is None and name not in env]
    if missing:
        secrets = engine.secrets(function)
        for name in missing:
            if name not in secrets:
                raise nothing_applied(400, f"Missing environment variable: {name}")


def _idempotency_key(request: Request) -> str | None:
    values = request.headers.getlist(IDEMPOTENCY_HEADER)
    if not values:
        return None
    if (
        len(values) > 1
        or not 0 < len(values[0]) <= _KEY_LENGTH
        or not (values[0].isascii() and values[0].isprintable())
    ):
        raise nothing_applied(400, f"{IDEMPOTENCY_HEADER} must be 1 to {_KEY_LENGTH} printable ASCII characters, once.")
    return values[0]


async def read_body(request: Request, settings: Settings) -> bytes:
    """The body of a JSON request, whole. Raises Refusal for another type, for one too large or too slow."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise nothing_applied(406, f"{_NOT_JSON} Send it with content type application/json.")
    too_large = nothing_applied(413, _TOO_LARGE.format(settings.body_limit // 1_048_576), {"Connection": "close"})
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > settings.body_limit:
        raise too_large
    pieces = bytearray()
    try:
        async with asyncio.timeout(settings.body_deadline):
            async for piece in request.stream():
                pieces += piece
                if len(pieces) > settings.body_limit:
                    raise too_large
    except TimeoutError:
        raise nothing_applied(408, "Request timeout.", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise nothing_applied(400, "The request body ended early.") from None
    return bytes(pieces)
