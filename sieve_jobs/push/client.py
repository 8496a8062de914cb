"""Client: the calls of the far side's API, and what their answers mean.

What a failed call means is told by the class of its error: RefusedError, UnreachableError or UnconfirmedError.
The key is sent in one header to one place, never followed elsewhere, and shown nowhere.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote

from sieve_jobs import wire
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import (
    CallError,
    InvalidError,
    NoEngineError,
    RefusedError,
    UnconfirmedError,
    UnreachableError,
)
from sieve_jobs.push.answer import ManyValuesError, TooLargeError, decoded, function_names, refusal, unconfirmed
from sieve_jobs.push.clock import Clock, SystemClock
from sieve_jobs.push.endpoint import parse_date, parse_endpoint
from sieve_jobs.push.exchange import BrokenError, NotSentError, RawAnswer
from sieve_jobs.push.http import StatusError, TooLongError
from sieve_jobs.push.line import Line, Rejoin
from sieve_jobs.push.pace import backoff
from sieve_jobs.push.part import Part
from sieve_jobs.push.redact import Redactor

T = TypeVar("T")

READ_TRIES = 4
"""How often a call that changes nothing is made before it is given up."""
DOWNLOAD_TRIES = 3
AWAIT_SECONDS = 600.0
"""How long the far side holds an /await. Source: openapi.json."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Pushed:
    """A 200 of POST /v2/push."""

    response: wire.PushResponse
    engine: bool
    """Whether our own engine answered, which honours Idempotency-Key."""
    date: datetime | None
    """The far side's clock."""


