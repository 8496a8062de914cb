"""The routes table: every route of Sieve's API this engine answers, and the place of those it does not yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from sieve_jobs.engine import pushing, routes
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.guard import Guard
from sieve_jobs.engine.home import HEALTH, STATE
from sieve_jobs.engine.signing import FILES
from sieve_jobs.wire import FUNCTIONS, JOBS, LOGS, PUSH

Handler = Callable[[Request, Engine], Awaitable[Response]]

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", PUSH, pushing.push),
    ("GET", JOBS, routes.list_jobs),
    ("GET", JOBS + "/{job_id}", routes.get_job),
    ("DELETE", JOBS + "/{job_id}", routes.cancel_job),
    ("GET", JOBS + "/{job_id}/await", routes.await_job),
    ("GET", LOGS, routes.get_logs),
    ("GET", FUNCTIONS, routes.list_functions),
    ("GET", FUNCTIONS + "/{owner}/{function}", routes.get_function),
    # Functions: edit, jobs, versions, versions/{slug}, versions/{slug}/edit, versions/{slug}/jobs.
    # Account: /v2/user/concurrency, /v2/usage and below, /v2/services/compute, /v2/secrets.
    # Files: /v1/upload_url and /v2/upload_url.
    ("GET", FILES + "/{function_id}/{job_id}/{file_id}/{name}", routes.get_file),
    ("GET", HEALTH, routes.health),
    ("GET", STATE, routes.engine_state),
    ("POST", STATE, routes.raise_workers),
)
"""Method, path, handler. GET answers HEAD too. What is not here is 404 "Not Found"."""


def make_app(engine: Engine, port: int) -> ASGIApp:
    """The ASGI application of *engine*, which listens on *port*."""

    def bound(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            return await handler(request, engine)

        return handle

    by_path: dict[str, dict[str, Handler]] = {}
    for method, path, handler in ROUTES:
        by_path.setdefault(path, {})[method] = handler
    table = [Route(path, _dispatch(path, methods, bound), methods=[*methods]) for path, methods in by_path.items()]

    async def missing(scope: Scope, receive: Receive, send: Send) -> None:
        response = await routes.not_found(Request(scope, receive), engine)
        await response(scope, receive, send)

    return Guard(Router(table, redirect_slashes=False, default=missing), key=engine.key, port=port)


def _dispatch(
    path: str, methods: dict[str, Handler], bound: Callable[[Handler], Callable[[Request], Awaitable[Response]]]
) -> Callable[[Request], Awaitable[Response]]:
    """One endpoint for all methods of a path, so that a wrong one is 405 and not the next route's 404."""
    handlers = {method: bound(handler) for method, handler in methods.items()}
    if "GET" in handlers:
        handlers["HEAD"] = handlers["GET"]

    async def endpoint(request: Request) -> Response:
        return await handlers[request.method](request)

    endpoint.__name__ = path
    return endpoint
