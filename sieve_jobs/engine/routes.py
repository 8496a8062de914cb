"""The routes of jobs, logs and files: what they ask the store, and how they word it.

Each takes a request and the engine; other areas have modules of their own, `app` has the table.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from sieve_jobs.engine import answers, history, joblists, jobs, logbook, metrics, query
from sieve_jobs.engine.answers import Refusal, answer
from sieve_jobs.engine.catalog import SHORTEST_PREFIX
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.guard import ASKING_RUN
from sieve_jobs.engine.receive import read_form
from sieve_jobs.engine.signing import UPLOADING, FileRef, has_expired

_SHOWN_INLINE = {
    ".aac": "audio/aac",
    ".avi": "video/x-msvideo",
    ".bmp": "image/bmp",
    ".csv": "text/csv; charset=utf-8",
    ".flac": "audio/flac",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".png": "image/png",
    ".srt": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
"""Types by extension; every other file, HTML and SVG above all, is bytes to be saved."""
_FILE_POLICY = "default-src 'none'; sandbox"
_LOG_PAGE = 5_000


async def health(_: Request, engine: Engine) -> Response:
    return answer({"status": "ok", "instance": engine.instance})


async def engine_state(_: Request, engine: Engine) -> Response:
    """For `launch`: which engine this is, and how many workers it may have."""
    return answer({"instance": engine.instance, "workers": engine.supervisor.capacity})


async def raise_workers(request: Request, engine: Engine) -> Response:
    """For `launch`: gives an engine that serves the API alone its workers."""
    body = await read_form(request, engine.settings, lambda sent: sent)
    workers = body.get("workers") if isinstance(body, dict) else None
    if not isinstance(workers, int) or isinstance(workers, bool) or not 0 < workers <= 1024:
        raise Refusal(400, answers.INVALID_VALUES)
    engine.supervisor.raise_capacity(workers)
    return await engine_state(request, engine)


async def list_jobs(request: Request, engine: Engine) -> Response:
    """Newest first; with `client_ref`, the job that was pushed under that Idempotency-Key, if any."""
    limit, offset = query.page(request.query_params)
    status = query.status(request.query_params)
    reference = request.query_params.get("client_ref")
    if reference is None:
        return await joblists.page_answer(engine, lambda db: jobs.page(db, status, limit, offset), offset)
    pushed = engine.store.read(lambda db: jobs.recall(db, reference))
    return await joblists.found_answer(engine, pushed.job_id if pushed and offset == 0 else None, status)


async def get_job(request: Request, engine: Engine) -> Response:
    """A job that looks at an open one may do so until that ends: it counts as waiting for a while."""
    run = request.scope.get(ASKING_RUN)
    if run is not None:
        status = engine.store.read(lambda db: jobs.status_of(db, request.path_params["job_id"]))
        if status is not None and not status.is_final:
            engine.supervisor.asking.looked(run)
    return await _job_answer(request, engine)


async def await_job(request: Request, engine: Engine) -> Response:
    """Answers when the job is at its end, at once if it is; 408 means "ask again". Whoever leaves changes nothing."""
    timeout = query.seconds(request.query_params, "timeout", engine.settings.await_longest)
    query.count(request.query_params, "offset")
    job_id = request.path_params["job_id"]
    waiter = engine.hub.wait(job_id)
    leaving = asyncio.ensure_future(_left(request))
    try:
        status = engine.store.read(lambda db: jobs.status_of(db, job_id))
        if status is None:
            raise Refusal(404, answers.JOB_NOT_FOUND)
        if not status.is_final:
            with engine.supervisor.asking.waiting(request.scope.get(ASKING_RUN)):
                await asyncio.wait({waiter, leaving}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            status = engine.store.read(lambda db: jobs.status_of(db, job_id))
    finally:
        waiter.cancel()
        leaving.cancel()
    if status is None or not status.is_final:
        if engine.hub.ending:
            raise Refusal(503, answers.ENDING, {"Retry-After": "1"})
        raise Refusal(408, answers.TIMED_OUT)
    return await _job_answer(request, engine)


async def cancel_job(request: Request, engine: Engine) -> Response:
    done = await engine.supervisor.cancel(request.path_params["job_id"])
    if done is None:
        raise Refusal(404, answers.JOB_NOT_FOUND)
    if not done:
        raise Refusal(400, answers.NOT_PROCESSING)
    return answer({"message": "Job cancelled"})


async def get_logs(request: Request, engine: Engine) -> Response:
    """A page of lines from `start_time` on; `next_start_time` asks for the next. Of a job, or of a version's build."""
    job_id = request.query_params.get("job_id")
    if job_id is None and "model_id" not in request.query_params:
        raise Refusal(400, answers.INVALID_VALUES)
    start = query.instant(request.query_params, "start_time", 0)
    end = query.instant(request.query_params, "end_time", query.FAR)
    if start > end:
        raise Refusal(400, answers.INVALID_TIMES)
    if job_id is None:
        return _build_logs(request, engine, start, end)
    row = engine.store.read(lambda db: jobs.get_without_outputs(db, job_id))
    if row is None:
        raise Refusal(404, answers.LOGS_NOT_FOUND)
    lines = engine.store.read(lambda db: logbook.lines(db, row.id, start, end, _LOG_PAGE))
    return answer(logbook.page_json(lines, row.id, row.function_id, engine.organization_id, start))


