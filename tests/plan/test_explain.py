"""Why a spec would run or not, in words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sieve_jobs.plan.action import Reason
from sieve_jobs.plan.explain import WORDS, explain
from sieve_jobs.wire import Status
from tests.plan.world import World, asks, doubt, earlier, pushed

DUB, WIDE = asks("dub", {"width": 640}), asks("dub", {"width": 1280})


@pytest.mark.parametrize(
    ("world", "first"),
    [
        pytest.param(World([DUB]), "'dub' would be pushed: no job of it is known", id="new"),
        pytest.param(World([WIDE], [pushed(DUB)]), "'dub' would be pushed again: inputs changed", id="changed"),
        pytest.param(
            World([DUB], [pushed(DUB)]),
            "'dub' would not run: nothing it asks for has changed, and its job finished",
            id="unchanged",
        ),
        pytest.param(
            World([DUB], [pushed(DUB, Status.ERROR)]),
            "'dub' would not run: nothing it asks for has changed, and its job's end is final",
            id="failed",
        ),
        pytest.param(
            World([DUB], [pushed(DUB, Status.QUEUED)]),
            "'dub' would not run again: nothing it asks for has changed, and its job goes on",
            id="running",
        ),
        pytest.param(
            World([DUB], [pushed(WIDE)], [earlier(DUB, "old")]),
            "'dub' would not run: job old had the same digest and is used again",
            id="reused",
        ),
        pytest.param(
            World([DUB], [pushed(asks("was", {"width": 640}))]),
            "'dub' would not run: it asks for what 'was' asked for, and takes its job over",
            id="renamed",
        ),
        pytest.param(
            World([], [pushed(DUB)]), "'dub' is no longer among the specs; its job is left alone", id="removed"
        ),
        pytest.param(
            World([asks("now", {"width": 640})], [pushed(DUB)]),
            "'dub' is no longer among the specs: 'now' asks for what it asked for, and takes its job over",
            id="renamed away",
        ),
        pytest.param(
            World([], [pushed(DUB, orphaned=True)]),
            "'dub' is no longer among the specs; its entry is kept until it is pruned",
            id="removed before",
        ),
        pytest.param(
            World([DUB], intents=[doubt(DUB)]),
            "'dub' waits: a push of 2026-11-23 12:00:00 UTC got no clear answer and may have arrived",
            id="in doubt",
        ),
        pytest.param(
            World([DUB], [pushed(DUB, Status.QUEUED, lost=True)]),
            "'dub' waits for a decision: the far side lost its job",
            id="lost",
        ),
        pytest.param(World(), "'dub' is not among the specs, and the state does not know it", id="unknown"),
    ],
)
def test_the_first_line_is_the_answer(world: World, first: str) -> None:
    entry = next((entry for entry in world.entries if entry.name == "dub"), None)
    said = explain("dub", world.plan(), entry)
    assert said.lines[0] == first
    json.dumps(said.data, allow_nan=False)


def test_it_names_the_last_job_and_why_it_was_pushed() -> None:
    entry = pushed(DUB, commit="a" * 40, completed_at=pushed(DUB).pushed_at)
    assert explain("dub", World([DUB], [entry]).plan(), entry).lines[1] == (
        "job job-dub was pushed 2026-11-23 12:00:00 UTC from commit aaaaaaaaaaaa (new): finished,"
        " ended 2026-11-23 12:00:00 UTC"
    )


def test_it_says_why_an_earlier_job_is_not_used_again() -> None:
    past = [earlier(DUB, "old", Status.ERROR)]
    world = World([DUB], [pushed(WIDE)], past)
    said = explain("dub", world.plan(), pushed(WIDE), past)
    assert said.lines[2] == (
        "job old of 2026-11-23 11:00:00 UTC had the same digest and is not used again: it ended as error"
    )


def test_a_job_that_failed_is_said_with_the_way_to_run_it_again() -> None:
    said = explain("dub", World([DUB], [pushed(DUB, Status.ERROR)]).plan(), pushed(DUB, Status.ERROR))
    assert said.lines[-1].endswith(
        "that is final until the spec changes; to run it again: sieve-jobs rerun dub -t prod"
    )


def test_a_reason_of_a_newer_version_is_shown_as_it_is() -> None:
    entry = replace(pushed(DUB), reason="moon_phase")
    assert "(moon_phase)" in explain("dub", World([DUB], [entry]).plan(), entry).lines[1]


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(Reason)
