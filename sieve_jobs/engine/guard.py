"""What every request passes before it is routed: host, origin, key. And what every answer carries.

Any page in the user's browser can send requests here, and a name can be made to point here; so the Host is
matched whole, port included, a request from another site is refused, and the key is asked for even on loopback.
"""

from __future__ import annotations

import asyncio
import hmac
import uuid
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sieve_jobs.engine import answers, cors
from sieve_jobs.engine.children import Passes, opens
from sieve_jobs.engine.home import HEALTH
from sieve_jobs.engine.report import report_error
from sieve_jobs.engine.signing import FILES
from sieve_jobs.engine.throttle import Throttle
from sieve_jobs.wire import KEY_HEADER, PUSH

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_PORT_OF_HTTP = 80
_OWN_SITES = frozenset({b"same-origin", b"none"})
ASKING_RUN = "sieve_jobs.run"
"""Where a request's scope holds the run that sent it, if a running job did."""


class Guard:
    """ASGI in front of *app*. *port* is the one the engine listens on; pages of *cors* may ask from a browser.

    *passes* open a little to running jobs.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        key: str,
        port: int,
        passes: Passes,
        cors: Iterable[str] = (),
        wrong_keys: float = 5.0,
    ) -> None:
        self._app = app
        self._passes = passes
        self._cors = frozenset(origin.encode() for origin in cors)
        self._throttle = Throttle(wrong_keys)
        self._key = key.encode()
        self._hosts = own_hosts(port)
        self._origins = frozenset(b"http://" + host for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False
        further = self._further(scope)

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *answers.ALWAYS, *further]
            await send(message)

        try:
            response = await self._refusal(scope)
            if response is None:
                await self._app(_routed(scope, self), receive, sending)
                return
        except answers.Refusal as refusal:
            response = refusal.response()
        except HTTPException as error:  # the router's 405
            response = answers.answer({"detail": error.detail}, status=error.status_code, headers=error.headers)
        except Exception:
            response = _broken(scope)
            if started:  # the head is out: cutting the connection is the only way left to say it
                raise
        await response(scope, receive, sending)

    def _further(self, scope: Scope) -> list[cors.Field]:
        """What an answer carries where pages of other origins may ask."""
        if not self._cors:
            return []
        origins = _values(scope["headers"], b"origin")
        named = len(origins) == 1 and origins[0] in self._cors
        return [cors.VARY, *(cors.answer_fields(origins[0]) if named else [])]

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = scope["headers"]
        if len(hosts := _values(headers, b"host")) != 1 or hosts[0] not in self._hosts:
            return _refuse(scope, 421, "Misdirected Request")
        origins, sites = _values(headers, b"origin"), set(_values(headers, b"sec-fetch-site"))
        is_named = len(origins) == 1 and origins[0] in self._cors
        if not is_named and not (len(origins) <= 1 and set(origins) <= self._origins and sites <= _OWN_SITES):
            return _refuse(scope, 403, answers.FORBIDDEN)
        if scope["method"] == "OPTIONS":
            response = Response(status_code=204)
            response.raw_headers.extend(cors.preflight_fields(headers) if is_named else ())
            return response
        path = scope["path"]
        is_open = path == HEALTH or path.startswith(FILES + "/")
        keys = _values(headers, KEY_HEADER.lower().encode())
        if is_open or (len(keys) == 1 and hmac.compare_digest(keys[0], self._key)):
            return None
        return await self._as_job(scope, keys)

    async def _as_job(self, scope: Scope, keys: list[bytes]) -> Response | None:
        """A request without the engine's key may still be one of a running job, which has a pass."""
        run = self._passes.holder(keys[0]) if len(keys) == 1 else None
        if run is None:
            return await self._unauthorized(scope, is_guess=bool(keys))
        if not opens(scope["method"], scope["path"]):
            return _refuse(scope, 403, answers.FORBIDDEN)
        scope[ASKING_RUN] = run
        return None

    async def _unauthorized(self, scope: Scope, *, is_guess: bool) -> Response:
        """A wrong key is told so at a pace, whoever sends it: on loopback all are one address."""
        delay = self._throttle.delay(asyncio.get_running_loop().time()) if is_guess else 0.0
        if delay is None:
            return _refuse(scope, 429, "Too many requests with a wrong key.", {"Retry-After": "5"})
        if delay:
            await asyncio.sleep(delay)
        return _refuse(scope, 401, answers.UNAUTHORIZED)


def own_hosts(port: int) -> frozenset[bytes]:
    """Every `Host` of an engine on *port*. Clients leave the port out where it is HTTP's own (RFC 9110, 4.2.3)."""
    named = [f"{host}:{port}" for host in _HOSTS]
    return frozenset(host.encode() for host in (*named, *(_HOSTS if port == _PORT_OF_HTTP else ())))


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def _refuse(scope: Scope, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    if scope["path"] == PUSH:
        return answers.nothing_applied(status, detail, headers).response()
    return answers.Refusal(status, detail, headers).response()


def _routed(scope: Scope, app: object) -> MutableMapping[str, Any]:
    """With `app` set, the router raises for a wrong method instead of answering in plain text."""
    scope["app"] = app
    return scope


def _broken(scope: Scope) -> Response:
    """A 500 that names an id; the traceback goes to the log under the same id, without the request's values."""
    error_id = str(uuid.uuid4())
    report_error(f"error {error_id} in {scope['method']} {scope['path']}")
    return answers.answer({"detail": "Internal server error", "error_id": error_id}, status=500)
