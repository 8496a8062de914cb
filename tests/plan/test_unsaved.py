"""Outputs that are to be saved: they are in the plan, are no change, and cost an unchanged tree nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.state.entry import Entry, Saved, SavedFile
from sieve_jobs.wire import Status
from tests.plan.world import KEY, World, asks, pushed, rows

OUT = "out/{index}{ext}"


def kept(entry: Entry, *, asked: str = OUT, complete: bool = True) -> Entry:
    """*entry* with its one output saved."""
    return replace(entry, saved=Saved(asked, "here", (SavedFile("out/0.mp4", 1, "00"),), complete))


SAVES = asks("a", save=OUT)
DONE = kept(pushed(SAVES))


@pytest.mark.parametrize(
    ("detail", "entry", "gone", "due"),
    [
        pytest.param(SAVES, DONE, False, False, id="saved"),
        pytest.param(SAVES, pushed(SAVES), False, True, id="not saved"),
        pytest.param(SAVES, kept(pushed(SAVES), complete=False), False, True, id="saved in part"),
        pytest.param(SAVES, DONE, True, True, id="deleted"),
        pytest.param(asks("a", save="new/{index}"), DONE, False, True, id="to another place"),
        pytest.param(SAVES, pushed(asks("a")), False, True, id="to be saved from now on"),
        pytest.param(asks("a"), DONE, True, False, id="no longer to be saved"),
        pytest.param(SAVES, pushed(SAVES, Status.PROCESSING), False, False, id="still running"),
        pytest.param(SAVES, pushed(SAVES, Status.ERROR, reported=True), False, False, id="failed"),
        pytest.param(SAVES, replace(pushed(SAVES), lost=True, reported=True), False, False, id="lost"),
    ],
)
def test_what_is_due(detail, entry, gone, due) -> None:
    plan = World([detail], [entry]).plan(gone=frozenset({"a"} if gone else ()))
    assert list(plan.unsaved) == (["a"] if due else [])
    assert [notice.reason for notice in plan.notices if notice.reason is Reason.UNSAVED] == [Reason.UNSAVED] * due
    assert (rows(plan), plan.pending, plan.summary.unchanged) == ([], False, 1)
    assert all(entry.save == detail.spec.save for entry in plan.unsaved.values())


def test_a_changed_spec_is_pushed_and_not_saved_first() -> None:
    plan = World([asks("a", {"width": 2}, save=OUT)], [pushed(SAVES)]).plan(gone=frozenset({"a"}))
    assert [(name, action) for name, action, _ in rows(plan)] == [("a", Action.PUSH)]
    assert not plan.unsaved


def test_a_renamed_spec_is_saved_under_its_new_name() -> None:
    plan = World(
        [asks("b", save="out/b/{index}")], [kept(pushed(asks("a", save="out/a/{index}")), asked="out/a/{index}")]
    ).plan()
    assert rows(plan) == [("b", Action.MOVE, Reason.RENAMED)]
    assert plan.unsaved["b"].save == "out/b/{index}"


def test_only_what_is_missing_is_read() -> None:
    others = [asks(f"s{n}", save=f"out/{n}/" + "{index}") for n in range(5)]
    entries = [DONE, *(kept(pushed(detail), asked=str(detail.spec.save)) for detail in others)]
    world = World([SAVES, *others], entries)
    assert not world.plan().unsaved
    assert world.read == []
    assert list(world.plan(gone=frozenset({"s3"})).unsaved) == ["s3"]
    assert world.read == ["s3"]


def test_a_narrowed_run_saves_what_it_is_about() -> None:
    world = World([SAVES, asks("b", save="b/{index}")], [pushed(SAVES), pushed(asks("b", save="b/{index}"))])
    options = PlanOptions(key=KEY, selected=frozenset({"b"}))
    assert list(world.plan(options).unsaved) == ["b"]
