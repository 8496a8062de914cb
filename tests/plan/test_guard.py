"""Plans that are refused, and the flag that lifts each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sieve_jobs.pages import read_pages
from sieve_jobs.plan.guard import check, finished_jobs
from sieve_jobs.plan.plan import Plan, PlanOptions
from sieve_jobs.wire import Status
from tests.plan.world import KEY, World, asks, pushed


def refusals(plan: Plan, **settings: object) -> list[str]:
    """Codes of what is refused; each has a page, and its hint names a flag."""
    usual: dict = {
        "interactive": False,
        "max_pushes": None,
        "allow_removals": False,
        "found_files": 1,
        "wanted": 1,
        "finished": 0,
    }
    found = check(plan, **(usual | settings))
    for problem in found:
        assert problem.code in read_pages()
        assert problem.hint is not None
        assert "--" in problem.hint
    return [problem.code for problem in found]


def new(count: int) -> Plan:
    return World([asks(f"s{number}", {"n": number}) for number in range(count)]).plan()


def edited(count: int, of: int, status: Status = Status.FINISHED) -> Plan:
    specs = [asks(f"s{number}", {"n": number, "edited": number < count}) for number in range(of)]
    return World(specs, [pushed(asks(f"s{n}", {"n": n, "edited": False}), status) for n in range(of)]).plan()


def removed(count: int, of: int, **options: object) -> Plan:
    specs = [asks(f"s{number}", {"n": number}) for number in range(of)]
    return World(specs[count:], [pushed(spec) for spec in specs]).plan(PlanOptions(key=KEY, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plan", "settings", "expected"),
    [
        pytest.param(new(3), {"max_pushes": 3}, [], id="as many as allowed"),
        pytest.param(new(4), {"max_pushes": 3}, ["SJ131"], id="one more"),
        pytest.param(new(4), {"max_pushes": 3, "interactive": True}, [], id="a person is asked"),
        pytest.param(
            new(4), {"max_pushes": 3, "interactive": True, "max_pushes_given": True}, ["SJ131"], id="who said 3 means 3"
        ),
        pytest.param(new(4), {"max_pushes": 4, "max_pushes_given": True}, [], id="lifted by the flag"),
        pytest.param(new(99), {}, [], id="no limit"),
        pytest.param(edited(3, of=10), {"finished": 10}, [], id="3 of 10 again"),
        pytest.param(edited(4, of=10), {"finished": 10}, ["SJ132"], id="4 of 10 again"),
        pytest.param(edited(4, of=10), {"finished": 10, "interactive": True}, ["SJ132"], id="at a terminal too"),
        pytest.param(
            edited(4, of=10), {"finished": 10, "max_pushes": 50}, ["SJ132"], id="a target's limit lifts nothing"
        ),
        pytest.param(
            edited(4, of=10),
            {"finished": 10, "max_pushes": 4, "max_pushes_given": True},
            [],
            id="again, lifted by the flag",
        ),
        pytest.param(edited(10, of=10), {"finished": 10, "local": True}, [], id="again, where nothing is paid"),
        pytest.param(
            edited(4, of=10),
            {"finished": 10, "local": True, "max_pushes": 3},
            ["SJ131"],
            id="a limit of the engine's own",
        ),
        pytest.param(edited(9, of=9), {"finished": 9}, [], id="fewer than ten are changed by hand"),
        pytest.param(edited(9, of=10, status=Status.ERROR), {"finished": 10}, [], id="failed ones are not paid again"),
        pytest.param(removed(3, of=10), {}, [], id="3 of 10 gone"),
        pytest.param(removed(4, of=10), {}, ["SJ133"], id="4 of 10 gone"),
        pytest.param(removed(4, of=10), {"allow_removals": True}, [], id="gone, lifted by the flag"),
        pytest.param(removed(9, of=9), {}, [], id="of fewer than ten all may go"),
        pytest.param(
            removed(2, of=2), {"wanted": 0, "found_files": 0}, ["SJ134"], id="nothing found is not all removed"
        ),
        pytest.param(removed(20, of=20), {"wanted": 0}, ["SJ134"], id="nothing found goes before many gone"),
        pytest.param(removed(2, of=2), {"wanted": 0, "allow_removals": True}, [], id="nothing found, lifted"),
    ],
)
def test_refused(plan: Plan, settings: dict, expected: list[str]) -> None:
    assert refusals(plan, **settings) == expected


def test_orphans_said_before_are_not_gone_again() -> None:
    entries = [pushed(asks(f"s{number}", {"n": number}), orphaned=number < 9) for number in range(10)]
    plan = World([asks("s9", {"n": 9})], entries).plan(PlanOptions(prune="forget", key=KEY))
    assert len(plan.changes) == 9
    assert refusals(plan) == []


class TestProtected:
    def plan(self, status: Status = Status.FINISHED) -> Plan:
        before, after = (asks("key[a=b]", {"n": number}, protect=True) for number in (1, 2))
        return World([after], [pushed(before, status)]).plan()

    def test_a_finished_job_of_a_protected_spec_is_not_replaced(self) -> None:
        assert refusals(self.plan()) == ["SJ135"]

    def test_the_flag_lifts_it_for_that_name_alone(self) -> None:
        assert refusals(self.plan(), allow_protected={"key[a=b]"}) == []
        assert refusals(self.plan(), allow_protected={"other"}) == ["SJ135"]

    def test_the_hint_can_be_pasted(self) -> None:
        (problem,) = check(
            self.plan(), interactive=False, max_pushes=None, allow_removals=False, found_files=1, wanted=1, finished=1
        )
        assert problem.hint == "if it is meant: --allow-protected 'key[a=b]'"
        assert str(problem.place) == "jobspecs/key[a=b].yaml:1:1"

    @pytest.mark.parametrize("status", [Status.ERROR, Status.CANCELLED, Status.PROCESSING])
    def test_a_job_that_never_finished_may_be_replaced(self, status: Status) -> None:
        assert refusals(self.plan(status)) == []

    def test_the_first_job_of_a_protected_spec_is_pushed(self) -> None:
        assert refusals(World([asks("a", protect=True)]).plan()) == []


def test_finished_jobs_counts_orphans_but_no_running_ones() -> None:
    world = World(entries=[pushed(asks("a")), pushed(asks("b"), orphaned=True), pushed(asks("c"), Status.QUEUED)])
    assert finished_jobs(world.state()) == 2
    assert finished_jobs(replace(world.state(), open={})) == 1
