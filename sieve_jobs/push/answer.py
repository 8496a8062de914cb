"""Answers of the far side: what they hold, and what is true where they are no good. Pure."""

from __future__ import annotations

import json
import re
from datetime import datetime

from sieve_jobs import wire
from sieve_jobs.errors import RefusedError, UnconfirmedError
from sieve_jobs.push.endpoint import retry_after
from sieve_jobs.push.exchange import RawAnswer
from sieve_jobs.push.outcome import Outcome, of_status
from sieve_jobs.push.redact import Redactor

LONGEST_MESSAGE = 2000
"""Characters of a message, which may quote the far side."""
MOST_CONTAINERS = 500_000
"""Objects and arrays of an answer: at 200 bytes each they take twenty times the memory that their text does."""
_JOB_ID = re.compile(rb'\A\s*\{\s*"id"\s*:\s*"([0-9a-fA-F-]{36})"')


class TooLargeError(UnconfirmedError):
    """The answer is too large to be read whole."""


class ManyValuesError(wire.WireError):
    """The answer is not too long, but would take too much memory."""


class NamedJobError(UnconfirmedError):
    """The answer broke off, or could not be read, after it had named the job."""

    def __init__(self, message: str, job_id: str) -> None:
        super().__init__(message)
        self.job_id = job_id


def decoded(answer: RawAnswer) -> wire.Json:
    """The JSON of an answer. Raises WireError, and of it ManyValuesError where less may have to be asked for."""
    if answer.header("content-encoding") not in (None, "identity"):
        raise wire.WireError("it is compressed, which was not asked for")
    if answer.body.count(b"{") + answer.body.count(b"[") > MOST_CONTAINERS:
        raise ManyValuesError(f"it holds more than {MOST_CONTAINERS} objects and arrays")
    try:
        found: wire.Json = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise wire.WireError("it is not JSON") from None
    return found


def function_names(body: wire.Json) -> tuple[str, ...]:
    if not isinstance(body, list):
        raise wire.WireError("not an array")
    rows = (row for row in body if isinstance(row, dict))
    return tuple(f"{row.get('owner_name')}/{row.get('name')}" for row in rows)


def refusal(answer: RawAnswer, what: str, redactor: Redactor, *, now: datetime) -> RefusedError | UnconfirmedError:
    """What an answer other than 200 to *what* means. *now* is by the far side's clock."""
    status = answer.status
    try:
        detail = wire.parse_detail(decoded(answer))
    except wire.WireError:
        detail = None
    words = ", a redirect, which is never followed" if 300 <= status < 400 else ""
    words += f": {detail}" if detail else ""
    message = redactor.clean(f"{what} answered {status}{words}")[:LONGEST_MESSAGE]
    wait = retry_after(answer.header("retry-after"), now)
    sure = answer.header(wire.APPLIED_HEADER) == "no" and answer.header(wire.ENGINE_HEADER) == "1"
    is_unconfirmed = of_status(status, surely_not_applied=sure) is Outcome.UNCONFIRMED
    return (UnconfirmedError if is_unconfirmed else RefusedError)(message, status=status, retry_after=wait)


def unconfirmed(message: str, redactor: Redactor, body: bytes = b"") -> UnconfirmedError:
    """What a call without a usable answer means; *body* is what came of one, and may name the job."""
    named = _JOB_ID.match(body)
    text = redactor.clean(message)[:LONGEST_MESSAGE]
    return NamedJobError(text, named[1].decode()) if named else UnconfirmedError(text)
