"""Calls to the API with the standard library alone, so that a function's own environment needs nothing for it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from sieve_jobs.sdk.session import Api
from sieve_jobs.wire import APPLIED_HEADER, FUNCTIONS, IDEMPOTENCY_HEADER, JOBS, KEY_HEADER, LOGS, PUSH, Json

UPLOAD = "/v2/upload_url"
SECRETS = "/v2/secrets"
TRIES = 5
"""Calls of one question before a failure counts. Source: Sieve's SDK."""
TIMEOUT = 60.0
"""Seconds without an answer, unless the call says otherwise."""
AWAITED = 50.0
"""Seconds an await is asked to last; proxies cut a silent connection after 60."""
_FIRST_PAUSE = 0.2
_UPLOAD_RANGE = "0,10000000000"
"""What an upload URL is signed for. Source: Sieve's SDK."""


class ApiError(ValueError):
    """The API refused, or could not be reached: *status* 0 is no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def push(api: Api, body: dict[str, Json]) -> dict[str, Json]:
    """A PushResponse. Sent once: again only where it is sure that nothing was created. Raises ApiError."""
    headers = {IDEMPOTENCY_HEADER: os.urandom(16).hex()}
    for attempt in range(1, TRIES + 1):
        try:
            status, answer, told = _call(api, "POST", PUSH, body=body, headers=headers)
        except ConnectionRefusedError as error:
            if attempt == TRIES:
                raise ApiError(0, f"could not push: {api.url} refused the connection") from error
        except OSError as error:
            message = f"could not confirm the push: {_reason(error)}; the job may be running"
            raise ApiError(0, message) from error
        else:
            is_untouched = status in {429, 503} and told.get(APPLIED_HEADER) == "no"
            if not is_untouched or attempt == TRIES:
                return _object(status, answer, "POST", PUSH)
        time.sleep(_pause(attempt))
    raise AssertionError("unreachable")


def get_job(api: Api, job_id: str, offset: int = 0) -> dict[str, Json]:
    path = f"{JOBS}/{quote(job_id, safe='')}" + (f"?offset={offset}" if offset else "")
    return ask_object(api, path)


def await_job(api: Api, job_id: str, seconds: float) -> dict[str, Json] | None:
    """The job at its end; None if it has not come within *seconds*, or the answer has not."""
    asked = max(min(seconds, AWAITED), 0.0)
    path = f"{JOBS}/{quote(job_id, safe='')}/await?timeout={asked:.3f}"
    try:
        status, answer, _ = _call(api, "GET", path, timeout=asked + 10.0)
    except OSError:
        return None
    if status == 408 or status >= 500 or status == 429:
        return None
    return _object(status, answer, "GET", path)


def get_function(api: Api, reference: str) -> dict[str, Json]:
    name, _, _ = reference.partition(":")
    return ask_object(api, f"{FUNCTIONS}/{quote(name, safe='/')}")


def lines(api: Api, job_id: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """What a job has printed from *start* on (nanoseconds), as (time, line)."""
    while True:
        page = ask_object(api, f"{LOGS}?{urlencode({'job_id': job_id, 'start_time': start})}")
        count = 0
        groups = page.get("data")
        for group in groups if isinstance(groups, list) else ():
            rows = group.get("logs") if isinstance(group, dict) else None
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict) and str(row.get("timestamp")).isdigit():
                    count += 1
                    start = int(str(row["timestamp"])) + 1
                    yield start - 1, str(row.get("message"))
        if not count:
            return


def upload(api: Api, path: Path) -> str:
    """The URL of a file after it was sent there. Raises ApiError, OSError."""
    answer = call(api, "POST", UPLOAD, {"file_name": path.name, "public": False, "public_upload": False})
    target, url = (answer.get("upload_url"), answer.get("get_url")) if isinstance(answer, dict) else (None, None)
    if not isinstance(target, str) or not isinstance(url, str):
        raise ApiError(200, f"POST {UPLOAD} named no URL to upload to")
    headers = {"x-goog-content-length-range": _UPLOAD_RANGE, "Content-Length": str(path.stat().st_size)}
    with path.open("rb") as content:
        try:
            status, _, _ = _send("PUT", target, content, headers, 10 * TIMEOUT)
        except OSError as error:
            raise ApiError(0, f"could not upload {path.name!r}: {_reason(error)}") from error
    if status != 200:
        raise ApiError(status, f"could not upload {path.name!r}: the answer was {status}")
    return url


def ask(api: Api, path: str) -> Json:
    """The answer of a GET, which is repeated when the far side fails. Raises ApiError."""
    for attempt in range(1, TRIES + 1):
        try:
            status, answer, _ = _call(api, "GET", path)
        except OSError as error:
            if attempt == TRIES:
                raise ApiError(0, f"could not reach {api.url}: {_reason(error)}") from error
        else:
            if attempt == TRIES or not (status == 429 or status >= 500):
                return _checked(status, answer, "GET", path)
        time.sleep(_pause(attempt))
    raise AssertionError("unreachable")


def ask_object(api: Api, path: str) -> dict[str, Json]:
    return _object(200, ask(api, path), "GET", path)


def call(api: Api, method: str, path: str, body: dict[str, Json] | None = None) -> Json:
    """The answer of a call that is made once. Raises ApiError."""
    try:
        status, answer, _ = _call(api, method, path, body=body)
    except OSError as error:
        raise ApiError(0, f"{method} {path} gave no answer: {_reason(error)}") from error
    return _checked(status, answer, method, path)


def _pause(attempt: int) -> float:
    return float(_FIRST_PAUSE * 2 ** (attempt - 1))


def _object(status: int, answer: Json, method: str, path: str) -> dict[str, Json]:
    answer = _checked(status, answer, method, path)
    if not isinstance(answer, dict):
        raise ApiError(status, f"{method} {path.partition('?')[0]} was not answered with an object")
    return answer


def _checked(status: int, answer: Json, method: str, path: str) -> Json:
    if 200 <= status < 300:
        return answer
    detail = answer.get("detail", answer.get("error_id")) if isinstance(answer, dict) else None
    told = detail if isinstance(detail, str) else json.dumps(detail)
    raise ApiError(status, f"{method} {path.partition('?')[0]} was answered {status}: {told}")


def _call(
    api: Api,
    method: str,
    path: str,
    *,
    body: dict[str, Json] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> tuple[int, Json, Mapping[str, str]]:
    sent = {KEY_HEADER: api.key, **(headers or {})}
    content = None
    if body is not None:
        sent["Content-Type"] = "application/json"
        content = json.dumps(body, allow_nan=False).encode()
    status, text, told = _send(method, api.url + path, content, sent, timeout)
    try:
        return status, json.loads(text) if text else None, told
    except ValueError:
        return status, None, told


def _send(
    method: str, url: str, content: object, headers: Mapping[str, str], timeout: float
) -> tuple[int, bytes, Mapping[str, str]]:
    """One exchange; a redirect is an answer like any other, for the key must not travel. Raises OSError."""
    import urllib.request
    from http.client import HTTPException
    from urllib.error import URLError

    from sieve_jobs.sdk.fetch import is_loopback

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if is_loopback(url) else None),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, data=content, headers=dict(headers), method=method)  # type: ignore[arg-type]  # noqa: S310 -- the opener knows http and https only
    try:
        with opener.open(request, timeout=timeout) as answer:
            return int(answer.status), answer.read(), answer.headers
    except URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else OSError(str(error.reason)) from error
    except HTTPException as error:
        raise OSError(f"no HTTP answer: {error!r}") from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def share(api: Api, path: str | os.PathLike[str]) -> dict[str, Json]:
    """A local file as a function elsewhere can have it. Raises ApiError, OSError."""
    local = Path(path)
    return {"url": api.share(local) if api.share else upload(api, local)}
