"""From a pull request to its merge, a runner that dies, a race, a revert and a lost state: all is bought once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.acceptance.shared import REF
from tests.acceptance.studio import CANARIES, OTHER_PLACE, PLAN_ONLY, Studio, clips, content
from tests.action.composite import Job
from tests.action.repository import FORK, PUSH, SCHEDULE, git, pull_request
from tests.cloud import Fault

RUN = ["Decide what to run", "Set up Python", "Install sieve-jobs", "Validate", "Run"]
PLANNED = [*RUN, "Keep the whole plan", "Comment on the pull request"]
MARKER = "<!-- sieve-jobs: prod . -->\n"
TITLES = """\
function: sieve/titles
inputs: {width: WIDTH}
env: {OPENAI_API_KEY: "${OPENAI_API_KEY}", PLACE: "${PLACE}"}
save: out/titles
"""
FIRST = {"intro": 100, "titles": 101}
MERGED = {"intro": 102, "titles": 103, "dub": 104, "captions": 105, "teaser": 106}
MANY = {f"reel-{letter}": 110 + number for number, letter in enumerate("abcdefghijkl")}
RACED = {"left": 130, "middle": 131, "right": 132}


def check(job: Job, code: int, **outputs: str) -> None:
    """The exit code of a run, what it told the steps behind it, and that it said nothing that is masked."""
    assert job.code == code, job.log
    said = {"exit_code": str(code), **outputs}
    assert {name: job.outputs[name.replace("_", "-")] for name in said} == said
    everything = job.log + job.summary + "".join(file.read_text() for file in job.artifact)
    assert not [canary for canary in CANARIES if canary in everything]


def a_target_is_made(studio: Studio) -> None:
    studio.repository.merge({**clips(intro=100), "jobspecs/titles.yaml": TITLES.replace("WIDTH", "101")})
    refused = studio.happens(PUSH)
    check(refused, 6)
    assert "SJ155" in refused.log
    assert studio.cloud.requests == []
    made = studio.happens(PUSH, args="--new-state")
    check(made, 0, pushed="2")
    assert "apply will refuse" not in made.log + made.summary
    studio.check_all_is_done(FIRST)


def a_mistake_in_a_pull_request(studio: Studio) -> None:
    calls = len(studio.cloud.requests)
    studio.repository.propose({"jobspecs/dub.yaml": "function: sieve/dubbing\ncolour: blue\n"})
    broken = studio.happens(pull_request(), PLAN_ONLY)
    check(broken, 3)
    problem = "::error file=jobspecs/dub.yaml,line=2,col=1,endColumn=7,title=SJ201::unknown key 'colour'"
    assert problem in broken.log.splitlines()
    (comment,) = studio.github.comments
    assert comment["body"].startswith(f"{MARKER}### sieve-jobs validate: 1 problem\n")
    assert "jobspecs/dub.yaml:2:1: error: unknown key 'colour'" in comment["body"]
    assert len(studio.cloud.requests) == calls


def its_mending(studio: Studio) -> None:
    """The second push is planned, in the same comment."""
    calls = len(studio.cloud.requests)
    two = (
        clips(captions=105)["jobspecs/captions.yaml"]
        + "---\nname: teaser\n"
        + clips(teaser=106)["jobspecs/teaser.yaml"]
    )
    titles = TITLES.replace("WIDTH", "103")
    changed = {**clips(intro=102, dub=104), "jobspecs/captions.yaml": two, "jobspecs/titles.yaml": titles}
    studio.repository.propose(changed | studio.placed(OTHER_PLACE))
    planned = studio.happens(pull_request(), PLAN_ONLY)
    check(planned, 0, command="plan", changes="true", push="5", reuse="0", orphan="0", unchanged="0")
    assert planned.ran == PLANNED
    assert [line for line in planned.log.splitlines() if line.startswith("::")] == [
        "::notice file=jobspecs/captions.yaml,line=1,title=sieve-jobs%3A push::captions: new",
        "::notice file=jobspecs/dub.yaml,line=1,title=sieve-jobs%3A push::dub: new",
        "::notice file=jobspecs/intro.yaml,line=1,title=sieve-jobs%3A push"
        "::intro: inputs changed%0A  inputs.width: 100 -> 102",
        "::notice file=jobspecs/captions.yaml,line=5,title=sieve-jobs%3A push::teaser: new",
        "::notice file=jobspecs/titles.yaml,line=1,title=sieve-jobs%3A push"
        "::titles: inputs changed%0A  inputs.width: 101 -> 103%0A  env.PLACE: (secret, changed)",
    ]
    assert planned.summary.startswith("### `prod` plan: 5 to push")
    for row in (
        "| `~` | `intro` | push | inputs changed | `jobspecs/intro.yaml:1` |",
        "| `+` | `teaser` | push | new | `jobspecs/captions.yaml:5` |",
        "titles\n  inputs.width: 101 -> 103\n  env.PLACE: (secret, changed)",
    ):
        assert row in planned.summary
    assert studio.github.writes == [
        ("POST", "/repos/octo/videos/issues/7/comments"),
        ("PATCH", "/repos/octo/videos/issues/comments/100"),
    ]
    assert [each["body"] for each in studio.github.comments] == [MARKER + planned.summary.removesuffix("\n")]
    assert len(studio.cloud.requests) == calls


def its_merge(studio: Studio) -> None:
    studio.repository.merge({})
    merged = studio.happens(PUSH)
    check(merged, 0, command="apply", pushed="5", refused="0", in_doubt="0", still_running="0")
    assert merged.ran == RUN
    assert merged.summary.startswith("### `prod` applied: 5 pushed, 5 saved; 0 specs unchanged\n")
    for name in MERGED:
        assert f"| `{name}` | push | finished | `" in merged.summary
        assert (studio.checkouts[-1] / f"out/{name}/0.mp4").is_file()
    studio.check_all_is_done(MERGED)
    assert len(studio.cloud.pushes) == 7
    assert len(studio.github.writes) == 2


def runners_that_die(studio: Studio) -> None:
    """One after some of its pushes, two of which made a job and two did not; the next one while it saves."""
    before, faults = len(studio.cloud.pushes), studio.cloud.script.faults
    faults += [Fault("hang", skip=5, times=2, created=True), Fault("hang", times=2)]
    faults.append(Fault("hang", route="file", times=-1))
    studio.repository.merge(clips(**MANY))
    with studio.during(PUSH, hasty=True) as run:
        studio.cloud.wait_for(lambda seen: (len(seen.pushes), len(seen.jobs)) == (before + 9, before + 7))
        killed = studio.lose(run)
    assert (killed.code, killed.ran) == (-signal.SIGKILL, RUN)

    files = studio.count("file")
    with studio.during(SCHEDULE, hasty=True) as run:
        studio.cloud.wait_for(lambda _: studio.count("file") > files, seconds=120)
        # Saving holds no lease: once all is pushed, the next runner need not wait for the death of this one.
        assert run.alive_until(lambda: studio.holder() is None)
        assert studio.lose(run).code == -signal.SIGKILL
    faults.clear()

    continued = studio.happens(SCHEDULE, lock_timeout="0s")
    check(continued, 0, command="continue", pushed="0")
    applied = studio.happens(PUSH)
    check(applied, 0, refused="0", in_doubt="0")
    studio.check_all_is_done(MERGED | MANY)
    assert studio.bought() == sorted([*FIRST.values(), *MERGED.values(), *MANY.values()])
    # What lies on a disk that is gone with its runner is had again for as long as the far side has it.
    fetched = studio.by_hand("outputs", "reel-a", "--download", "again")
    assert fetched.code == 0, fetched.all
    assert [path.read_text() for path in (studio.checkouts[-1] / "again").rglob("*.mp4")] == [content(110)]
    # Two pushes never arrived, and were made again.
    assert len(studio.cloud.pushes) == before + len(MANY) + 2


def a_race(studio: Studio) -> None:
    before = len(studio.cloud.pushes)
    studio.cloud.script.faults.append(Fault("hold"))
    studio.repository.merge(clips(left=130, middle=131))
    with studio.during(PUSH) as first:
        studio.cloud.wait_for(lambda seen: len(seen.pushes) == before + 1)
        studio.repository.merge(clips(right=132))
        with studio.during(PUSH, lock_timeout="3m") as patient:
            hurried = studio.happens(PUSH, lock_timeout="0s")
            check(hurried, 7)
            assert "SJ151" in hurried.log
            assert "https://github.com/octo/videos/actions/runs/77" in hurried.log
            assert len(studio.cloud.pushes) == before + 1
            studio.cloud.let_go()
            check(first.ended(), 0, pushed="2")
            check(patient.ended(), 0, pushed="1")
    check(studio.happens(PUSH), 0, pushed="0", unchanged=str(len(MERGED | MANY | RACED)))
    assert len(studio.cloud.pushes) == before + len(RACED)
    studio.check_all_is_done(MERGED | MANY | RACED)


def a_revert(studio: Studio) -> dict[str, int]:
    """What the first pull request did to a spec is undone. The specs there are, with their widths."""
    before = len(studio.cloud.pushes)
    studio.repository.propose(clips(intro=100))
    planned = studio.happens(pull_request(), PLAN_ONLY)
    check(planned, 0, changes="true", push="0", reuse="1")
    assert "| `intro` | reuse |" in planned.summary
    assert studio.github.comments[0]["body"] == MARKER + planned.summary.removesuffix("\n")
    studio.repository.merge({})
    reverted = studio.happens(PUSH)
    check(reverted, 0, pushed="0")
    assert "1 reused" in reverted.summary
    assert len(studio.cloud.pushes) == before
    specs = MERGED | MANY | RACED | {"intro": 100}
    studio.check_all_is_done(specs)
    return specs


def a_lost_state(studio: Studio, specs: dict[str, int]) -> None:
    before = len(studio.cloud.pushes)
    git(studio.repository.remote, "update-ref", "-d", REF)
    refused = studio.happens(PUSH)
    check(refused, 6)
    assert "SJ155" in refused.log
    assert "state adopt" in refused.log
    adopted = studio.by_hand("state", "adopt", "--yes")
    assert adopted.code == 0, adopted.all
    applied = studio.happens(PUSH)
    check(applied, 0, pushed="0")
    studio.check_all_is_done(specs)
    for name in specs:
        assert (studio.checkouts[-2] / f"out/{name}/0.mp4").is_file()
    assert len(studio.cloud.pushes) == before


def a_fork(studio: Studio) -> None:
    """Once where anybody may read the repository, and once without any network."""
    calls, writes = len(studio.cloud.requests), len(studio.github.writes)
    studio.repository.propose(clips(stranger=140))
    public = studio.happens(FORK, {})
    check(public, 0, command="plan", push="1", unchanged=str(len(MERGED | MANY | RACED)))
    assert public.ran == PLANNED[:-1]
    runner = studio.runner(FORK, {})
    studio.repository.remote.rename(studio.repository.remote.with_name("away.git"))
    alone = runner.run(target="prod")
    check(alone, 0, push=str(1 + len(MERGED | MANY | RACED)), unchanged="0")
    assert "this clone never saw the state" in alone.summary
    assert (len(studio.cloud.requests), len(studio.github.writes)) == (calls, writes)


@pytest.mark.parametrize("patient", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["story", "real lease"])
def test_from_a_pull_request_to_a_lost_state(tmp_path: Path, patient: bool) -> None:
    with Studio.open(tmp_path, patient=patient) as studio:
        a_target_is_made(studio)
        a_mistake_in_a_pull_request(studio)
        its_mending(studio)
        its_merge(studio)
        runners_that_die(studio)
        a_race(studio)
        specs = a_revert(studio)
        a_lost_state(studio, specs)
        a_fork(studio)
