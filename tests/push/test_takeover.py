"""Which job of the list is what a spec without an entry asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sieve_jobs.plan.action import Reason
from sieve_jobs.push.reconcile import Listing
from sieve_jobs.push.takeover import match, runs_function, taken_over
from sieve_jobs.push.verdict import Absent, Match, Unclear, Verdict
from sieve_jobs.wire import Job, Status
from tests.plan.world import KEY, asks
from tests.push.test_reconcile import AT, job

ONE = asks("a", {"width": 1})
UNCLEAR = Unclear("")
DONE = job(status=Status.FINISHED)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([], Absent(), id="nothing"),
        pytest.param([job()], Match(job()), id="one that runs"),
        pytest.param([DONE], Match(DONE), id="one that finished"),
        pytest.param([job(after=-1e7)], Match(job(after=-1e7)), id="however old"),
        pytest.param([job(status=Status.ERROR)], Absent(), id="one that failed"),
        pytest.param([job(status=Status.CANCELLED), DONE], Match(DONE), id="one beside a cancelled one"),
        pytest.param([job(), job("k")], UNCLEAR, id="two"),
        pytest.param([job(width=2)], Absent(), id="another value"),
        pytest.param([job(function="sieve/other")], Absent(), id="another function"),
        pytest.param([job(function=None)], UNCLEAR, id="function not told"),
        pytest.param([job(org="other")], Absent(), id="another organisation"),
        pytest.param([job("taken")], Absent(), id="a job that an entry has"),
    ],
)
def test_one_spec(jobs: Sequence[Job], expected: Verdict) -> None:
    (found,) = match([ONE], Listing(tuple(jobs)), taken={"taken"}, organization_id="org", key=KEY).values()
    assert type(found) is type(expected)
    if isinstance(expected, Match):
        assert found == expected


def test_a_job_that_two_specs_ask_for_is_neithers() -> None:
    found = match([ONE, asks("b", {"width": 1})], Listing((job(),)), taken=(), organization_id="org", key=KEY)
    assert {name: type(verdict) for name, verdict in found.items()} == {"a": Unclear, "b": Unclear}


def test_jobs_of_two_organisations_are_told_apart_by_a_person() -> None:
    listing = Listing((job(), job("k", width=9, org="other")))
    found = match([ONE], listing, taken=(), organization_id=None, key=KEY)
    assert isinstance(found["a"], Unclear)


def test_a_spec_whose_secret_is_not_set_cannot_be_compared() -> None:
    unset = replace(ONE, spec=replace(ONE.spec, missing=("TOKEN",)))
    found = match([unset], Listing((job(),)), taken=(), organization_id="org", key=KEY)
    assert isinstance(found["a"], Unclear)


def test_the_entry_is_what_a_push_would_have_left() -> None:
    entry = taken_over(ONE, DONE._replace(completed_at=AT), now=AT, commit="5e")
    assert (entry.name, entry.digest, entry.job_id, entry.status) == ("a", ONE.digest, "j", Status.FINISHED)
    assert (entry.pushed_at, entry.completed_at) == (DONE.created_at, AT)
    assert Reason(entry.reason) is Reason.REUSED


def test_a_person_may_name_any_job_of_the_function() -> None:
    assert runs_function(ONE.spec, job(width=77), KEY)
    assert not runs_function(ONE.spec, job(function="sieve/other"), KEY)
