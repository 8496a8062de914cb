"""The routes table: every route of Sieve's API, and the few that this engine adds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from sieve_jobs.engine import account_routes as account
from sieve_jobs.engine import function_routes as functions
from sieve_jobs.engine import gc_routes, letters, pushing, routes
from sieve_jobs.engine import secret_routes as secrets
from sieve_jobs.engine import upload_routes as uploads
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.gc_routes import GC
from sieve_jobs.engine.guard import Guard
from sieve_jobs.engine.home import HEALTH, STATE
from sieve_jobs.engine.letters import WEBHOOKS
from sieve_jobs.engine.signing import FILES
from sieve_jobs.wire import FUNCTIONS, JOBS, LOGS, PUSH

_FUNCTION = FUNCTIONS + "/{owner}/{function}"
_VERSION = _FUNCTION + "/versions/{version}"
_USAGE = "/v2/usage"
_SECRETS = "/v2/secrets"
_FILE = FILES + "/{function_id}/{job_id}/{file_id}/{name}"

Handler = Callable[[Request, Engine], Awaitable[Response]]

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", PUSH, pushing.push),
    ("GET", JOBS, routes.list_jobs),
    ("GET", JOBS + "/{job_id}", routes.get_job),
    ("DELETE", JOBS + "/{job_id}", routes.cancel_job),
    ("GET", JOBS + "/{job_id}/await", routes.await_job),
    ("GET", LOGS, routes.get_logs),
    ("GET", FUNCTIONS, functions.list_functions),
    ("GET", _FUNCTION, functions.get_function),
    ("POST", _FUNCTION + "/edit", functions.edit_function),
    ("GET", _FUNCTION + "/jobs", functions.list_function_jobs),
    ("GET", _FUNCTION + "/versions", functions.list_versions),
    ("GET", _VERSION, functions.get_version),
    ("POST", _VERSION + "/edit", functions.edit_version),
    ("GET", _VERSION + "/jobs", functions.list_version_jobs),
    ("GET", "/v2/user/concurrency", account.get_concurrency),
    ("GET", _USAGE, account.get_usage),
    ("GET", _USAGE + "/function", account.get_usage_by_function),
    ("GET", _USAGE + "/function/{owner}/{function}", account.get_function_usage),
    ("GET", _USAGE + "/function/{owner}/{function}/versions/{version}", account.get_version_usage),
    ("GET", _USAGE + "/job/{job_id}", account.get_job_usage),
    ("GET", _USAGE + "/concurrency", account.get_chunks),
    ("GET", _USAGE + "/credits", account.get_credits),
    ("GET", "/v2/services/compute", account.get_compute),
    ("GET", _SECRETS, secrets.list_secrets),
    ("GET", _SECRETS + "/{name}", secrets.get_secret),
    ("POST", _SECRETS + "/{name}", secrets.create_secret),
    ("PUT", _SECRETS + "/{name}", secrets.put_secret),
    ("DELETE", _SECRETS + "/{name}", secrets.delete_secret),
    ("POST", "/v1/upload_url", uploads.make_upload_url),
    ("POST", "/v2/upload_url", uploads.make_upload_url),
    ("GET", _FILE, routes.get_file),
    ("PUT", _FILE, uploads.put_upload),
    ("GET", HEALTH, routes.health),
    ("GET", "/metrics", routes.get_metrics),
    ("GET", STATE, routes.engine_state),
    ("POST", STATE, routes.raise_workers),
    ("POST", GC, gc_routes.collect),
    ("GET", WEBHOOKS, letters.list_webhooks),
    ("POST", WEBHOOKS + "/replay", letters.replay_webhook),
    ("POST", WEBHOOKS + "/{message_id}/replay", letters.replay_webhook),
)
"""Method, path, handler. GET answers HEAD too. What is not here is 404 "Not Found"."""


def make_app(engine: Engine, port: int) -> ASGIApp:
    """The ASGI application of *engine*, which listens on *port*."""

    by_path: dict[str, dict[str, Handler]] = {}
    for method, path, handler in ROUTES:
        by_path.setdefault(path, {})[method] = handler
    table = [Route(path, _Endpoint(engine, methods), methods=[*methods]) for path, methods in by_path.items()]

    async def missing(scope: Scope, receive: Receive, send: Send) -> None:
        response = await routes.not_found(Request(scope, receive), engine)
        await response(scope, receive, send)

    return Guard(
        Router(table, redirect_slashes=False, default=missing),
        key=engine.key,
        port=port,
        cors=engine.settings.cors_origins,
        wrong_keys=engine.settings.wrong_keys,
        passes=engine.passes,
    )


class _Endpoint:
    """One endpoint for all methods of a path, so that a wrong one is 405 and not the next route's 404.

    An ASGI application and no function: what Starlette would put around that is the guard's part here.
    """

    def __init__(self, engine: Engine, methods: Mapping[str, Handler]) -> None:
        self._engine = engine
        self._handlers = {**methods, "HEAD": methods["GET"]} if "GET" in methods else methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handlers[scope["method"]](Request(scope, receive), self._engine)
        await response(scope, receive, send)