class Client:
    """Calls to one far side with one key. Use as an async context manager, in one event loop.

    *deadline* is the longest a call may take as a whole, in seconds; /await has its own, and
    so has a download (*download_deadline*), for which *deadline* is the longest that nothing may come.
    *rejoin* finds a far side that is not where it was; it raises CallError where there is none any more.
    Raises InvalidError for an endpoint or a key that cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        *,
        clock: Clock | None = None,
        deadline: float = 60.0,
        connect_timeout: float = 10.0,
        download_deadline: float = 7200.0,
        jitter: Callable[[], float] = random.random,
        rejoin: Rejoin | None = None,
    ) -> None:
        parsed = parse_endpoint(endpoint)
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise InvalidError(
                Diagnostic(
                    Code.API_KEY_UNUSABLE,
                    "the api key is empty or holds characters that no key has",
                    hint="set its variable anew; often a line break was copied with it",
                )
            )
        self.redactor = Redactor([key])
        self.engine: bool | None = None
        """Whether our own engine answers there; None before the first answer."""
        self._clock = clock or SystemClock()
        self._deadline = deadline
        self._download_deadline = download_deadline
        self._jitter = jitter
        try:
            self._line = Line(parsed, key, connect_timeout=min(connect_timeout, deadline), rejoin=rejoin)
        except NotSentError as error:
            raise InvalidError(
                Diagnostic(Code.ENDPOINT_UNUSABLE, str(error), hint="see SSL_CERT_FILE and SSL_CERT_DIR")
            ) from error
        self._seen_date: tuple[datetime, float] | None = None
        self._date_text = ""

    def __repr__(self) -> str:
        return f"Client({self._line.url!r})"

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._line.close()

    def server_now(self) -> datetime | None:
        """The far side's clock now, told by its last `Date` and the time since; None before the first answer."""
        if self._seen_date is None:
            return None
        date, at = self._seen_date
        return date + timedelta(seconds=self._clock.monotonic() - at)

    async def push(self, body: Mapping[str, wire.Json], key: str, in_time: Callable[[], bool] = lambda: True) -> Pushed:
        """POST /v2/push, once, over a connection of its own. *key* is the Idempotency-Key.

        *in_time*, asked just before it goes, is whether it still may; if not, UnreachableError is raised.
        """
        what = "POST " + wire.PUSH
        answer = await self._post(wire.PUSH, body, {wire.IDEMPOTENCY_HEADER: key}, self._deadline, in_time)
        try:
            response = wire.parse_push(decoded(answer))
        except wire.WireError as error:
            message = f"{what} answered 200 with a body that cannot be used ({error})"
            raise unconfirmed(message, self.redactor, answer.body) from None
        return Pushed(response, self.engine is True, self.server_now())

    async def job(self, job_id: str, offset: int = 0) -> wire.Job:
        """GET /v2/jobs/{id}. RefusedError with status 404: the far side has no such job."""
        params = {"offset": str(offset)} if offset else {}
        return await self._call("GET", _job_path(job_id), params, wire.parse_job)

    async def await_job(self, job_id: str, timeout: float = AWAIT_SECONDS) -> wire.Job | None:  # noqa: ASYNC109 - the far side's parameter
        """GET /v2/jobs/{id}/await: the job at its end; None when it had none in time. Tried once."""
        params = {"timeout": f"{timeout:g}"} if self.engine else {}
        longest = AWAIT_SECONDS + 30.0
        try:
            return await self._call(
                "GET", _job_path(job_id) + "/await", params, wire.parse_job, deadline=longest, tries=1
            )
        except UnconfirmedError as error:
            if error.status == 408:
                return None
            raise

    async def jobs(self, limit: int = wire.PAGE_LIMIT, offset: int = 0, status: str = "") -> wire.JobPage:
        """A page of GET /v2/jobs. Raises TooLargeError where a smaller *limit* is needed."""
        params = {"limit": str(limit), "offset": str(offset)} | ({"status": status} if status else {})
        return await self._call("GET", wire.JOBS, params, wire.parse_page)

    async def job_by_ref(self, key: str) -> wire.Job | None:
        """The job that was pushed with this Idempotency-Key; None if there is none. Of our engine alone."""
        page = await self._call("GET", wire.JOBS, {"client_ref": key}, wire.parse_page, engine_only=True)
        return page.jobs[0] if page.jobs else None

    async def cancel(self, job_id: str) -> bool:
        """DELETE /v2/jobs/{id}: whether it was cancelled. False: the far side says that it is not processing."""
        try:
            await self._call("DELETE", _job_path(job_id), {}, lambda body: body)
        except RefusedError as error:
            if error.status == 400:
                return False
            raise
        return True

    async def logs(self, job_id: str, start: int = 0) -> tuple[tuple[wire.LogLine, ...], int]:
        """A page of GET /v2/logs from *start* on, nanoseconds since the epoch, and where the next one starts."""
        params = {"job_id": job_id} | ({"start_time": str(start)} if start else {})
        return await self._call("GET", wire.LOGS, params, wire.parse_logs)

    async def functions(self) -> tuple[str, ...]:
        """`owner/name` of every function the far side lists, sorted."""
        found: set[str] = set()
        for page in range(20):
            params = {"limit": str(wire.PAGE_LIMIT), "offset": str(page * wire.PAGE_LIMIT)}
            names = await self._call("GET", wire.FUNCTIONS, params, function_names)
            found.update(names)
            if len(names) < wire.PAGE_LIMIT:
                break
        return tuple(sorted(found))

    async def function(self, name: str) -> wire.Function | None:
        """GET /v2/functions/{owner}/{name} of *name*, `owner/name`; None where the far side knows none."""
        path = f"{wire.FUNCTIONS}/{quote(name, safe='/')}"
        try:
            return await self._call("GET", path, {}, wire.parse_function)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    async def own(self, method: str, path: str, params: Mapping[str, str]) -> wire.Json:
        """A call of a route that our engine alone has, below /x/; its answer as it is."""
        return await self._call(method, path, params, lambda body: body, engine_only=True)

    async def order(self, path: str, body: Mapping[str, wire.Json], *, deadline: float) -> wire.Json:
        """A POST with a body to a route below /x/, which may take *deadline* seconds. Made once; its answer."""
        answer = await self._post(path, body, {}, deadline)
        if answer.header(wire.ENGINE_HEADER) != "1":
            raise UnconfirmedError(f"POST {path} was not answered by the engine", status=answer.status)
        return decoded(answer)

    async def download(self, url: str, part: Part) -> None:
        """Fetches *url*, an output's, into *part*. The key is not sent along. Tried again after a passing failure.

        Raises RefusedError for a url that is not good (any more), OSError for a disk that is full.
        """
        for attempt in range(1, DOWNLOAD_TRIES + 1):
            try:
                deadline = self._download_deadline
                return await self._line.download(url, part, longest_pause=self._deadline, deadline=deadline)
            except (NotSentError, BrokenError) as error:
                status = error.status if isinstance(error, StatusError) else None
                passing = status is None or status >= 500 or status in (408, 429)
                if not passing or attempt == DOWNLOAD_TRIES:
                    raise (UnconfirmedError if passing else RefusedError)(str(error), status=status) from None
            part.restart()
            await self._clock.sleep(backoff(attempt) * self._jitter())
        return None

    async def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        parse: Callable[[wire.Json], T],
        *,
        deadline: float | None = None,
        tries: int = READ_TRIES,
        engine_only: bool = False,
    ) -> T:
        """A call that may be repeated. Waits out a 429 and passing failures, *tries* times in all."""
        for attempt in range(1, tries + 1):
            try:
                answer = await self._answer(method, path, params, deadline or self._deadline)
                if engine_only and answer.header(wire.ENGINE_HEADER) != "1":
                    raise UnconfirmedError(f"{method} {path} was not answered by the engine", status=answer.status)
                return parse(decoded(answer))
            except wire.WireError as error:
                kind = TooLargeError if isinstance(error, ManyValuesError) else UnconfirmedError
                wrong: CallError = kind(f"{method} {path} answered with a body that cannot be used ({error})")
            except CallError as error:
                wrong = error
            passing = not isinstance(wrong, RefusedError | TooLargeError | NoEngineError) or wrong.status == 429
            if not passing or attempt == tries:
                raise wrong
            asked = wrong.retry_after
            await self._clock.sleep(backoff(attempt) * self._jitter() if asked is None else asked)
        raise ValueError(f"tries counts from 1, got {tries}")

    async def _post(
        self,
        path: str,
        body: Mapping[str, wire.Json],
        headers: Mapping[str, str],
        deadline: float,
        in_time: Callable[[], bool] = lambda: True,
    ) -> RawAnswer:
        """A POST with a body, once, over a connection of its own; its 200."""
        content, url, what = _ENCODER.encode(body).encode(), self._line.url, f"POST {path}"
        sent = {"Content-Type": "application/json", **headers}
        try:
            answer = await self._line.post_once(path, content, sent, deadline=deadline, in_time=in_time)
        except NotSentError as error:
            raise self._unreachable(url, error) from None
        except BrokenError as error:
            raise unconfirmed(f"{what}: {error}", self.redactor, error.body) from None
        return self._good(answer, what)

    async def _answer(self, method: str, path: str, params: Mapping[str, str], deadline: float) -> RawAnswer:
        what = f"{method} {path}"
        try:
            answer = await self._line.call(method, path, params, deadline=deadline)
        except NotSentError as error:
            raise self._unreachable(self._line.url, error) from None
        except TooLongError as error:
            raise TooLargeError(f"{what}: {error}") from None
        except BrokenError as error:
            raise unconfirmed(f"{what}: {error}", self.redactor) from None
        return self._good(answer, what)

    def _good(self, answer: RawAnswer, what: str) -> RawAnswer:
        """*answer*, if it is a 200; else raises what it means."""
        self._note(answer)
        if answer.status != 200:
            raise refusal(answer, what, self.redactor, now=self.server_now() or self._clock.now())
        return answer

    def _note(self, answer: RawAnswer) -> None:
        self.engine = self.engine is True or answer.header(wire.ENGINE_HEADER) == "1"
        text = answer.header("date")
        if text is not None and text != self._date_text:
            self._date_text, date = text, parse_date(text)
            if date is not None:
                # The same text again says nothing new: its second began no later than when it was first seen.
                self._seen_date = (date, self._clock.monotonic())

    def _unreachable(self, url: str, error: NotSentError) -> UnreachableError:
        return UnreachableError(self.redactor.clean(f"could not reach {url}: {error}"))


def _job_path(job_id: str) -> str:
    return f"{wire.JOBS}/{quote(job_id, safe='')}"
