"""`engine gc`: what it says, and what the state of a project makes of jobs that are gone."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sieve_jobs.engine.launch import Running, attach_with
from sieve_jobs.engine.settings import Settings
from tests.project import Ran, project, ran, remote_config

FUNCTIONS = """
from pathlib import Path

import sieve

@sieve.function(name="write")
def write(text: str) -> sieve.File:
    print("writing")
    Path("text.txt").write_text(text)
    return sieve.File(path=str(Path("text.txt").absolute()))
"""


def here(root: Path, *arguments: str) -> Ran:
    """Runs with the little of the environment that an engine needs to start."""
    return ran(root, *arguments, environ={"PATH": os.environ["PATH"]})


def saved(root: Path) -> Path:
    (file,) = (root / "out").iterdir()
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    specs = {
        "saved.yaml": "function: me/write\ninputs: {text: saved}\nsave: {to: out/}\n",
        "plain.yaml": "function: me/write\ninputs: {text: plain}\n",
    }
    root = project(tmp_path / "p", specs)
    (root / "functions").mkdir()
    (root / "functions" / "write.py").write_text(FUNCTIONS)
    return root


@pytest.fixture
def engine(root: Path) -> Iterator[Running]:
    """One for all verbs of a test, which would each start their own."""
    settings = Settings(root=root, functions=(root / "functions",), workers=2, ends_with_users=True)
    with attach_with(settings) as running:
        yield running


def test_what_was_done_stays_done_when_its_job_is_collected(root: Path, engine: Running) -> None:
    assert here(root, "apply").code == 0
    assert saved(root).read_text() == "saved"
    (root / "jobspecs" / "newest.yaml").write_text("function: me/write\ninputs: {text: newest}\n")
    assert here(root, "apply").code == 0
    would = here(root, "engine", "gc", "--keep", "0", "--dry-run")
    said = (
        "would remove what is older than 0 s:\n  2 jobs\n  2 files\n10 B would be freed on the disk\n1 job would stay\n"
    )
    assert (would.code, would.out) == (0, said)
    did = here(root, "engine", "gc", "--keep", "0")
    assert did.out == "removed what is older than 0 s:\n  2 jobs\n  2 files\n10 B freed on the disk\n1 job left\n"
    again = here(root, "engine", "gc", "--keep", "0", "--json")
    assert (again.code, again.document["jobs"], again.document["stay"]) == (0, 0, 1)
    assert here(root, "plan", "--detailed-exitcode").code == 0
    applied = here(root, "apply", "--json")
    assert (applied.code, applied.document["summary"]["pushed"]) == (0, 0)
    assert saved(root).read_text() == "saved"
    assert "the far side has no log of job" in here(root, "logs", "plain").err
    outputs = here(root, "outputs", "plain")
    assert (outputs.code, "404" in outputs.err) == (1, True)
    # What was saved and is missing can come from a new job alone, which costs nothing here.
    saved(root).unlink()
    repaired = here(root, "apply", "--json")
    assert (repaired.code, repaired.document["summary"]["pushed"]) == (0, 1), repaired.err
    assert saved(root).read_text() == "saved"


def test_going_back_to_a_result_that_is_gone_runs_it_again(root: Path, engine: Running) -> None:
    assert here(root, "apply").code == 0
    for name in ("plain", "saved"):
        spec = root / "jobspecs" / f"{name}.yaml"
        spec.write_text(spec.read_text().replace(f"text: {name}", "text: other"))
    assert here(root, "apply").code == 0
    assert here(root, "engine", "gc", "--keep", "0", "--json").document["jobs"] == 3
    for name in ("plain", "saved"):
        spec = root / "jobspecs" / f"{name}.yaml"
        spec.write_text(spec.read_text().replace("text: other", f"text: {name}"))
    back = here(root, "apply", "--json")
    assert back.code == 0, back.err
    assert {row["name"]: row["reason"] for row in back.document["results"]} == {
        "plain": "result_gone",
        "saved": "result_gone",
    }


def test_it_is_of_the_engine_alone_and_says_how_long(root: Path, engine: Running) -> None:
    (root / "sieve-jobs.toml").write_text('[engine]\nkeep = "1h30m"\n')
    assert here(root, "engine", "gc").out == "nothing to remove that is older than 1 h 30 min\n0 jobs left\n"
    assert here(root, "engine", "gc", "--keep", "2d", "--json").document["keep"] == 172_800
    wrong = here(root, "engine", "gc", "--keep", "soon")
    assert (wrong.code, "90s, 30m or 2h" in wrong.err) == (64, True)
    (root / "sieve-jobs.toml").write_text(remote_config("https://example.com"))
    elsewhere = here(root, "engine", "gc", "-t", "prod")
    assert (elsewhere.code, "-t local" in elsewhere.err) == (64, True)
    assert here(root, "engine", "gc").out.startswith("nothing to remove that is older than 7 d\n")


def test_what_could_not_be_removed_is_told(root: Path) -> None:
    folder = root / ".sieve-jobs" / "engine" / "files" / str(uuid.UUID(int=1))
    subprocess.run(["mkdir", "-p", folder / "/".join("d" * 1_500)], check=True)
    did = here(root, "engine", "gc")
    assert did.code == int(folder.exists())  # a newer Python removes even that
    assert (f"could not remove {folder}: folders are nested too deeply" in did.err) is folder.exists()
    subprocess.run(["rm", "-r", folder], check=folder.exists())
