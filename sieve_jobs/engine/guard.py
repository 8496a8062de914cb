"""What every request passes before it is routed: host, origin, key. And what every answer carries.

Any page in the user's browser can send requests here, and a name can be made to point here; so the Host is
matched whole, port included, a request from another site is refused, and the key is asked for even on loopback.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sieve_jobs.engine import answers
from sieve_jobs.engine.home import HEALTH
from sieve_jobs.engine.report import report_error
from sieve_jobs.engine.signing import FILES
from sieve_jobs.wire import ENGINE_HEADER, KEY_HEADER, PUSH

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_OWN_SITES = frozenset({b"same-origin", b"none"})
_ENGINE = (ENGINE_HEADER.lower().encode(), b"1")
_ALWAYS = (
    _ENGINE,
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guard:
    """ASGI in front of *app*. *port* is the one the engine listens on."""

    def __init__(self, app: ASGIApp, *, key: str, port: int) -> None:
        self._app = app
        self._key = key.encode()
        self._hosts = frozenset(f"{host}:{port}".encode() for host in _HOSTS)
        self._origins = frozenset(b"http://" + host for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *_ALWAYS]
            await send(message)

        try:
            response = self._refusal(scope)
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

    def _refusal(self, scope: Scope) -> Response | None:
        headers = scope["headers"]
        if len(hosts := _values(headers, b"host")) != 1 or hosts[0] not in self._hosts:
            return _refuse(scope, 421, "Misdirected Request")
        sites = set(_values(headers, b"sec-fetch-site"))
        if not (set(_values(headers, b"origin")) <= self._origins and sites <= _OWN_SITES):
            return _refuse(scope, 403, answers.FORBIDDEN)
        if scope["method"] == "OPTIONS":
            return Response(status_code=204)
        path = scope["path"]
        is_open = path == HEALTH or path.startswith(FILES + "/")
        keys = _values(headers, KEY_HEADER.lower().encode())
        if is_open or (len(keys) == 1 and hmac.compare_digest(keys[0], self._key)):
            return None
        return _refuse(scope, 401, answers.UNAUTHORIZED)


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def _refuse(scope: Scope, status: int, detail: str) -> Response:
    if scope["path"] == PUSH:
        return answers.nothing_applied(status, detail).response()
    return answers.Refusal(status, detail).response()


def _routed(scope: Scope, app: object) -> MutableMapping[str, Any]:
    """With `app` set, the router raises for a wrong method instead of answering in plain text."""
    scope["app"] = app
    return scope


def _broken(scope: Scope) -> Response:
    """A 500 that names an id; the traceback goes to the log under the same id, without the request's values."""
    error_id = str(uuid.uuid4())
    report_error(f"error {error_id} in {scope['method']} {scope['path']}")
    return answers.answer({"detail": "Internal server error", "error_id": error_id}, status=500)
