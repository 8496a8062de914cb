"""Plans to be shown: one with every action, and text that tries to act on whoever shows it."""

from __future__ import annotations

from dataclasses import replace

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change, FieldDiff
from sieve_jobs.plan.plan import Notice, Plan, PlanOptions, Summary, Where
from sieve_jobs.wire import Status
from tests.plan.world import KEY, World, asks, doubt, earlier, pushed, variable

JOB = "3f0c1d2e-8a11-4f6e-9a52-0c4b1d7e2f10"

HOSTILE = [
    "\n::stop-commands::x",
    "\r::set-output name=changes::false",
    "::error::x",
    "##[error]x",
    "a ##[group]b",
    "%0A::error::x",
    "a\x1b[2J\x9b2J",
    "\u202eevil\u202c \u2066x\u2069",
    "\u200b\ufeff\u2028\u2029\x85",
    "@octo-org/everyone and #1 and GH-2",
    "[x](https://evil.example) ![i](https://evil.example/i.png)",
    "https://evil.example www.evil.example a@evil.example",
    "<script>alert(1)</script><img src=x onerror=y><!-- sieve-jobs -->",
    "</td></tr></table></details>",
    "a | b \\| c \\\\| d",
    "` `` ``` ```` x",
    "```\n# out\n```",
    "~~~ > - * _ \\ & &lt; {{ }} ${{ secrets.X }} $(id) `id`",
    " ",
    "",
    "a\u0301" * 5_000,
    "\ud800",
    "|" * 3_000,
    "`" * 3_000,
]
"""Text that would act on a terminal, a runner, a table or a reader if it were taken as it comes."""


def a_plan() -> Plan:
    secret = {"TOKEN": variable("TOKEN", "x"), "PLACE": variable("PLACE", "b")}
    specs = [
        asks("shows/intro", {"width": 1280, "langs": ["es", "fr"]}, env=secret),
        asks("new", {"n": 1}),
        asks("captions", {"n": 2}),
        asks("renamed/clip", {"n": 3}),
        asks("same", {"n": 4}),
        asks("unsure[lang=es]", {"n": 5}),
        asks("failed", {"n": 7}),
        asks("again", {"n": 8}),
    ]
    was = {"TOKEN": variable("TOKEN", "x"), "PLACE": variable("PLACE", "a")}
    entries = [
        pushed(asks("shows/intro", {"width": 640, "langs": ["es"], "old": True}, env=was), Status.PROCESSING, JOB),
        pushed(asks("captions", {"n": 22})),
        pushed(asks("old/clip", {"n": 3})),
        pushed(asks("same", {"n": 4})),
        pushed(asks("gone", {"n": 6})),
        pushed(asks("failed", {"n": 7}), Status.ERROR),
        pushed(asks("again", {"n": 8})),
    ]
    past = [earlier(asks("captions", {"n": 2}), "77aa1d2e-8a11")]
    world = World(specs, entries, past, [doubt(asks("unsure[lang=es]", {"n": 5}))])
    return world.plan(PlanOptions(rerun=frozenset({"again"}), key=KEY))


def hostile(text: str) -> Plan:
    """A plan with *text* wherever somebody else's text can stand."""
    base = asks("n", {"k": 1})
    diff = (
        FieldDiff(text, text, text[::-1]),
        FieldDiff("inputs.o", {text: text}, [text]),
        FieldDiff(text, None, text, kind="added"),
        FieldDiff(text, None, None, masked=True),
    )
    past = replace(pushed(base), job_id=text).past()

    def change(action: Action, reason: Reason) -> Change:
        return Change(text, action, reason, text, 3, "v1:sha256:00", diff, moved_from=text, reuses=past)

    changes = tuple(change(action, Reason.NEW) for action in Action if action is not Action.NOTHING)
    return Plan(Where(text, text, text, 1), changes, Summary(push=1), (Notice(text, None, text, text),) * 3)
