"""`init --ci github`: a workflow that the checkers accept, a state that runners share, and nothing overwritten."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from sieve_jobs.cli.served import served
from sieve_jobs.cli.workflow import LOCK_TIMEOUT, PATH, UNKNOWN_ACTION
from tests.action.composite import filled
from tests.project import Ran, ran

ACTION = "octo/sieve-jobs@0123456789abcdef0123456789abcdef01234567"
ZIZMOR = str(Path(sys.executable).parent / "zizmor")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "p"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    return folder


def target_of(root: Path, name: str = "prod") -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((root / "sieve-jobs.toml").read_text())["targets"][name]
    return found


def files(root: Path) -> dict[Path, bytes]:
    """Everything that a person may see, by path."""
    found = {path.relative_to(root): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name.parts[0] not in {".git", ".sieve-jobs"}}


def check(folder: Path, path: str = PATH) -> None:
    """What two checkers of workflows say of it, without a network."""
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path]
    audit = [ZIZMOR, "--offline", "--no-progress", "--persona", "pedantic", path]
    for command in (schema, audit):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_project_gets_everything(root: Path) -> None:
    said = ran(root, "init", "--ci", "github", "--action", ACTION, "--json").document
    assert said["written"] == ["sieve-jobs.toml", ".gitignore", PATH]
    assert (said["changed"], said["kept"]) == ([], [])
    assert said["next"] == [
        "gh secret set SIEVE_API_KEY",
        "openssl rand -hex 32 | gh secret set SIEVE_JOBS_STATE_KEY",
        "commit, push, and open a pull request with a spec: it shows the plan",
        "once: run the workflow by hand with new-state ticked, which makes the state",
    ]
    settings = target_of(root)
    assert re.fullmatch(r"[0-9a-f]{32}", settings.pop("lineage"))
    assert settings == {"endpoint": "https://mango.sievedata.com", "api_key_env": "SIEVE_API_KEY", "state": "git"}
    check(root)


def test_the_workflow_may_do_what_it_must_and_no_more(root: Path) -> None:
    assert ran(root, "init", "--ci", "github", "--action", ACTION).code == 0
    workflow = yaml.load((root / PATH).read_text(), yaml.BaseLoader)  # noqa: S506 - text alone, so that `on` is a key
    assert set(workflow["on"]) == {"pull_request", "push", "schedule", "workflow_dispatch"}
    assert workflow["on"]["push"] == {"branches": ["trunk"]}
    assert workflow["permissions"] == {}
    plan, apply = workflow["jobs"]["plan"], workflow["jobs"]["apply"]
    assert plan["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert apply["permissions"] == {"contents": "write"}
    assert plan["steps"][1]["uses"] == apply["steps"][1]["uses"] == ACTION
    assert set(plan["steps"][1]["env"]) == {"SIEVE_JOBS_STATE_KEY"}
    assert set(apply["steps"][1]["env"]) == {"SIEVE_JOBS_STATE_KEY", "SIEVE_API_KEY"}
    assert apply["steps"][1]["with"] == {
        "target": "prod",
        "args": "${{ inputs.new-state && '--new-state' || '' }}",
        "lock-timeout": LOCK_TIMEOUT,
    }
    for job in (plan, apply):
        assert re.fullmatch(r"actions/checkout@[0-9a-f]{40}", job["steps"][0]["uses"])


def test_no_run_takes_the_place_of_a_merge_that_waits_but_one_that_has_all_of_it(root: Path) -> None:
    """A group has one place to wait in, and the newest run gets it."""
    assert ran(root, "init", "--ci", "github", "--action", ACTION).code == 0
    apply = yaml.safe_load((root / PATH).read_text())["jobs"]["apply"]
    assert apply["concurrency"]["cancel-in-progress"] is False

    def group(event: str, branch: str) -> str:
        github = {"event_name": event, "ref": f"refs/heads/{branch}"}
        return filled(apply["concurrency"]["group"], {"github": github})

    merge = group("push", "trunk")
    assert merge == group("workflow_dispatch", "trunk") == "sieve-jobs-prod-refs/heads/trunk"
    assert len({merge, group("schedule", "trunk"), group("workflow_dispatch", "try")}) == 3


def test_running_it_twice_changes_nothing(root: Path) -> None:
    assert ran(root, "init", "--ci", "github").code == 0
    before = files(root)
    again = ran(root, "init", "--ci", "github", "--json").document
    assert (again["written"], again["changed"], again["kept"]) == ([], [], ["sieve-jobs.toml", PATH])
    assert files(root) == before


def test_what_it_writes_is_valid(root: Path) -> None:
    assert ran(root, "init", "--ci", "github").code == 0
    assert ran(root, "validate", "-t", "prod").code == 0


def test_secrets_of_the_specs_are_handed_to_apply(root: Path) -> None:
    (root / "jobspecs").mkdir()
    (root / "jobspecs" / "a.yaml").write_text("function: a/b\nenv: {K: '${OPENAI_API_KEY}', P: '${PLACE:-here}'}\n")
    said = ran(root, "init", "--ci", "github", "--json").document
    assert said["next"][:2] == ["gh secret set SIEVE_API_KEY", "gh secret set OPENAI_API_KEY"]
    assert (root / PATH).read_text().count("OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}") == 1
    check(root)


def test_a_config_that_is_there_gets_the_lines_it_lacks(root: Path) -> None:
    config = root / "sieve-jobs.toml"
    config.write_text("[targets.eu]  # ours\nendpoint = 'https://eu.example'\napi_key_env = 'EU_KEY'\n")
    said = ran(root, "init", "--ci", "github", "--json").document
    assert said["changed"] == ["sieve-jobs.toml"]
    assert said["next"][0] == "gh secret set EU_KEY"
    settings = target_of(root, "eu")
    assert (settings["endpoint"], settings["state"]) == ("https://eu.example", "git")
    assert config.read_text().startswith("[targets.eu]  # ours\nstate = ")
    assert "EU_KEY: ${{ secrets.EU_KEY }}" in (root / PATH).read_text()


def test_a_state_that_is_kept_elsewhere_stays_there_and_is_said(root: Path) -> None:
    text = "[targets.prod]\nendpoint = 'https://x.example'\nstate = '/srv/prod.db'\n"
    (root / "sieve-jobs.toml").write_text(text)
    said = ran(root, "init", "--ci", "github", "--action", ACTION, "--json").document
    assert (root / "sieve-jobs.toml").read_text() == text
    assert 'the state of prod is kept elsewhere: each runner has to reach it, or set state = "git"' in said["next"]


def test_a_workflow_that_is_there_is_kept(root: Path) -> None:
    (root / PATH).parent.mkdir(parents=True)
    (root / PATH).write_text("name: mine\n")
    said = ran(root, "init", "--ci", "github")
    assert f"kept  {PATH}, which was there" in said.out
    assert (root / PATH).read_text() == "name: mine\n"


def test_an_action_that_is_not_known_is_the_persons_to_fill_in(root: Path) -> None:
    said = ran(root, "init", "--ci", "github")
    assert f"put the repository and commit of the action in place of {UNKNOWN_ACTION}" in said.out
    check(root)


def test_a_project_below_the_checkout(root: Path) -> None:
    (root / "videos").mkdir()
    assert ran(root / "videos", "init", "--ci", "github", "--action", ACTION).code == 0
    assert not (root / "videos" / ".github").exists()
    assert (root / PATH).read_text().count('working-directory: "videos"') == 2
    check(root)


def second(root: Path, *words: str) -> Ran:
    """What `init --ci` says in `audio`, of a repository whose workflow runs the project in `videos`."""
    (root / "videos").mkdir()
    (root / "audio").mkdir()
    assert ran(root / "videos", "init", "--ci", "github", "--action", ACTION).code == 0
    return ran(root / "audio", "init", "--ci", "github", "--action", ACTION, *words)


def test_a_second_project_gets_a_workflow_of_its_own(root: Path) -> None:
    said = second(root, "-t", "sound", "--json").document
    own = ".github/workflows/sieve-jobs-sound.yaml"
    assert said["written"][-1] == str(root / own)
    assert said["next"][0] == f"know that {PATH} runs the project in 'videos', and {own} this one"
    assert not any("SIEVE_JOBS_STATE_KEY" in step for step in said["next"])  # it is that of the first one
    assert target_of(root / "audio", "sound")["state"] == "git"
    first, other = ((root / path).read_text() for path in (PATH, own))
    assert other.count('working-directory: "audio"') == 2
    for line in ("name: ", "group: "):
        theirs, ours = (
            {each.strip() for each in text.splitlines() if each.strip().startswith(line)} for text in (first, other)
        )
        assert {each for each in theirs & ours if each not in {"name: plan", "name: apply"}} == set()
    check(root, own)
    again = ran(root / "audio", "init", "--ci", "github", "-t", "sound", "--json").document
    assert (again["written"], again["kept"][-1]) == ([], str(root / own))
    before = ran(root / "videos", "init", "--ci", "github", "--json").document
    assert not any("runs the project" in step for step in before["next"])


def test_two_projects_of_a_repository_get_no_state_on_one_ref(root: Path) -> None:
    said = second(root)
    assert said.code == 64
    assert "'prod' is the target of the project in 'videos', whose state lies on refs/sieve-jobs/prod" in said.err
    assert [*(root / "audio").iterdir()] == []
    (root / "videos" / "sieve-jobs.toml").unlink()  # it moved
    moved = ran(root / "audio", "init", "--ci", "github", "--action", ACTION)
    assert moved.code == 0
    assert f"in {PATH}, say working-directory: \"audio\": it runs the project in 'videos', which is gone" in moved.out


@pytest.mark.parametrize(
    ("workflow", "found"),
    [
        pytest.param("jobs: {a: {steps: [{uses: o/sieve-jobs@1, with: {target: p}}]}}", [("", "p")], id="at the top"),
        pytest.param(
            "jobs: {a: {steps: [{uses: x/y@1}, {uses: o/sieve-jobs@1, with: {working-directory: ./v/}}]}}",
            [("v", "")], id="in a folder",
        ),
        pytest.param("jobs: {a: {steps: [{uses: x/y@1, with: {target: p}}, 3], b: 1}, c: []}", [], id="another action"),
        pytest.param("name: [", [], id="broken"),
        pytest.param("", [], id="empty"),
        pytest.param("[1]", [], id="a list"),
    ],
)  # fmt: skip
def test_what_a_workflow_runs(workflow: str, found: list[tuple[str, str]]) -> None:
    assert [(one.folder, one.target) for one in served(workflow)] == found


def test_a_key_that_is_here_is_the_one_that_runners_get(root: Path) -> None:
    (root / ".sieve-jobs").mkdir(mode=0o700)
    (root / ".sieve-jobs" / "key").write_text("ab" * 32)
    said = ran(root, "init", "--ci", "github").out
    assert "gh secret set SIEVE_JOBS_STATE_KEY < .sieve-jobs/key" in said
    assert "abab" not in said


@pytest.mark.parametrize(
    ("config", "words", "code", "why"),
    [
        pytest.param("", ["--action", "octo/sieve-jobs@v1"], 64, "not pinned", id="a tag"),
        pytest.param("", ["-t", "local"], 64, "is no remote target", id="local"),
        pytest.param("", ["-t", "a/b"], 64, "is no remote target", id="no name"),
        pytest.param("targets.prod.endpoint = 'https://x'", [], 3, "these lines", id="a form that cannot be added to"),
        pytest.param("[targets.prod\n", [], 3, "not valid TOML", id="a broken config"),
        pytest.param(
            "[targets.a]\nendpoint = 'https://a'\n[targets.b]\nendpoint = 'https://b'\n", [], 64, "one of a, b",
            id="several targets",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_writes_no_workflow(
    root: Path, config: str, words: list[str], code: int, why: str
) -> None:
    (root / "sieve-jobs.toml").write_text(config)
    said = ran(root, "init", "--ci", "github", *words)
    assert (said.code, why in said.err) == (code, True), said.err
    assert (root / "sieve-jobs.toml").read_text() == config
    assert sorted(path.name for path in root.iterdir()) == [".git", "sieve-jobs.toml"]


def test_without_ci_there_is_no_target_to_name(root: Path) -> None:
    assert ran(root, "init", "-t", "prod").code == 64
    assert list(root.glob("*.toml")) == []
