"""What the README shows is what happens: its commands run, its tables are the code's, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from sieve_jobs.errors import ExitCode
from sieve_jobs.pages import read_pages
from sieve_jobs.spec.model import SpecModel
from tests.action.composite import Runner
from tests.cloud import Cloud
from tests.project import REPOSITORY, Project

TEXT = (REPOSITORY / "README.md").read_text()
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def table_under(heading: str) -> list[list[str]]:
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


def shown_commands() -> list[tuple[str, str]]:
    """Every `$ command` of a console block, with the output shown below it."""
    found: list[tuple[str, str]] = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.fixture
def project(tmp_path: Path, cloud: Cloud) -> Project:
    return Project(tmp_path / "p", cloud.url)


def test_the_first_spec_gives_the_plan_that_is_shown(project: Project) -> None:
    spec = blocks("yaml")[0]
    assert len([line for line in spec.splitlines() if not line.startswith("#")]) <= 7
    project.write("dub-intro.yaml", spec)
    (output,) = [output for command, output in shown_commands() if command == "sieve-jobs plan -t prod"]
    ran = project.remote("plan")
    assert ran.code == 0
    assert ran.out.replace(project.endpoint, "https://mango.sievedata.com") == output


def test_the_workflow_is_the_action_and_its_merge_applies(project: Project) -> None:
    workflow = yaml.load(blocks("yaml")[1], yaml.BaseLoader)  # noqa: S506 - text alone, so that `on` is a key
    assert set(workflow["on"]) == {"pull_request", "push"}
    checkout, step = workflow["jobs"]["sieve-jobs"]["steps"]
    assert re.fullmatch(r"actions/checkout@[0-9a-f]{40}", checkout["uses"])
    project.configure('state = "state/prod.db"')
    project.write("dub-intro.yaml", blocks("yaml")[0])
    temp = project.root.parent / "temp"
    temp.mkdir()
    event = {
        "event_name": "push", "ref": "refs/heads/main", "repository": "octo/videos",
        "event": {"repository": {"default_branch": workflow["on"]["push"]["branches"][0]}},
    }  # fmt: skip
    job = Runner(project.root, temp, "http://127.0.0.1:9", event, dict.fromkeys(step["env"], Cloud.key)).run(
        **step["with"]
    )
    assert (job.code, job.outputs["command"], job.outputs["pushed"]) == (0, "apply", "1"), job.log


def test_every_command_is_one_that_runs(tmp_path: Path) -> None:
    commands = [command for command, _ in shown_commands()]
    assert {"make run", "make test"} <= set(commands)
    for command in commands:
        if command.startswith("make "):
            done = subprocess.run(
                ["make", "-n", *command.split()[1:]], cwd=REPOSITORY, capture_output=True, check=False
            )
            assert done.returncode == 0, command
    project = Project(tmp_path / "p", "https://mango.sievedata.com")
    (project.root / "sieve-jobs.toml").unlink()
    (project.root / "jobspecs").rmdir()
    own = [command.split()[1:] for command in commands if command in {"sieve-jobs init", "sieve-jobs apply"}]
    assert own == [["init"], ["apply"]]
    for words in own:
        ran = project.run(*words)
        assert ran.code == 0, ran.all


def test_ci_calls_the_test_command() -> None:
    assert "make test" in (REPOSITORY / ".ci" / "run").read_text().splitlines()


def test_the_exit_codes_are_those_of_the_code() -> None:
    listed = {int(number) for codes, _ in table_under("Exit codes") for number in codes.split(",")}
    assert listed == {int(code) for code in ExitCode}


def test_the_keys_are_those_of_the_language() -> None:
    listed = {key for keys, _ in table_under("The language") for key in re.findall(r"`(\w+)`", keys)}
    assert listed == set(SpecModel.model_fields)


def test_the_error_codes_that_are_named_exist() -> None:
    for page in PAGES:
        for code in re.findall(r"\bSJ\d{3}\b", page.read_text()):
            assert code in read_pages(), (page.name, code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []
