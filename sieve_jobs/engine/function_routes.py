"""The routes of functions and their versions: what is shown of them, their jobs, and edits. See `routes`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sieve_jobs.engine import answers, census, edits, forms, history, joblists, jobs, query, replicas, usage
from sieve_jobs.engine.answers import Refusal, answer
from sieve_jobs.engine.catalog import Function, is_version
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.present import Build, Described, ImportFailed, function_json, version_json
from sieve_jobs.engine.receive import read_form
from sieve_jobs.engine.replicas import Replicas
from sieve_jobs.wire import Json, Status

LATEST = "latest"


async def list_functions(request: Request, engine: Engine) -> Response:
    limit, offset = query.page(request.query_params)
    functions = sorted(engine.catalog.functions().values(), key=lambda function: function.name)
    edited = engine.store.read(edits.all_edits)
    return answer(
        [
            function_json(it, engine.descriptions.status(it.id), edited.get((it.owner, it.name), {}))
            for it in functions[offset : offset + limit]
        ]
    )


async def get_function(request: Request, engine: Engine) -> Response:
    """A function with its version; a worker is asked about one that was never imported."""
    return await _function_answer(_function(request, engine), engine)


async def edit_function(request: Request, engine: Engine) -> Response:
    """What is edited holds over restarts of the engine and over new versions of the source."""
    changes = await read_form(request, engine.settings, forms.parse_edit)
    function = _function(request, engine)
    await engine.store.write(lambda db: edits.add(db, function.owner, function.name, changes))
    return await _function_answer(function, engine)


async def list_function_jobs(request: Request, engine: Engine) -> Response:
    status = query.status(request.query_params)
    limit, offset = query.page(request.query_params)
    function = _function(request, engine)
    return await _job_list(engine, {"owner": function.owner, "name": function.name}, status, limit, offset)


async def list_versions(request: Request, engine: Engine) -> Response:
    limit, offset = query.page(request.query_params)
    shown = _versions(_function(request, engine), engine)[offset : offset + limit]
    return answer([await _version_json(version, engine) for version in shown])


async def get_version(request: Request, engine: Engine) -> Response:
    return answer(await _version_json(_version(request, engine), engine))


async def edit_version(request: Request, engine: Engine) -> Response:
    minimum, maximum = await read_form(request, engine.settings, forms.parse_replicas)
    version = _version(request, engine)
    before = engine.store.read(lambda db: replicas.replicas_of(db, version.id))
    try:
        wanted = Replicas(
            before.minimum if minimum is None else minimum, before.maximum if maximum is None else maximum
        )
    except ValueError as error:
        raise Refusal(400, answers.INVALID_VALUES) from error
    await engine.store.write(lambda db: replicas.set_replicas(db, version.id, wanted))
    engine.supervisor.pump()
    return answer(await _version_json(version, engine))


async def list_version_jobs(request: Request, engine: Engine) -> Response:
    limit, offset = query.page(request.query_params)
    version = _version(request, engine)
    whose = {"owner": version.owner, "name": version.name, "function_id": version.id}
    return await _job_list(engine, whose, None, limit, offset)


def _function(request: Request, engine: Engine) -> Function:
    """The function a path names. Raises Refusal."""
    function = engine.catalog.functions().get(request.path_params["function"])
    if function is None or function.owner != request.path_params["owner"]:
        raise Refusal(404, answers.FUNCTION_NOT_FOUND)
    return function


def _versions(function: Function, engine: Engine) -> list[Function]:
    """The present one, which pushes run, then the others, newest first."""
    return [function, *engine.store.read(lambda db: history.earlier(db, function))]


def _version(request: Request, engine: Engine) -> Function:
    """The version a path names: by its id, by enough of its beginning, or as the latest. Raises Refusal."""
    slug = request.path_params["version"]
    try:
        versions = _versions(_function(request, engine), engine)
    except Refusal as error:
        raise Refusal(404, answers.VERSION_NOT_FOUND) from error
    found = versions[:1] if slug == LATEST else [version for version in versions if is_version(version.id, slug)]
    if len(found) != 1:
        raise Refusal(404, answers.VERSION_NOT_FOUND)
    return found[0]


async def _function_answer(function: Function, engine: Engine) -> Response:
    version = await _version_json(function, engine)
    edit = engine.store.read(lambda db: edits.edit_of(db, function.owner, function.name))
    return answer(function_json(function, engine.descriptions.status(function.id), edit, version))


async def _version_json(version: Function, engine: Engine) -> dict[str, Json]:
    known = await _described(engine, version)
    limits = engine.store.read(lambda db: replicas.replicas_of(db, version.id))
    its = (await engine.store.study(usage.open_jobs)).get(version.id, census.Open())
    workers = census.worker_counts(engine.supervisor.places(), engine.supervisor.capacity, version, its, limits)
    times = engine.store.read(lambda db: history.times_of(db, version.id)) or history.Times(version.read_at)
    status = engine.environments.status(version.module)
    build = Build(times, status if status in {"building", "error"} else "queued")
    return version_json(version, known, limits, workers, build)


async def _described(engine: Engine, function: Function) -> Described | ImportFailed | None:
    if engine.descriptions.status(function.id) is None and function.module.files:
        await engine.supervisor.describe(function)
    return engine.descriptions.status(function.id)


async def _job_list(engine: Engine, whose: dict[str, str], status: Status | None, limit: int, offset: int) -> Response:
    return await joblists.page_answer(engine, lambda db: jobs.page(db, status, limit, offset, whose), offset)
