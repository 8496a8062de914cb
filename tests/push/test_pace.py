"""How fast pushes go: no limit at first, a token bucket after a 429."""

from __future__ import annotations

import pytest

from sieve_jobs.push.pace import Pace, backoff


def test_there_is_no_limit_before_the_first_429() -> None:
    pace = Pace()
    assert [pace.delay(0.0) for _ in range(1000)] == [0.0] * 1000


def limited(rate_seen: int = 10) -> Pace:
    """After *rate_seen* pushes a second over ten seconds, a 429 that asks for 7 s at the tenth."""
    pace = Pace()
    for i in range(rate_seen * 10):
        pace.succeeded(i / rate_seen)
    pace.refused(10.0, 7.0)
    return pace


def test_a_429_closes_the_gate_for_as_long_as_it_asks() -> None:
    pace = limited()
    assert pace.delay(10.0) == 7.0
    assert pace.delay(16.5) == pytest.approx(0.5)
    assert pace.delay(17.0) == 0.0


def test_afterwards_it_goes_at_half_the_rate_there_was() -> None:
    pace = limited(10)
    assert pace.rate == pytest.approx(5.0, rel=0.1)
    assert pace.delay(17.0) == 0.0
    assert pace.delay(17.0) == pytest.approx(0.2, rel=0.1)
    assert pace.delay(17.25) == 0.0


def test_answers_to_pushes_under_way_do_not_halve_it_again() -> None:
    pace = limited()
    rate = pace.rate
    pace.refused(10.1, 7.0)
    assert pace.rate == rate
    pace.refused(30.0, 1.0)
    assert rate is not None
    assert pace.rate == pytest.approx(rate / 2)


def test_twenty_successes_make_it_a_tenth_faster() -> None:
    pace = limited()
    rate = pace.rate or 0.0
    for _ in range(19):
        pace.succeeded(20.0)
    assert pace.rate == rate
    pace.succeeded(20.0)
    assert pace.rate == pytest.approx(rate * 1.1)


def test_it_never_stands_still() -> None:
    pace = Pace()
    for i in range(50):
        pace.refused(i * 1000.0, 1.0)
    assert pace.rate == 0.2


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1.0), (5, 8.0), (7, 30.0), (10_000, 30.0)])
def test_backoff_doubles_up_to_a_limit(attempt: int, seconds: float) -> None:
    assert backoff(attempt) == seconds


def test_backoff_counts_from_one() -> None:
    with pytest.raises(ValueError, match="counts from 1"):
        backoff(0)
