"""Which job is which push: decided from a list, without touching anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sieve_jobs.push.projection import hash_of, project
from sieve_jobs.push.reconcile import Listing, judge
from sieve_jobs.push.verdict import Absent, Match, Unclear, Verdict
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.state.entry import Intent
from sieve_jobs.wire import Job, Status
from tests.plan.world import KEY, asks, doubt

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def intent(detail: Detail, uuid: str = "u", **fields: object) -> Intent:
    projection = project(detail.spec, KEY)
    made = replace(
        doubt(detail), uuid=uuid, at=AT, first_at=AT, server_at=AT, projection=projection,
        projection_hash=hash_of(projection),
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def job(job_id: str = "j", width: int = 1, *, after: float | None = 1.0, org: str = "org", **more: object) -> Job:
    made = Job(
        id=job_id, status=Status.QUEUED, function="sieve/dubbing", function_id="43d7add5", organization_id=org,
        run_id="r", created_at=None if after is None else AT + timedelta(seconds=after), started_at=None,
        completed_at=None, error="", inputs={"width": {"data": width}, "extra": {"data": "default"}}, outputs=(),
    )  # fmt: skip
    return made._replace(**more)  # type: ignore[arg-type]


ONE, BOTH = asks("a", {"width": 1}), asks("b", {"width": 1, "extra": "default"})
UNCLEAR = Unclear("")


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([], Absent(), id="nothing"),
        pytest.param([job()], Match(job()), id="one"),
        pytest.param([job(width=2)], Absent(), id="another-value"),
        pytest.param([job(function="sieve/other")], Absent(), id="another-function"),
        pytest.param([job(org="other")], Absent(), id="another-organisation"),
        pytest.param([job("taken")], Absent(), id="a-job-the-state-holds"),
        pytest.param([job(), job("taken")], Match(job()), id="one-besides-ours"),
        pytest.param([job(after=-5.0)], Match(job(after=-5.0)), id="as-old-as-clocks-may-differ"),
        pytest.param([job(after=-6.0)], Absent(), id="older-than-the-push"),
        pytest.param([job(after=None)], Match(job(after=None)), id="no-time-given"),
        pytest.param([job(), job("k")], UNCLEAR, id="two"),
        pytest.param([job(function=None)], UNCLEAR, id="function-not-told"),
    ],
)
def test_one_push(jobs: Sequence[Job], expected: Verdict) -> None:
    found = judge([intent(ONE)], Listing(tuple(jobs)), taken={"taken"}, organization_id="org", key=KEY)["u"]
    assert found == expected or (expected is UNCLEAR and isinstance(found, Unclear))


@pytest.mark.parametrize("jobs", [[], [job()]], ids=["none-found", "one-found"])
def test_a_list_that_may_lack_jobs_settles_nothing(jobs: list[Job]) -> None:
    found = judge([intent(ONE)], Listing(tuple(jobs), "it is cut"), taken=(), organization_id="org", key=KEY)["u"]
    assert found == Unclear("it is cut", tuple(each.id for each in jobs))


def test_a_job_that_could_be_two_pushes_settles_neither() -> None:
    intents = [intent(ONE, "one"), intent(BOTH, "both")]
    found = judge(intents, Listing((job(),)), taken=(), organization_id="org", key=KEY)
    assert isinstance(found["one"], Unclear)
    assert isinstance(found["both"], Unclear)


def test_two_pushes_find_a_job_each() -> None:
    intents = [intent(ONE, "one"), intent(asks("c", {"width": 3}), "three")]
    found = judge(intents, Listing((job(), job("k", 3))), taken=(), organization_id="org", key=KEY)
    assert found == {"one": Match(job()), "three": Match(job("k", 3))}


def test_without_a_known_organisation_a_mixed_list_settles_nothing() -> None:
    listing = Listing((job(), job("k", 9, org="other")))
    assert isinstance(judge([intent(ONE)], listing, taken=(), organization_id=None, key=KEY)["u"], Unclear)
    assert judge([intent(ONE)], Listing((job(),)), taken=(), organization_id=None, key=KEY)["u"] == Match(job())


@pytest.mark.parametrize(
    ("fields", "after", "found"),
    [
        pytest.param({"server_at": AT + timedelta(hours=1)}, 3600.0, True, id="their-clock-is-ahead"),
        pytest.param({"server_at": AT + timedelta(hours=1)}, 3000.0, False, id="older-by-their-clock"),
        pytest.param({"server_at": None}, -200.0, True, id="their-clock-is-not-known"),
        pytest.param({"attempt": 2}, -200.0, True, id="an-earlier-attempt-s-clock-is-not-known"),
        pytest.param(
            {"attempt": 2, "first_at": AT - timedelta(hours=2)}, -7000.0, True, id="back-to-the-first-attempt"
        ),
    ],
)
def test_the_window_goes_by_the_far_side_s_clock(fields: dict[str, object], after: float, found: bool) -> None:
    verdict = judge([intent(ONE, **fields)], Listing((job(after=after),)), taken=(), organization_id="org", key=KEY)[
        "u"
    ]
    assert isinstance(verdict, Match) is found
