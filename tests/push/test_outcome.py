"""The outcome table: what is true after an attempt to push."""

from __future__ import annotations

import httpx
import pytest

from sieve_jobs.errors import CallError, RefusedError, UnconfirmedError, UnreachableError
from sieve_jobs.push.outcome import Outcome, of_error, of_exception, of_status

REFUSED, STOPPED, BUSY = Outcome.REFUSED, Outcome.STOPPED, Outcome.BUSY
UNREACHABLE, UNCONFIRMED = Outcome.UNREACHABLE, Outcome.UNCONFIRMED


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Outcome.CREATED),
        *((status, REFUSED) for status in (400, 404, 406, 413, 422)),
        *((status, STOPPED) for status in (300, 301, 302, 303, 304, 307, 308, 401, 402, 403)),
        (429, BUSY),
        *(
            (status, UNCONFIRMED)
            for status in (201, 202, 204, 405, 408, 409, 410, 418, 425, 500, 501, 502, 503, 504, 599)
        ),
    ],
)
def test_every_status_has_an_outcome(status: int, expected: Outcome) -> None:
    assert of_status(status) is expected


@pytest.mark.parametrize("status", [408, 409, 500, 503])
def test_our_engine_s_word_that_it_created_nothing_is_believed(status: int) -> None:
    assert of_status(status, surely_not_applied=True) is BUSY


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("x"), UNREACHABLE),
        (httpx.ConnectTimeout("x"), UNREACHABLE),
        (httpx.PoolTimeout("x"), UNREACHABLE),
        (httpx.LocalProtocolError("x"), UNREACHABLE),
        (httpx.UnsupportedProtocol("x"), UNREACHABLE),
        (httpx.WriteError("x"), UNCONFIRMED),
        (httpx.WriteTimeout("x"), UNCONFIRMED),
        (httpx.ReadError("x"), UNCONFIRMED),
        (httpx.ReadTimeout("x"), UNCONFIRMED),
        (httpx.CloseError("x"), UNCONFIRMED),
        (httpx.RemoteProtocolError("x"), UNCONFIRMED),
        (httpx.DecodingError("x"), UNCONFIRMED),
        (httpx.TooManyRedirects("x"), UNCONFIRMED),
        (httpx.ProxyError("x"), UNCONFIRMED),
        (OSError("x"), UNCONFIRMED),
        (TimeoutError(), UNCONFIRMED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_only_what_provably_did_not_leave_is_unreachable(error: Exception, expected: Outcome) -> None:
    assert of_exception(error) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(UnreachableError("x"), UNREACHABLE, id="unreachable"),
        pytest.param(UnconfirmedError("x", status=500), UNCONFIRMED, id="unconfirmed"),
        pytest.param(RefusedError("x", status=404), REFUSED, id="this-spec"),
        pytest.param(RefusedError("x", status=402), STOPPED, id="everything"),
        pytest.param(RefusedError("x", status=429), BUSY, id="busy"),
        pytest.param(RefusedError("x", status=503), BUSY, id="the-engine-is-busy"),
        pytest.param(RefusedError("x"), UNCONFIRMED, id="nothing-known"),
    ],
)
def test_an_error_stands_for_its_outcome(error: CallError, expected: Outcome) -> None:
    assert of_error(error) is expected
