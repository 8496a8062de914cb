"""Answers as the API words them: JSON bodies, `{"detail": …}` for every refusal, and the engine's own headers."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from sieve_jobs.engine.present import json_text
from sieve_jobs.wire import APPLIED_HEADER, ENGINE_HEADER, Json

NOT_FOUND = "Not Found"
UNAUTHORIZED = "Unauthorized - valid API Key required."
FORBIDDEN = "Forbidden."
JOB_NOT_FOUND = "Job not found."
FUNCTION_NOT_FOUND = "Function not found."
VERSION_NOT_FOUND = "Function version not found."
INVALID_FUNCTION = "Invalid function specified."
SECRET_NOT_FOUND = "Secret not found."
SECRET_EXISTS = "Secret already exists."
LOGS_NOT_FOUND = "Logs not found."
INVALID_VALUES = "Invalid values passed."
INVALID_TIMES = "Invalid timestamps provided."
NOT_PROCESSING = "Job is not processing."
TIMED_OUT = "Request timeout."
ENDING = "The engine is ending; ask again."

NO_V1 = "Not Found: Sieve's v1 API is not served here; its v2 API is, under /v2."
ALWAYS = (
    (ENGINE_HEADER.lower().encode(), b"1"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Headers of every answer."""


class Refusal(Exception):  # noqa: N818 -- an answer, raised where it is known
    """Ends a request with a status and a `detail`: a text, or the list of a 422."""

    def __init__(self, status: int, detail: str | list[Json], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        detail: Json = self.detail
        return answer({"detail": detail}, status=self.status, headers=self.headers)


def answer(body: Json, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return answer_text(json_text(body), status=status, headers=headers)


def answer_text(text: str | bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response that has been written already."""
    return Response(text, status, headers, media_type="application/json")


def nothing_applied(status: int, detail: str | list[Json], headers: Mapping[str, str] | None = None) -> Refusal:
    """A refusal of a push that is sure to have created nothing, and says so."""
    return Refusal(status, detail, {**(headers or {}), APPLIED_HEADER: "no"})
