"""What a runner of GitHub reads: annotations and outputs that only we can write."""

from __future__ import annotations

import re

import pytest

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.plan import Plan, Summary
from sieve_jobs.push.result import ApplyResult, Result, Tally
from sieve_jobs.render import github
from sieve_jobs.wire import Status
from tests.plan.world import WHERE, World, asks
from tests.render.plans import HOSTILE, a_plan, hostile

COMMAND = re.compile(r"::(notice|warning|error) [^:\r\n]*::[^\r\n]*")


def test_a_plan() -> None:
    assert github.plan(a_plan(), folder="videos").splitlines() == [
        "::warning file=videos/jobspecs/unsure[lang=es].yaml,line=1,title=sieve-jobs%3A resolve"
        "::unsure[lang=es]: a push without an answer",
        "::notice file=videos/jobspecs/again.yaml,line=1,title=sieve-jobs%3A push::again: asked to run again",
        "::notice file=videos/jobspecs/new.yaml,line=1,title=sieve-jobs%3A push::new: new",
        "::notice file=videos/jobspecs/shows/intro.yaml,line=1,title=sieve-jobs%3A push::shows/intro: inputs changed"
        '%0A  inputs.width: 640 -> 1280%0A  + inputs.langs[1]: "fr"%0A  − inputs.old: true'
        "%0A  env.PLACE: (secret, changed)",
        "::notice file=videos/jobspecs/captions.yaml,line=1,title=sieve-jobs%3A reuse"
        "::captions: as before, job 77aa1d2e%0A  inputs.n: 22 -> 2",
        "::notice file=videos/jobspecs/renamed/clip.yaml,line=1,title=sieve-jobs%3A move"
        "::renamed/clip: renamed from old/clip",
    ]


def test_a_plan_of_many_specs_keeps_to_what_is_shown_of_a_step() -> None:
    lines = github.plan(World([asks(f"s{n:03}") for n in range(500)]).plan()).splitlines()
    assert len(lines) == 10
    assert lines[-1] == "::notice title=sieve-jobs plan::and 491 more specs; the summary of this step counts them"


def test_problems_stand_at_their_place() -> None:
    problem = Diagnostic("SJ201", "unknown key '100%'", Place("jobspecs/a,b.yaml", 2, 3, "  x: 1", 4), "x, y", "see y")
    assert github.problems([problem, Diagnostic("SJ136", "refused")]) == (
        "::error file=jobspecs/a%2Cb.yaml,line=2,col=3,endColumn=7,title=SJ201"
        "::unknown key '100%25'%0Aexpected x, y%0Ahint: see y\n"
        "::error title=SJ136::refused\n"
    )


def test_jobs_that_ended_badly_are_errors_at_their_spec() -> None:
    rows = (
        Result("a", Action.PUSH, Reason.NEW, "job-a", "r", Status.FINISHED),
        Result("b", Action.PUSH, Reason.NEW, "job-b", "r", Status.ERROR, "Traceback\nValueError: no face"),
        Result("c", Action.NOTHING, Reason.UNCHANGED, "job-c", "r", Status.CANCELLED),
    )
    result = ApplyResult(rows, Tally(pushed=2), problems=(Diagnostic("SJ143", "no"),))
    assert github.applied(result, {"b": Place("jobspecs/b.yaml", 4)}).splitlines() == [
        "::error file=jobspecs/b.yaml,line=4,title=sieve-jobs%3A job ended badly"
        "::the job of b failed: ValueError: no face",
        "::error title=sieve-jobs%3A job ended badly::the job of c was cancelled",
        "::error title=SJ143::no",
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:24]))
def test_text_of_others_starts_no_command(text: str) -> None:
    rows = (Result(text, Action.PUSH, Reason.NEW, text, text, Status.ERROR, text, (text,)),)
    problem = Diagnostic("SJ143", text, Place(text, 2, 1, text), text, text)
    said = [
        github.plan(hostile(text), [problem], folder=text),
        github.applied(ApplyResult(rows, Tally(), problems=(problem,)), {text: Place(text, 1)}, text),
        github.problems([problem], text),
    ]
    for line in "".join(said).split("\n")[:-1]:
        assert COMMAND.fullmatch(line), line
        assert not any(sign in line for sign in ("\r", "##[", "\x1b", "\u202e", "\u2028", "\x85"))
        assert len(line) < 30_000


def test_what_apply_would_refuse_is_a_warning() -> None:
    problem = Diagnostic("SJ131", "apply would refuse this: 3 pushes", hint="--max-pushes 3")
    first, *_ = github.plan(a_plan(), [problem]).splitlines()
    assert first == "::warning title=SJ131::apply would refuse this: 3 pushes%0Ahint: --max-pushes 3"


def test_masked_values_are_not_shown() -> None:
    assert github.plan(a_plan()).count("(secret, changed)") == 1


def test_nothing_to_do_is_nothing_to_annotate() -> None:
    assert github.plan(Plan(WHERE, (), Summary(unchanged=1))) == ""


def test_outputs_end_at_a_mark_that_nobody_can_guess() -> None:
    assert github.outputs({"a": "1", "b": "x\na<<y"}, "m1") == "a<<m1\n1\nm1\nb<<m1\nx\na<<y\nm1\n"
    with pytest.raises(ValueError, match="mark"):
        github.outputs({"a": "x\nm1\nb<<z"}, "m1")
