"""The action from pull request to merge: what it runs, what it says and where, and that no exit code is swallowed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.action.composite import ACTION, Job, Runner, step_of
from tests.action.github import BOT, GitHub
from tests.action.repository import PUSH, SCHEDULE, happened, pull_request
from tests.cloud import Cloud, Outcome
from tests.project import KEY, REPOSITORY, project, remote_config, spec

MARKER = "<!-- sieve-jobs: prod videos -->"
ZIZMOR = str(Path(sys.executable).parent / "zizmor")
INPUTS = {"target": "prod", "working-directory": "videos"}
DECIDE = "Decide what to run"
RUN = [DECIDE, "Set up Python", "Install sieve-jobs", "Validate", "Run"]
SECRET = "function: sieve/dubbing\nenv: {OPENAI_API_KEY: '${OPENAI_API_KEY}', PLACE: '${PLACE:-here}'}\n"


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub.running() as running:
        yield running


@pytest.fixture
def root(tmp_path: Path, cloud: Cloud) -> Path:
    (tmp_path / "temp").mkdir()
    config = remote_config(cloud.url, f'state = "{tmp_path}/kept/prod.db"')
    return project(tmp_path / "checkout" / "videos", {"a.yaml": spec(width=1), "b.yaml": spec(width=2)}, config)


class Actions:
    """Runs the action for one event after another."""

    def __init__(self, root: Path, github: GitHub) -> None:
        self.root, self.github, self.validates_here = root, github, True

    def run(self, event: dict[str, Any], secrets: dict[str, str] | None = None, **inputs: str) -> Job:
        runner = self.runner(event, KEY if secrets is None else secrets)
        runner.validates_here = self.validates_here
        return runner.run(**INPUTS | inputs)

    def runner(self, event: dict[str, Any], secrets: dict[str, str]) -> Runner:
        return Runner(self.root.parent, self.root.parent.parent / "temp", self.github.url, event, dict(secrets))

    def decide(self, event: dict[str, Any], **inputs: str) -> Job:
        return self.runner(event, {}).step_alone(DECIDE, {}, **INPUTS | inputs)

    def comment(self) -> Job:
        """The step that comments, on a pull request whose plan is known."""
        runner = self.runner(pull_request(), {})
        runner.installed()
        said = runner.temp / "comment.md"
        said.write_text("plan: 2 to push")
        return runner.step_alone("Comment on the pull request", {"run": {"comment-file": str(said)}}, **INPUTS)


@pytest.fixture
def actions(root: Path, github: GitHub) -> Actions:
    return Actions(root, github)


def test_from_pull_request_to_merge_to_schedule(root: Path, actions: Actions, github: GitHub, cloud: Cloud) -> None:
    (root / "jobspecs" / "s.yaml").write_text(SECRET)
    actions.validates_here = False
    planned = actions.run(pull_request(), {})
    assert planned.code == 0, planned.log
    assert planned.ran == [*RUN, "Keep the whole plan", "Comment on the pull request"]
    assert planned.outputs["command"] == "plan"
    assert (planned.outputs["changes"], planned.outputs["push"], planned.outputs["exit-code"]) == ("true", "3", "0")
    assert "::notice file=videos/jobspecs/a.yaml,line=1,title=sieve-jobs%3A push::a: new" in planned.log.splitlines()
    assert planned.summary.startswith("### `prod` plan: 3 to push")
    saved, whole = planned.artifact
    assert json.loads(saved.read_text())["format"] == "sieve-jobs-plan"
    assert len(json.loads(whole.read_text())["changes"]) == 3
    (comment,) = github.comments
    assert comment["body"] == f"{MARKER}\n" + planned.summary.removesuffix("\n")
    assert cloud.requests == []

    (root / "jobspecs" / "b.yaml").unlink()
    again = actions.run(pull_request(), {})
    assert github.writes == [
        ("POST", "/repos/octo/videos/issues/7/comments"),
        ("PATCH", "/repos/octo/videos/issues/comments/100"),
    ]
    actions.validates_here = True
    assert len(github.comments) == 1
    assert "plan: 2 to push" in github.comments[0]["body"]
    assert again.outputs["push"] == "2"

    merged = actions.run(PUSH, {**KEY, "OPENAI_API_KEY": "sk-canary"})
    assert merged.code == 0, merged.log
    assert merged.ran == RUN
    assert (merged.outputs["command"], merged.outputs["pushed"], merged.outputs["exit-code"]) == ("apply", "2", "0")
    assert merged.summary.startswith("### `prod` applied: 2 pushed")
    assert "sk-canary" not in merged.log + merged.summary
    assert len(cloud.pushes) == 2

    later = actions.run(SCHEDULE, {**KEY, "OPENAI_API_KEY": "sk-canary"})
    assert (later.code, later.outputs["command"], later.outputs["pushed"]) == (0, "continue", "0")
    assert len(cloud.pushes) == 2
    assert len(github.writes) == 2


def test_a_job_that_fails_fails_the_step(actions: Actions, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(match='"width":2', status="error", error="ValueError: no face"))
    job = actions.run(PUSH)
    assert (job.code, job.outputs["exit-code"], job.outputs["pushed"]) == (4, "4", "2")
    assert (
        "::error file=videos/jobspecs/b.yaml,line=1,title=sieve-jobs%3A job ended badly::the job of b failed" in job.log
    )


def test_an_invalid_spec_ends_it_and_is_said_in_the_comment(root: Path, actions: Actions, github: GitHub) -> None:
    actions.validates_here = False
    github.add(BOT, f"{MARKER}\nplan: 2 to push")
    (root / "jobspecs" / "a.yaml").write_text("function: sieve/dubbing\ncolour: blue\n")
    job = actions.run(pull_request())
    assert job.code == 3
    assert job.outputs["exit-code"] == "3"
    assert "Run" not in job.ran
    assert "::error file=videos/jobspecs/a.yaml,line=2,col=1,endColumn=7,title=SJ201::unknown key 'colour'" in job.log
    (comment,) = github.comments
    assert comment["body"].startswith(f"{MARKER}\n### sieve-jobs validate: 1 problem")


def test_a_guard_refuses_and_the_comment_is_not_touched(actions: Actions, cloud: Cloud, github: GitHub) -> None:
    job = actions.run(PUSH, args="--max-pushes 1")
    assert (job.code, job.outputs["exit-code"]) == (6, "6")
    assert "::error title=SJ131::refused: 2 pushes" in job.log
    assert cloud.requests == []
    assert github.writes == []


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(pull_request("mallory/videos"), id="a fork"),
        pytest.param(pull_request(None), id="a fork that is gone"),
        pytest.param(pull_request(author="dependabot[bot]"), id="dependabot"),
    ],
)
def test_who_is_outside_gets_a_plan_and_nothing_else(actions: Actions, event: dict[str, Any]) -> None:
    decided = actions.decide(event)
    assert decided.code == 0, decided.log
    assert decided.outputs == {"command": "plan", "outside": "true", "comment": "false"}
    refused = actions.decide(event, command="apply")
    assert (refused.code, "from outside is planned" in refused.log) == (64, True)


def test_a_pull_request_from_outside_is_planned_without_secrets_and_without_a_comment(
    root: Path, actions: Actions, cloud: Cloud, github: GitHub
) -> None:
    (root / "jobspecs" / "s.yaml").write_text(SECRET)
    event = pull_request("mallory/videos")
    job = actions.run(event, {})
    assert job.code == 0, job.log
    assert job.ran == [*RUN, "Keep the whole plan"]
    assert job.outputs["push"] == "3"
    assert cloud.requests == []
    assert github.writes == []
    refused = actions.run(event, {}, command="apply")
    assert (refused.code, refused.ran) == (64, RUN[:1])


@pytest.mark.parametrize(
    ("event", "command"),
    [
        pytest.param(pull_request(), "plan", id="pull request"),
        pytest.param(happened("merge_group", "refs/heads/gh-readonly-queue/main/pr-7"), "plan", id="merge queue"),
        pytest.param(PUSH, "apply", id="push"),
        pytest.param(happened("push", "refs/heads/topic"), "plan", id="push of another branch"),
        pytest.param(happened("push", "refs/tags/main"), "plan", id="push of a tag"),
        pytest.param(happened("workflow_dispatch"), "apply", id="by hand"),
        pytest.param(happened("workflow_dispatch", "refs/heads/topic"), "plan", id="by hand on a branch"),
        pytest.param(SCHEDULE, "continue", id="schedule"),
        pytest.param(pull_request(event="pull_request_target"), "", id="pull_request_target"),
        pytest.param(happened("issue_comment"), "", id="an event without a command"),
    ],
)
def test_what_an_event_runs(tmp_path: Path, event: dict[str, Any], command: str) -> None:
    (tmp_path / "temp").mkdir()
    job = Runner(tmp_path, tmp_path / "temp", "http://127.0.0.1:9", event).step_alone(DECIDE, {})
    assert (job.outputs.get("command", ""), job.code) == (command, 0 if command else 64)


def test_nothing_that_is_given_is_run_by_a_shell(root: Path, actions: Actions) -> None:
    actions.validates_here = False
    job = actions.run(PUSH, target="$(touch owned)", args="`touch owned` ; touch owned * ${HOME}")
    assert job.code == 64
    event = happened("push", "refs/heads/$(touch owned)`touch owned`")
    assert actions.decide(event).outputs["command"] == "plan"
    assert actions.decide(happened("$(touch owned)")).code == 64
    assert list(root.parents[1].rglob("owned")) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_cancelled_runner_ends_apply_in_order(
    actions: Actions, cloud: Cloud, number: signal.Signals, code: int
) -> None:
    cloud.script.outcomes.append(Outcome(polls=-1))
    runner = actions.runner(PUSH, KEY)
    runner.installed()
    decided = {"decide": {"command": "apply", "outside": "false"}}
    arguments, folder, environ = runner.prepared(step_of("Run"), runner.known(decided, INPUTS))
    with subprocess.Popen(
        arguments, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            cloud.wait_for(lambda seen: sum(request.route == "await" for request in seen.requests) >= 2)
            process.send_signal(number)
            log, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == code, log
    said = runner.said()
    assert (said["exit-code"], said["pushed"], said["still-running"]) == (str(code), "2", "2")


def test_no_variable_of_the_action_can_be_read_by_a_spec() -> None:
    for step in ACTION["runs"]["steps"]:
        if "bin/sieve-jobs" in step.get("run", ""):
            assert all(name.startswith("SIEVE_JOBS_ACTION_") for name in step["env"])


class TestComment:
    def test_a_comment_of_somebody_else_is_never_edited(self, actions: Actions, github: GitHub) -> None:
        github.add("mallory", f"{MARKER}\nplan: 0 to push")
        github.add(BOT, "<!-- sieve-jobs: staging videos -->\nanother target")
        github.add(BOT, f"quoting {MARKER}")
        assert actions.comment().code == 0
        assert [write[0] for write in github.writes] == ["POST"]
        assert [comment["user"]["login"] for comment in github.comments] == ["mallory", BOT, BOT, BOT]
        assert github.comments[3]["body"].startswith(MARKER)

    def test_it_is_found_behind_many_others(self, actions: Actions, github: GitHub) -> None:
        for n in range(250):
            github.add("ada", f"looks good {n}")
        github.add(BOT, f"{MARKER}\nold")
        assert actions.comment().code == 0
        assert github.writes == [("PATCH", "/repos/octo/videos/issues/comments/350")]

    def test_a_passing_fault_is_waited_out(self, actions: Actions, github: GitHub) -> None:
        github.failures = [502, 503]
        job = actions.comment()
        assert job.code == 0, job.log
        assert len(github.comments) == 1

    @pytest.mark.parametrize(
        ("status", "why"),
        [
            pytest.param(403, "pull-requests: write", id="not allowed"),
            pytest.param(404, "GitHub answered 404", id="not found"),
            pytest.param(302, "GitHub answered 302", id="a redirect is not followed"),
        ],
    )
    def test_what_it_cannot_do_fails_with_a_way_out(
        self, actions: Actions, github: GitHub, status: int, why: str
    ) -> None:
        github.failures = [status]
        job = actions.comment()
        assert job.code == 1
        assert job.log.startswith("::error title=sieve-jobs::could not comment on the pull request: ")
        assert why in job.log
        assert github.writes == []

    def test_it_can_be_left_out_and_more_words_reach_the_command(self, actions: Actions, github: GitHub) -> None:
        job = actions.run(pull_request(), comment="false", artifact="", args="a\n  --var X=1 ")
        assert (job.code, job.ran, job.outputs["push"]) == (0, RUN, "1")
        assert github.writes == []


def test_the_action_is_valid_and_safe() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    audit = subprocess.run(
        [ZIZMOR, "--offline", "--no-progress", "--persona", "auditor", "action.yml"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_what_it_uses_is_pinned_and_no_expression_stands_in_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        else:
            assert "${{" not in step["run"]


def pins(name: str) -> dict[str, set[str]]:
    """Package and version to hashes."""
    blocks = re.split(r"^(?=\S)", (REPOSITORY / name).read_text(), flags=re.MULTILINE)
    return {
        block.split(" ")[0]: set(re.findall(r"sha256:[0-9a-f]{64}", block)) for block in blocks if "==" in block[:80]
    }


def test_it_installs_what_was_tested() -> None:
    tested, installed = pins("requirements.lock"), pins("action.lock")
    assert installed
    assert installed == {name: tested[name] for name in installed}
    assert not any(name.startswith(("pytest", "mypy", "av=", "zizmor")) for name in installed)


@pytest.mark.soak
def test_it_installs(tmp_path: Path) -> None:
    (step,) = (each for each in ACTION["runs"]["steps"] if each["name"] == "Install sieve-jobs")
    environ = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "RUNNER_TEMP": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]], env=environ | {"GITHUB_ACTION_PATH": str(REPOSITORY)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = subprocess.run([tmp_path / "sieve-jobs" / "bin" / "sieve-jobs", "version"], capture_output=True, check=True)
    assert said.stdout.startswith(b"sieve-jobs ")
