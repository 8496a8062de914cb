"""Jobs that went with the engine's data, and that something is still due for: pushed again at once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.project import Ran, ran, started
from tests.watch.watched import Watched


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose job was pushed and not followed, and whose engine was removed then."""
    folder = tmp_path / "p"
    folder.mkdir()
    assert ran(folder, "init").code == 0
    assert here(folder, "apply", "--detach").code == 0
    shutil.rmtree(folder / ".sieve-jobs" / "engine")
    return folder


def here(root: Path, *arguments: str) -> Ran:
    return ran(root, *arguments, environ={"PATH": os.environ["PATH"]})


def test_apply_pushes_them_again_at_once(root: Path) -> None:
    continued = here(root, "apply", "--continue")
    assert (continued.code, "rerun" in continued.err) == (5, True), continued.all  # it starts nothing
    shutil.rmtree(root / ".sieve-jobs" / "engine")
    assert here(root, "rerun", "hello", "--detach").code == 0
    shutil.rmtree(root / ".sieve-jobs" / "engine")
    refused = here(root, "apply", "--max-pushes", "0")
    assert refused.code == 6
    again = here(root, "apply")
    assert again.code == 0, again.all
    assert "Hello, world!" in again.out
    assert here(root, "apply", "--json").document["summary"]["pushed"] == 0


def test_outputs_that_are_gone_with_the_engine_are_made_again(root: Path) -> None:
    with (root / "jobspecs" / "hello.yaml").open("a") as spec:
        spec.write("save: out/\n")
    assert here(root, "apply").code == 0
    shutil.rmtree(root / ".sieve-jobs" / "engine")
    assert here(root, "apply", "--json").document["summary"]["unchanged"] == 1  # finished and saved: nothing is missed
    shutil.rmtree(root / "out")
    again = here(root, "apply", "--json")
    assert again.code == 0, again.all
    assert [(row["reason"], row["saved"]) for row in again.document["results"]] == [("lost", ["out/0.json"])]
    assert (root / "out" / "0.json").is_file()


def test_watch_pushes_them_again_at_once(root: Path) -> None:
    with started(root, "watch", "--events") as process:
        watched = Watched(process)
        try:
            assert watched.kind("pushed")["reason"] == "lost"
            watched.ended("hello")
        finally:
            watched.close()
