"""Whatever ends a run is one line with a code; an unexpected error shows no value."""

from __future__ import annotations

import io
import json

import click
import pytest

from sieve_jobs.cli.ending import ended
from sieve_jobs.cli.streams import Streams
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import (
    DecisionError,
    ExitCode,
    GuardedError,
    InvalidError,
    LockedError,
    RefusedError,
    StateError,
    UnconfirmedError,
    UnreachableError,
    UsageError,
)

PROBLEM = Diagnostic("SJ100", "something is wrong")


@pytest.mark.parametrize(
    ("error", "code", "needle"),
    [
        pytest.param(InvalidError(PROBLEM), ExitCode.INVALID, "something is wrong", id="invalid"),
        pytest.param(GuardedError(PROBLEM), ExitCode.GUARDED, "something is wrong", id="guarded"),
        pytest.param(DecisionError(PROBLEM), ExitCode.DECISION, "something is wrong", id="decision"),
        pytest.param(LockedError(PROBLEM), ExitCode.LOCKED, "something is wrong", id="locked"),
        pytest.param(StateError(PROBLEM), ExitCode.ERROR, "something is wrong", id="state"),
        pytest.param(UsageError(PROBLEM), ExitCode.USAGE, "something is wrong", id="usage"),
        pytest.param(click.UsageError("Odd."), ExitCode.USAGE, "error: odd  [SJ186]", id="click"),
        pytest.param(
            RefusedError("no", status=403), ExitCode.ERROR, "no  [SJ149]\nhint: is it the right api key", id="refused"
        ),
        pytest.param(
            UnreachableError("away"), ExitCode.ERROR, "away  [SJ145]\nhint: nothing was sent", id="unreachable"
        ),
        pytest.param(UnconfirmedError("cut"), ExitCode.ERROR, "cut  [SJ149]", id="unconfirmed"),
        pytest.param(KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted", id="ctrl-c"),
        pytest.param(ValueError("canary"), ExitCode.ERROR, "unexpected ValueError  [SJ189]", id="unexpected"),
        pytest.param(OSError(28, "No space left on device", "/x"), ExitCode.ERROR, "no space left", id="disk"),
        pytest.param(SystemExit(3), 3, "", id="exit"),
    ],
)
@pytest.mark.parametrize("wants_json", [False, True], ids=["text", "json"])
def test_ended(error: BaseException, code: int, needle: str, wants_json: bool) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert ended(error, Streams(out, err), {}, wants_json=wants_json) == code
    assert needle in err.getvalue()
    assert "canary" not in err.getvalue() + out.getvalue()
    assert "Traceback" not in err.getvalue()
    if wants_json and not isinstance(error, SystemExit):
        assert json.loads(out.getvalue())["exit_code"] == code
    else:
        assert out.getvalue() == ""


def test_one_document_a_run() -> None:
    out = io.StringIO()
    streams = Streams(out, io.StringIO())
    streams.document({"a": 1})
    ended(InvalidError(PROBLEM), streams, {}, wants_json=True)
    assert json.loads(out.getvalue())["a"] == 1


def test_the_debug_variable_shows_where() -> None:
    err = io.StringIO()
    try:
        raise ValueError("shown")
    except ValueError as error:
        ended(error, Streams(io.StringIO(), err), {"SIEVE_JOBS_DEBUG": "1"}, wants_json=False)
    assert "Traceback" in err.getvalue()
    assert "shown" in err.getvalue()
