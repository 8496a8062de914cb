"""A saved plan holds what was reviewed, and is stale once one of its changes no longer is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.plan.saved import MOST_TOLD, SavedPlan, held_to, parse, saved, stale, written
from sieve_jobs.wire import Status
from tests.plan.world import KEY, START, World, asks, doubt, earlier, pushed, rows, variable


def world(**fields: object) -> World:
    """One spec for each action."""
    base = World(
        specs=[
            asks("new", {"n": 1}), asks("edited", {"n": 2}), asks("back", {"n": 3}), asks("renamed/clip", {"n": 4}),
            asks("same", {"n": 5}), asks("unsure", {"n": 6}),
        ],
        entries=[
            pushed(asks("edited", {"n": 22})), pushed(asks("back", {"n": 33})), pushed(asks("old/clip", {"n": 4})),
            pushed(asks("same", {"n": 5})), pushed(asks("gone", {"n": 7})),
        ],
        past_jobs=[earlier(asks("back", {"n": 3}), "job-before")],
        intents=[doubt(asks("unsure", {"n": 6}))],
    )  # fmt: skip
    return replace(base, **fields)  # type: ignore[arg-type]


PRUNING = PlanOptions(key=KEY, prune="forget")


def reviewed(options: PlanOptions = PRUNING, *, lineage: str = "lineage") -> SavedPlan:
    return parse(written(saved(world().plan(options), options, lineage=lineage, at=START)))


def without(name: str) -> Callable[[World], World]:
    return lambda w: replace(w, specs=[detail for detail in w.specs if detail.spec.name != name])


def edited(name: str) -> Callable[[World], World]:
    return lambda w: replace(
        w, specs=[asks(name, {"n": 99}) if detail.spec.name == name else detail for detail in w.specs]
    )


def done(name: str, n: int, job: str = "job-of-another-run") -> Callable[[World], World]:
    entry = pushed(asks(name, {"n": n}), job=job)
    return lambda w: replace(w, entries=[*(each for each in w.entries if each.name != name), entry])


def test_it_holds_names_digests_and_jobs_and_no_value() -> None:
    secret = {"TOKEN": variable("TOKEN", "canary-secret"), "PLACE": variable("PLACE", "canary-masked")}
    plan = World([asks("a", {"text": "canary-literal"}, env=secret)], [pushed(asks("a", {"text": "before"}))]).plan()
    text = written(saved(plan, PlanOptions(key=KEY, rerun=frozenset({"a"})), lineage="L", at=START))
    assert "canary" not in text
    assert json.loads(text) == {
        "format": "sieve-jobs-plan", "format_version": "1.0", "target": "prod", "endpoint": "https://far.example",
        "lineage": "L", "serial": 7, "at": "2026-11-23T12:00:00.000Z", "selected": None, "rerun": ["a"], "prune": None,
        "changes": [
            {"name": "a", "action": "push", "reason": "inputs_changed", "digest": plan.changes[0].digest,
             "job_id": "job-a"},
        ],
    }  # fmt: skip


def test_what_was_written_is_read_again() -> None:
    options = replace(PRUNING, selected=frozenset({"new", "back"}), rerun=frozenset({"back"}))
    plan = saved(world().plan(options), options, lineage="L", at=START)
    assert parse(written(plan)) == plan
    everything = saved(world().plan(PRUNING), PRUNING, lineage="", at=START)
    assert parse(written(everything)) == everything


def test_nothing_changed_is_not_stale_and_all_of_it_is_done() -> None:
    today = world().plan(PRUNING)
    assert stale(reviewed(), today, "lineage") == ()
    assert held_to(reviewed(), today) == today


@pytest.mark.parametrize(
    ("change", "name", "why"),
    [
        pytest.param(edited("new"), "new", "its spec, or what it reads, has changed", id="a new spec was edited"),
        pytest.param(edited("edited"), "edited", "its spec, or what it reads, has changed", id="edited again"),
        pytest.param(done("new", 1), "new", "nothing is to be done with it now", id="another run pushed it"),
        pytest.param(done("edited", 23), "edited", "and is job-of-another-run now", id="another job"),
        pytest.param(without("new"), "new", "nothing is to be done with it now", id="a new spec is gone"),
        pytest.param(without("edited"), "edited", "it was to be pushed, and now is to be pruned", id="removed"),
        pytest.param(
            lambda w: replace(w, past_jobs=[]), "back", "was to use an earlier job again, and now is to be pushed",
            id="nothing to use again",
        ),
        pytest.param(
            lambda w: replace(w, past_jobs=[earlier(asks("back", {"n": 3}), "job-later")]), "back", "by other means",
            id="another job is used again",
        ),
        pytest.param(
            edited("renamed/clip"), "renamed/clip", "it was to take over a job, and now is to be pushed", id="no move"
        ),
        pytest.param(
            lambda w: replace(w, specs=[*w.specs, asks("gone", {"n": 7})]), "gone", "nothing is to be done",
            id="a removed spec came back",
        ),
        pytest.param(
            lambda w: replace(w, intents=[*w.intents, doubt(asks("new", {"n": 1}))]), "new", "now is to be resolved",
            id="a push came into doubt",
        ),
    ],
)  # fmt: skip
def test_stale(change: Callable[[World], World], name: str, why: str) -> None:
    (problem,) = (
        each for each in stale(reviewed(), change(world()).plan(PRUNING), "lineage") if f"'{name}'" in each.message
    )
    assert problem.code == "SJ130"
    assert why in problem.message


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda w: replace(w, intents=[]), id="a doubt was settled"),
        pytest.param(lambda w: replace(w, specs=[*w.specs, asks("later", {"n": 8})]), id="a spec more"),
        pytest.param(edited("same"), id="a spec that was not in it was edited"),
        pytest.param(lambda w: replace(w, specs=list(reversed(w.specs))), id="another order"),
    ],
)
def test_not_stale(change: Callable[[World], World]) -> None:
    plan = reviewed(PlanOptions(key=KEY))
    today = change(world()).plan()
    assert stale(plan, today, "lineage") == ()
    kept = {name for name, _, _ in rows(held_to(plan, today))}
    assert {"new", "edited", "back", "renamed/clip", "gone"} <= kept
    assert not kept & {"later", "same"}


def test_what_is_not_in_it_is_left_and_said() -> None:
    later = [asks(f"later-{n}", {"later": n}) for n in range(7)]
    today = replace(world(), specs=[*world().specs, *later]).plan(PRUNING)
    kept = held_to(reviewed(), today)
    assert kept.summary == world().plan(PRUNING).summary
    assert kept.notices[-1].text == (
        "7 specs need a push that is not in the plan, and are left: "
        "'later-0', 'later-1', 'later-2', 'later-3', 'later-4', …"
    )


def test_a_plan_over_an_empty_state_holds_until_its_specs_have_jobs() -> None:
    empty = replace(world(), entries=[], past_jobs=[], intents=[])
    plan = saved(empty.plan(), PlanOptions(key=KEY), lineage="", at=START)
    assert stale(plan, empty.plan(), "made-by-apply") == ()
    assert len(stale(plan, done("new", 1)(empty).plan(), "made-by-apply")) == 1


def test_another_state_is_one_problem() -> None:
    (problem,) = stale(reviewed(), world().plan(PRUNING), "another")
    assert "lineage" in problem.message


def test_many_stale_changes_are_counted() -> None:
    many = World([asks(f"s{n}", {"n": n}) for n in range(1000)])
    plan = saved(many.plan(), PlanOptions(key=KEY), lineage="", at=START)
    found = stale(plan, World(entries=[pushed(asks("x"))]).plan(), "")
    assert len(found) == MOST_TOLD + 1
    assert found[-1].message == "and 980 more changes are no longer as planned"


def test_a_running_job_that_ended_since_is_no_matter() -> None:
    entries = [pushed(asks("a", {"n": 1}), Status.PROCESSING)]
    plan = saved(World([asks("a", {"n": 2})], entries).plan(), PlanOptions(key=KEY), lineage="", at=START)
    over = World([asks("a", {"n": 2})], [pushed(asks("a", {"n": 1}), Status.ERROR)])
    assert stale(plan, over.plan(), "") == ()


GOOD = written(saved(world().plan(), PlanOptions(key=KEY), lineage="L", at=START))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "is no saved plan", id="empty"),
        pytest.param("hello", "is no saved plan", id="text"),
        pytest.param("[" * 100_000, "is no saved plan", id="brackets"),
        pytest.param("\0\x1b", "is no saved plan", id="binary"),
        pytest.param("null", "is no saved plan", id="null"),
        pytest.param('{"format": "other"}', "is no saved plan", id="other json"),
        pytest.param(GOOD[:-20], "is cut off", id="cut off"),
        pytest.param(GOOD[:300], "is cut off", id="cut off early"),
        pytest.param(GOOD.replace('"1.0"', '"2.0"'), 'another version of sieve-jobs (format "2.0")', id="newer"),
        pytest.param(GOOD.replace('"1.0"', "2"), "another version of sieve-jobs (format 2)", id="a number"),
        pytest.param(GOOD.replace('"push"', '"launch"'), "changed by hand", id="unknown action"),
        pytest.param(GOOD.replace('"prod"', "7"), "changed by hand", id="target no text"),
        pytest.param(GOOD.replace('"changes": [', '"changes": [null,'), "changed by hand", id="no row"),
        pytest.param(GOOD.replace('"lineage"', '"x"'), "changed by hand", id="a key is missing"),
        pytest.param(GOOD.replace('"prune": null', '"prune": "all"'), "changed by hand", id="unknown prune"),
        pytest.param(GOOD.replace('"rerun": []', '"rerun": "new"'), "changed by hand", id="rerun no list"),
    ],
)
def test_what_is_no_saved_plan_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        parse(text)


def test_a_later_minor_version_is_read() -> None:
    assert parse(GOOD.replace('"1.0"', '"1.7"').replace('"serial"', '"more": 1,\n "serial"')) == parse(GOOD)
