"""Outputs while a watch goes on: after every round they are those of the job that the spec has then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.shared import Clone, make_remote
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.project import Project
from tests.watch.watched import REMOTE, Watched, save, watching

NAMES = ("ada", "bob")


def greeting(name: str, folder: str = "out/hi") -> str:
    return f"function: a/hi\ninputs: {{who: {name}}}\nsave: {folder}\n"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    outcomes = [Outcome(f'"who":"{name}"', outputs=[{"url": f"{{url}}/files/{name}/cut.txt"}]) for name in NAMES]
    files = {f"/files/{name}/cut.txt": f"hi {name}" for name in NAMES}
    with Cloud.running(Script(outcomes=outcomes, files=files)) as cloud:
        yield cloud


def saved(watched: Watched, name: str = "a") -> None:
    """Returns once outputs of *name* were saved, if that was not seen before the first round was over."""
    if "saved" not in watched.kinds():
        watched.kind("saved", name=name)


def test_a_change_taken_back_puts_its_own_outputs_there_again_each_time(project: Project, cloud: Cloud) -> None:
    path, output = project.write("a.yaml", greeting("ada")), project.root / "out/hi/0.txt"
    with watching(project, *REMOTE) as watched:
        saved(watched)
        for name in ("bob", "ada", "bob", "ada"):
            save(path, greeting(name))
            watched.kind("saved", name="a")
            assert output.read_text() == f"hi {name}"
        output.unlink()
        save(path, "# its output was deleted\n" + greeting("ada"))
        watched.kind("saved", name="a")
        assert output.read_text() == "hi ada"
        save(path, greeting("ada"))
        watched.round("nothing")
        assert watched.end() == 130
        assert not watched.errors
        assert not {"not_saved", "problems"} & set(watched.kinds())
    assert len(cloud.pushes) == 2


def test_what_an_earlier_job_left_comes_too_late(project: Project, cloud: Cloud) -> None:
    """Its spec has taken another job again by the time its outputs are there to be put in their place."""
    path, output = project.write("a.yaml", greeting("ada")), project.root / "out/hi/0.txt"
    cloud.script.faults = [Fault("hold", route="file", match="bob")]
    with watching(project, *REMOTE) as watched:
        saved(watched)
        save(path, greeting("bob"))
        watched.round("applied")
        cloud.wait_for(
            lambda seen: any("bob" in request.target for request in seen.requests if request.route == "file")
        )
        save(path, greeting("ada"))
        watched.kind("saved", name="a")
        cloud.let_go()
        project.write("b.yaml", greeting("ada", "out/b"))
        watched.kind("saved", name="b")
        assert watched.end() == 130
        assert not watched.errors
        assert not {"not_saved", "problems"} & set(watched.kinds())
    assert output.read_text() == "hi ada"
    assert [path.name for path in output.parent.iterdir()] == ["0.txt"]
    assert project.remote("plan", "--json").document["notices"] == []


def test_a_place_that_changes_hands(project: Project, cloud: Cloud) -> None:
    """Neither the name that a spec had nor the folder that it saved to before keeps another one from it."""
    path, output = project.write("a.yaml", greeting("ada")), project.root / "out/hi/0.txt"
    with watching(project, *REMOTE) as watched:
        saved(watched)
        renamed = path.with_name("b.yaml")
        path.rename(renamed)
        watched.kind("moved", name="b")
        watched.round("applied")
        save(renamed, greeting("bob"))
        watched.kind("saved", name="b")
        assert output.read_text() == "hi bob"
        save(renamed, greeting("bob", "out/elsewhere"))
        watched.kind("saved", name="b")
        output.unlink()
        project.write("c.yaml", greeting("bob") + "description: another\n")
        watched.kind("saved", name="c")
        assert watched.end() == 130
        assert not watched.errors
        assert not {"not_saved", "problems"} & set(watched.kinds())


def test_a_key_that_was_refused_once_is_tried_again(project: Project, cloud: Cloud) -> None:
    path, output = project.write("a.yaml", greeting("ada")), project.root / "out/hi/0.txt"
    with watching(project, *REMOTE) as watched:
        saved(watched)
        output.unlink()
        cloud.script.faults = [Fault(status=401, route="job")]
        save(path, "# once\n" + greeting("ada"))
        watched.kind("not_saved", name="a")
        save(path, "# again\n" + greeting("ada"))
        watched.kind("saved", name="a")
    assert output.read_text() == "hi ada"


def test_a_round_knows_what_was_saved_before_it(tmp_path: Path, cloud: Cloud) -> None:
    """A state far away learns of it a while later: nothing is called unsaved meanwhile, nor is it saved again."""
    clone = Clone.of(make_remote(tmp_path), "one", cloud.url, 0)
    clone.environ = {"SIEVE_JOBS_STATE_KEY": "ab" * 32}
    path = clone.write("a.yaml", greeting("ada"))
    with watching(clone, *REMOTE, **clone.environ) as watched:
        saved(watched)
        save(path, "# a comment\n" + greeting("ada"))
        watched.round(path="jobspecs/a.yaml")
        save(path, greeting("bob"))
        watched.kind("saved", name="a")
        assert watched.end() == 130
        plans = [event for event in watched.seen if event["event"] == "plan"]
    assert [plan["notices"] for plan in plans] == [[], []]
    assert watched.kinds().count("saved") == 2
    assert len(cloud.pushes) == 2