async def get_file(request: Request, engine: Engine) -> Response:
    """An output file on its signed URL: no key, whole or in ranges. 403 once it has expired."""
    expires, signature = (request.query_params.get(name, "") for name in ("expires", "sig"))
    parts = request.path_params
    file = FileRef(parts["function_id"], parts["job_id"], parts["file_id"], parts["name"])
    if file.function_id == UPLOADING or not signature.isascii() or not engine.signer.is_ours(file, expires, signature):
        raise Refusal(403, answers.FORBIDDEN)
    if has_expired(expires, time.time()):
        raise Refusal(403, "This URL has expired; read the job again for a new one.")
    path = engine.home.files / file.job_id / file.file_id / file.name
    if path.is_symlink() or not path.is_file():
        raise Refusal(404, answers.NOT_FOUND)
    media_type = _SHOWN_INLINE.get(PurePath(file.name).suffix.lower())
    return FileResponse(
        path,
        media_type=media_type or "application/octet-stream",
        filename=file.name,
        content_disposition_type="inline" if media_type else "attachment",
        headers={"content-security-policy": _FILE_POLICY},
    )


async def get_metrics(_: Request, engine: Engine) -> Response:
    """For Prometheus: figures about the engine as a whole."""
    counted = await engine.store.study(metrics.count)
    figures = metrics.Figures(counted, engine.pushes, engine.supervisor.places(), engine.supervisor.capacity)
    text, media_type = await asyncio.to_thread(metrics.page, figures)
    return Response(text, media_type=media_type)


async def not_found(request: Request, _: Engine) -> Response:
    raise Refusal(404, answers.NO_V1 if request.url.path.startswith("/v1/") else answers.NOT_FOUND)


def _build_logs(request: Request, engine: Engine, start: int, end: int) -> Response:
    """What the build of a version said, by `model_id`: its id or enough of its beginning."""
    if request.query_params.get("stage", logbook.BUILD) != logbook.BUILD:
        raise Refusal(400, answers.INVALID_VALUES)
    asked = request.query_params["model_id"]
    found = engine.store.read(lambda db: history.with_prefix(db, asked)) if len(asked) >= SHORTEST_PREFIX else []
    if len(found) != 1:
        raise Refusal(404, answers.LOGS_NOT_FOUND)
    version_id = found[0]
    lines = engine.store.read(lambda db: logbook.build_lines(db, version_id, start, end, _LOG_PAGE))
    return answer(logbook.page_json(lines, None, version_id, engine.organization_id, start))


async def _job_answer(request: Request, engine: Engine) -> Response:
    skip = query.count(request.query_params, "offset")
    return await joblists.job_answer(engine, request.path_params["job_id"], skip)


async def _left(request: Request) -> None:
    """Ends when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
