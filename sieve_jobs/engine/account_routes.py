"""The routes of usage, concurrency, credits and machines: figures about all jobs, computed when asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from sieve_jobs.engine import answers, census, jobs, query, replicas, usage
from sieve_jobs.engine.answers import Refusal, answer
from sieve_jobs.engine.body import problem
from sieve_jobs.engine.catalog import is_version
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.function_routes import LATEST
from sieve_jobs.engine.usage import Version
from sieve_jobs.source import is_function_name
from sieve_jobs.wire import Status

_SHORTEST_CHUNK = 30
_DEFAULT_CHUNK = 60
_LONGEST_SPAN = timedelta(weeks=1)
_MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")
_ENDED = ("finished", "cancelled", "error", "")
"""What `status` of GET /v2/usage/concurrency may be, the default first."""


async def get_concurrency(_: Request, engine: Engine) -> Response:
    open_jobs, limits = await engine.store.study(lambda db: (usage.open_jobs(db), replicas.all_replicas(db)))
    return answer(census.concurrency(open_jobs, limits, engine.supervisor.capacity))


async def get_usage(request: Request, engine: Engine) -> Response:
    used = await _used(request, engine)
    return answer(usage.detailed((_machine(engine)(version.id), seconds) for version, seconds in used.items()))


async def get_usage_by_function(request: Request, engine: Engine) -> Response:
    return answer(usage.by_function(await _used(request, engine), _machine(engine)))


async def get_function_usage(request: Request, engine: Engine) -> Response:
    """Also of a function whose source is gone, as long as jobs of it are kept."""
    owner, name = request.path_params["owner"], request.path_params["function"]
    if not is_function_name(name) or not is_function_name(owner):
        raise Refusal(400, answers.INVALID_FUNCTION)
    used = await _used(request, engine)
    ids = await _version_ids(engine, owner, name)
    if not ids:
        raise Refusal(404, answers.FUNCTION_NOT_FOUND)
    return _of(used, ids, engine)


async def get_version_usage(request: Request, engine: Engine) -> Response:
    owner, name, slug = (request.path_params[key] for key in ("owner", "function", "version"))
    used = await _used(request, engine)
    ids = await _version_ids(engine, owner, name)
    if slug == LATEST:
        function = engine.catalog.functions().get(name)
        slug = function.id if function else slug
    ids = {version_id for version_id in ids if is_version(version_id, slug)}
    if len(ids) != 1:
        raise Refusal(404, answers.VERSION_NOT_FOUND)
    return _of(used, ids, engine)


async def get_job_usage(request: Request, engine: Engine) -> Response:
    """The cost of a job, with its children or without: nothing costs anything here, so the sum is the same."""
    query.flag(request.query_params, "aggregated", default=True)
    job_id = request.path_params["job_id"]
    row = engine.store.read(lambda db: jobs.get_without_outputs(db, job_id))
    if row is None:
        raise Refusal(404, answers.JOB_NOT_FOUND)
    return answer(
        {
            "job_id": row.id,
            "function_name": row.name,
            "function_owner_name": row.owner,
            "function_id": row.function_id,
            "cost": usage.COST,
        }
    )


async def get_chunks(request: Request, engine: Engine) -> Response:
    parameters = request.query_params
    try:
        status = query.choice(parameters, "status", _ENDED)
    except ValueError as error:
        raise _unfit("status", str(error), "literal_error") from error
    size = query.integer(parameters, "chunk_size", _DEFAULT_CHUNK)
    if size < _SHORTEST_CHUNK:
        message = f"Input should be greater than or equal to {_SHORTEST_CHUNK}"
        raise _unfit("chunk_size", message, "greater_than_equal")
    yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    start = _minute(parameters, "start", yesterday)
    end = _minute(parameters, "end", yesterday + timedelta(hours=23, minutes=59))
    if not timedelta() <= end - start <= _LONGEST_SPAN:
        raise _unfit("end", "end must be within one week after start", "value_error")
    wanted = Status(status) if status else None
    function = _reference(parameters)
    found = await engine.store.study(lambda db: usage.timed_jobs(db, start, end, wanted, function))
    return answer(usage.chunks(found, start, end, timedelta(minutes=min(size, 7 * 24 * 60))))


async def get_credits(_: Request, __: Engine) -> Response:
    return answer({"credits": 0, "unlimited": True})


async def get_compute(_: Request, __: Engine) -> Response:
    """Sieve tells here which machines are free; what it says is not documented, and this engine has its own alone."""
    return answer({})


async def _used(request: Request, engine: Engine) -> Mapping[Version, float]:
    """Seconds by version between `start_timestamp` and `end_timestamp`, by default this month's. Raises Refusal."""
    now = datetime.now(UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    start = query.instant(request.query_params, "start_timestamp", int(month.timestamp()) * 10**9)
    end = query.instant(request.query_params, "end_timestamp", query.FAR)
    if start > end:
        raise Refusal(400, answers.INVALID_TIMES)
    return await engine.store.study(lambda db: usage.seconds_used(db, _at(start), _at(end), now))


def _of(used: Mapping[Version, float], ids: set[str], engine: Engine) -> Response:
    machine = _machine(engine)
    return answer(usage.detailed((machine(it.id), seconds) for it, seconds in used.items() if it.id in ids))


async def _version_ids(engine: Engine, owner: str, name: str) -> set[str]:
    """Of every version of a function that is here or was pushed to."""
    ids = await engine.store.study(lambda db: usage.versions_run(db, owner, name))
    function = engine.catalog.functions().get(name)
    return ids | {function.id} if function is not None and function.owner == owner else ids


def _machine(engine: Engine) -> Callable[[str], str]:
    """The machine a version declares; one that could not be imported has declared none, which is a CPU."""

    def machine(version_id: str) -> str:
        described = engine.descriptions.get(version_id)
        return str(described.details.get("compute_type", "cpu")) if described else "cpu"

    return machine


def _reference(parameters: Mapping[str, str]) -> tuple[str, str] | None:
    """`function` as owner and name, None where it is not given. Raises Refusal."""
    text = parameters.get("function", "")
    owner, slash, name = text.partition("/")
    if text and not (slash and is_function_name(owner) and is_function_name(name)):
        raise _unfit("function", "Input should be in owner_name/function_name format", "value_error")
    return (owner, name) if text else None


def _minute(parameters: Mapping[str, str], name: str, default: datetime) -> datetime:
    """A time of the form `YYYY-MM-DDTHH:MM`, UTC. Raises Refusal."""
    text = parameters.get(name, "")
    if not text:
        return default
    try:
        if _MINUTE.fullmatch(text) is None:
            raise ValueError(text)
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise _unfit(name, "Input should be a time, YYYY-MM-DDTHH:MM", "datetime_parsing") from None


def _unfit(name: str, message: str, kind: str) -> Refusal:
    return Refusal(422, [problem(("query", name), message, kind)])


def _at(nanoseconds: int) -> datetime:
    """To the microsecond, which is what times are kept in."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=nanoseconds // 1000)
