"""What goes on is what was begun: everything else of a plan is left, and counted."""

from __future__ import annotations

from sieve_jobs.plan.action import Action
from sieve_jobs.plan.begun import MOST_NAMED, begun
from sieve_jobs.plan.plan import Summary
from sieve_jobs.wire import Status
from tests.plan.world import World, asks, doubt, earlier, pushed


def test_doubts_and_what_runs_go_on_and_the_rest_is_counted() -> None:
    plan = World(
        specs=[
            asks("back", {"n": 3}), asks("edited", {"n": 2}), asks("new", {"n": 1}), asks("renamed/clip", {"n": 4}),
            asks("runs", {"n": 5}), asks("unsure", {"n": 6}),
        ],
        entries=[
            pushed(asks("back", {"n": 33})), pushed(asks("edited", {"n": 22}), status=Status.PROCESSING),
            pushed(asks("old/clip", {"n": 4})), pushed(asks("runs", {"n": 5}), status=Status.PROCESSING),
            pushed(asks("gone", {"n": 7})),
        ],
        past_jobs=[earlier(asks("back", {"n": 3}), "job-before")],
        intents=[doubt(asks("unsure", {"n": 6}))],
    ).plan()  # fmt: skip
    assert {change.action for change in plan.changes} == set(Action) - {Action.NOTHING}
    assert any(notice.name == "edited" for notice in plan.notices)
    kept = begun(plan)
    assert [change.name for change in kept.changes] == ["unsure"]
    assert kept.summary == Summary(resolve=1, unchanged=1)
    assert (kept.running, kept.refresh, kept.due) == (plan.running, plan.refresh, 4)
    (notice,) = kept.notices
    assert notice.text == (
        "--continue begins nothing: 4 specs are due (2 to push, 1 to use an earlier job again, 1 renamed): "
        "'back', 'edited', 'new', 'renamed/clip'"
    )
    assert notice.hint == "to begin: sieve-jobs apply -t prod"


def test_of_many_a_few_are_named_and_of_none_nothing_is_said() -> None:
    many = begun(World(specs=[asks(f"clip-{n}", {"n": n}) for n in range(1200)]).plan())
    assert many.notices[0].text.startswith("--continue begins nothing: 1,200 specs are due (1,200 to push): 'clip-0'")
    assert (many.notices[0].text.count("clip-"), many.notices[0].text[-1]) == (MOST_NAMED, "…")
    settled = World(specs=[asks("a")], entries=[pushed(asks("a"))]).plan()
    assert begun(settled) == settled
