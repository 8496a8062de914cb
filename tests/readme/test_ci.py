"""docs/ci.md from its first command to its last, in a repository with a remote; its tables are the action's."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sieve_jobs.cli.workflow import LOCK_TIMEOUT
from sieve_jobs.render import markdown
from tests.action.composite import ACTION
from tests.cloud import Cloud
from tests.project import KEY, REPOSITORY, Ran, ran, run_program, spec, write

TEXT = (REPOSITORY / "docs" / "ci.md").read_text()
COMMANDS = [line[2:] for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
OURS = [command for command in COMMANDS if command.startswith(("sieve-jobs ", "exec sieve-jobs "))]
IN_ORDER = [
    "sieve-jobs init --ci github",
    "sieve-jobs validate",
    "sieve-jobs plan -t prod",
    "sieve-jobs plan -t prod --format markdown",
    "sieve-jobs apply --continue -t prod --yes",
    "exec sieve-jobs apply -t prod --yes",
    "sieve-jobs apply -t prod --yes --lock-timeout 10m",
    "sieve-jobs plan -t prod --out reviewed.json",
    "sieve-jobs apply reviewed.json -t prod --yes",
]


def git(folder: Path, *words: str) -> None:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env=os.environ | who)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A clone whose remote lies beside it."""
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "remote.git")], check=True)
    folder = tmp_path / "clone"
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    git(folder, "remote", "add", "origin", str(tmp_path / "remote.git"))
    return folder


def done(root: Path, command: str) -> Ran:
    """*command* as a script of CI has it: in a shell where it needs one."""
    program, *words = shlex.split(command)
    if program == "sieve-jobs":
        return ran(root, *words, environ={**KEY, "CI": "true"})
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return run_program(["bash", "-e", "-o", "pipefail", "-c", command], root, PATH=path, CI="true")


def test_the_whole_story(root: Path, cloud: Cloud) -> None:
    assert OURS == IN_ORDER
    first, *others = OURS
    began = done(root, first)
    assert began.code == 0, began.all
    assert [line for line in COMMANDS if line.startswith(("gh ", "openssl "))] == [
        line.partition(". ")[2] for line in began.out.splitlines() if "secret set" in line
    ]
    config = (root / "sieve-jobs.toml").read_text()
    assert tomllib.loads(config)["targets"]["prod"]["state"] == "git"
    config = config.replace("https://mango.sievedata.com", cloud.url)
    write(root, {"sieve-jobs.toml": config, "jobspecs/hello.yaml": spec(width=1)})
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "specs")
    made = done(root, "sieve-jobs apply -t prod --yes --new-state")
    assert made.code == 0, made.all
    write(root, {"jobspecs/hello.yaml": spec(width=2)})
    pushes = len(cloud.pushes)
    counts = {}
    for number, command in enumerate(others):
        if "--out" in command:
            write(root, {"jobspecs/hello.yaml": spec(width=10 + number)})
        said = done(root, command)
        assert said.code == 0, (command, said.all)
        counts[command] = len(cloud.pushes) - pushes
    assert [counts[command] for command in others] == [0, 0, 0, 0, 1, 1, 1, 2]
    assert done(root, OURS[-1]).code == 7


def test_an_old_run_that_is_run_again(root: Path, cloud: Cloud) -> None:
    """As "An old run that is run again" says; the first old commit never ran, the second one did."""
    config = f'[targets.prod]\nendpoint = "{cloud.url}"\nstate = "{root / "prod.db"}"\n'
    done_with = []
    for commit in ({"a": 1}, {"a": 3, "b": 1}, {"a": 2}, {"a": 1}, {"a": 3, "b": 1}):
        shutil.rmtree(root / "jobspecs", ignore_errors=True)
        write(
            root, {"sieve-jobs.toml": config} | {f"jobspecs/{name}.yaml": spec(width=n) for name, n in commit.items()}
        )
        said = ran(root, "apply", "-t", "prod", "--yes", "--json", environ={**KEY, "CI": "true"})
        assert said.code == 0, said.all
        done_with.append([(row["name"], row["action"]) for row in said.document["results"]])
    assert done_with == [
        [("a", "push")],
        [("a", "push"), ("b", "push")],
        [("a", "push"), ("b", "orphan")],
        [("a", "reuse")],
        [("a", "reuse"), ("b", "reuse")],
    ]
    assert not [request for request in cloud.requests if request.route == "cancel"]


def test_the_tables_are_those_of_the_action() -> None:
    section = TEXT.partition("## The action\n")[2]
    rows = {
        cells[0].strip("` "): cells[1].strip("` ")
        for cells in (line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `"))
    }
    assert rows == {name: said.get("default", "") for name, said in ACTION["inputs"].items()}
    outputs = section.partition("Outputs:")[2].partition("They come")[0]
    assert set(re.findall(r"`([a-z-]+)`", outputs)) == set(ACTION["outputs"])


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"the first {markdown.MOST_FIELDS} fields" in TEXT
    assert f"at most {markdown.MOST_ROWS} changes" in TEXT
    assert f"`lock-timeout: {LOCK_TIMEOUT}`" in TEXT
