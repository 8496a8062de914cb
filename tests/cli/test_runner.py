"""`--format`: what a runner of GitHub is told by plan, apply and validate, and that it never changes an exit code."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cloud import Cloud, Outcome
from tests.project import Ran, project, ran, remote_config, spec


@dataclass
class Runner:
    """A runner that has checked a repository out at *workspace*."""

    workspace: Path
    files: Path

    def run(self, root: Path, *arguments: str, **more: str) -> Ran:
        self.output.unlink(missing_ok=True)
        self.summary_file.unlink(missing_ok=True)
        environ = {
            "SIEVE_API_KEY": Cloud.key, "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(self.output), "GITHUB_STEP_SUMMARY": str(self.summary_file),
            "RUNNER_TEMP": str(self.files), "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "octo/videos", "GITHUB_RUN_ID": "77",
        }  # fmt: skip
        return ran(root, *arguments, "--format", "github", environ=environ | more)

    @property
    def output(self) -> Path:
        return self.files / "output"

    @property
    def summary_file(self) -> Path:
        return self.files / "summary"

    @property
    def outputs(self) -> dict[str, str]:
        pairs = re.findall(r"(?ms)^([a-z-]+)<<(end-[0-9a-f]{32})\n(.*?)\n\2\n", self.output.read_text())
        return {name: value for name, _, value in pairs}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    (tmp_path / "temp").mkdir()
    return Runner(tmp_path / "checkout", tmp_path / "temp")


@pytest.fixture
def root(runner: Runner, cloud: Cloud) -> Path:
    settings = 'state = "kept/prod.db"'
    return project(
        runner.workspace / "videos",
        {"a.yaml": spec(width=1), "b.yaml": spec(width=2)},
        remote_config(cloud.url, settings),
    )


def test_plan(root: Path, runner: Runner) -> None:
    said = runner.run(root, "plan", "-t", "prod", "--out", "plan.json")
    assert said.code == 0
    assert said.out.splitlines() == [
        "::notice file=videos/jobspecs/a.yaml,line=1,title=sieve-jobs%3A push::a: new",
        "::notice file=videos/jobspecs/b.yaml,line=1,title=sieve-jobs%3A push::b: new",
    ]
    assert "plan: 2 to push; 0 specs unchanged" in said.err
    outputs = runner.outputs
    assert outputs.pop("plan-file") == str(root / "plan.json")
    text = Path(outputs.pop("comment-file")).read_text()
    document = json.loads(Path(outputs.pop("document-file")).read_text())
    assert [change["name"] for change in document["changes"]] == ["a", "b"]
    assert outputs == {
        "target": "prod", "changes": "true", "push": "2", "reuse": "0", "move": "0", "orphan": "0", "resolve": "0",
        "unchanged": "0", "exit-code": "0",
    }  # fmt: skip
    assert text.startswith("### `prod` plan: 2 to push")
    assert runner.summary_file.read_text() == f"{text}\n"
    assert "exit-code" in runner.output.read_text()


def test_apply(root: Path, runner: Runner, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(match='"width":2', status="error", error="Traceback\nValueError: no face"))
    said = runner.run(root, "apply", "-t", "prod", "--yes")
    assert said.code == 4
    assert said.out.splitlines() == [
        "::error file=videos/jobspecs/b.yaml,line=1,title=sieve-jobs%3A job ended badly"
        "::the job of b failed: ValueError: no face"
    ]
    assert runner.outputs["pushed"] == "2"
    assert runner.outputs["exit-code"] == "4"
    assert runner.outputs["in-doubt"] == "0"
    summary = runner.summary_file.read_text()
    assert "### `prod` applied: 2 pushed, 1 ended badly" in summary
    serial = ran(root, "plan", "-t", "prod", "--json").document["serial"]
    assert serial > 0
    assert f"state `kept/prod.db`, serial {serial}\n" in summary
    again = runner.run(root, "apply", "-t", "prod", "--yes")
    assert (again.code, runner.outputs["pushed"], again.out) == (0, "0", "")
    assert runner.run(root, "plan", "-t", "prod").code == 0
    assert runner.outputs["changes"] == "false"


@pytest.mark.parametrize(
    "verb", [["validate"], ["plan", "-t", "prod"], ["apply", "-t", "prod", "--yes"]], ids=lambda v: v[0]
)
def test_problems_are_annotated_and_keep_their_exit_code(root: Path, runner: Runner, verb: list[str]) -> None:
    (root / "jobspecs" / "bad.yaml").write_text("function: sieve/dubbing\ncolour: '@team'\n")
    said = runner.run(root, *verb)
    assert said.code == 3
    assert said.out.startswith(
        "::error file=videos/jobspecs/bad.yaml,line=2,col=1,endColumn=7,title=SJ201::unknown key"
    )
    assert "jobspecs/bad.yaml:2:1: error: unknown key 'colour'" in said.err
    assert runner.outputs["exit-code"] == "3"
    text = Path(runner.outputs["comment-file"]).read_text()
    assert text.startswith(f"### sieve-jobs {verb[0]}: 1 problem\n")
    assert "[The log of the run](https://github.com/octo/videos/actions/runs/77) has the whole." in text
    assert runner.summary_file.read_text() == f"{text}\n"


def test_a_guard_is_an_error_with_exit_6(root: Path, runner: Runner, cloud: Cloud) -> None:
    said = runner.run(root, "apply", "-t", "prod")
    assert said.code == 6
    assert said.out.startswith("::error title=SJ136::refused: 2 pushes on 'prod' without consent")
    assert runner.outputs["exit-code"] == "6"
    assert cloud.requests == []


def test_a_valid_tree_leaves_no_summary(root: Path, runner: Runner) -> None:
    said = runner.run(root, "validate")
    assert (said.code, said.out, said.err) == (0, "", "2 specs valid\n")
    assert runner.outputs == {"exit-code": "0"}
    assert not runner.summary_file.exists()


def test_without_a_runner_only_stdout_is_written(root: Path) -> None:
    said = ran(root, "plan", "-t", "prod", "--format", "github")
    assert (said.code, len(said.out.splitlines())) == (0, 2)
    shown = ran(root, "plan", "-t", "prod", "--format", "markdown")
    assert shown.out.startswith("### `prod` plan: 2 to push")
    assert ran(root, "plan", "-t", "prod", "--format", "json").document["summary"]["push"] == 2


def test_a_runner_that_cannot_be_told_changes_nothing_of_the_run(root: Path, runner: Runner, cloud: Cloud) -> None:
    said = runner.run(root, "apply", "-t", "prod", "--yes", GITHUB_OUTPUT=str(root / "no" / "where"))
    assert said.code == 0
    assert said.err.count("[SJ191]") == 2
    assert len(cloud.pushes) == 2


def test_no_secret_is_in_anything_that_is_written(root: Path, runner: Runner, cloud: Cloud) -> None:
    (root / "jobspecs" / "s.yaml").write_text(
        "function: sieve/dubbing\ninputs: {key: '${A_TOKEN}', n: 1}\nenv: {K: '${A_TOKEN}', P: '${PLACE}'}\n"
        "webhooks: [{type: job.complete, url: 'https://hooks.example.com/${A_TOKEN}'}]\n"
    )
    secrets = {"A_TOKEN": "canary-secret", "PLACE": "canary-masked"}
    assert runner.run(root, "plan", "-t", "prod", "--out", "plan.json", **secrets).code == 0
    cloud.script.outcomes.append(Outcome(status="error", error="ValueError: canary-secret is wrong"))
    applied = runner.run(root, "apply", "-t", "prod", "--yes", **secrets)
    assert applied.code == 4
    (root / "jobspecs" / "s.yaml").write_text("function: sieve/dubbing\nenv: {K: 'x${A_TOKEN}', P: 'y${PLACE}'}\n")
    planned = runner.run(root, "plan", "-t", "prod", **secrets)
    assert planned.code == 0
    written = [path.read_text() for path in (*runner.files.iterdir(), root / "plan.json") if path.is_file()]
    assert len(written) >= 6
    assert not any("canary" in text for text in (*written, applied.all, planned.all))


@pytest.mark.parametrize("words", [["--json", "--format", "github"], ["--events", "--format", "github"]])
def test_forms_that_do_not_go_together(root: Path, words: list[str]) -> None:
    said = ran(root, "apply", "-t", "prod", *words)
    assert (said.code, "do not go together" in said.err) == (64, True)


def test_a_document_is_given_for_a_command_line_that_is_refused(root: Path) -> None:
    for words in (["--format", "json"], ["--format=json"]):
        assert ran(root, "plan", "--no-such-option", *words).document["exit_code"] == 64
