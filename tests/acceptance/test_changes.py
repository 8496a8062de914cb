"""What is a change and what is none, on real requests: paid pushes over necessary pushes is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import Project, spec

NAMES = ("captions", "dub-intro", "dub-outro", "lipsync", "reframe")


@pytest.fixture
def project(tmp_path: Path, cloud: Cloud) -> Project:
    project = Project(tmp_path / "p", cloud.url, environ={"HOOK_TOKEN": "t0ken-one"})
    for index, name in enumerate(NAMES):
        project.write(f"{name}.yaml", spec(width=640 + index, source={"url": f"https://cdn.example.com/{name}.mp4"}))
    project.write(
        "dub-intro.yaml",
        "function: sieve/dubbing\n"
        "inputs:\n"
        "  source_file: {url: 'https://cdn.example.com/i.mp4?X-Amz-Signature=aa&X-Amz-Date=1&part=2'}\n"
        "  target_language: spanish\n"
        "  voice: {token: '${HOOK_TOKEN}'}\n"
        "env: {MODE: fast}\n"
        "webhooks: [{type: job.complete, url: 'https://hooks.example.com/x'}]\n",
    )
    return project


def pushes(cloud: Cloud) -> int:
    return len(cloud.pushes)


def test_five_specs_are_five_posts_whose_bodies_are_the_specs(project: Project, cloud: Cloud) -> None:
    ran = project.ran("apply", "-t", "prod", "--yes", "--json")
    assert ran.code == 0, ran.all
    assert ran.document["summary"]["pushed"] == 5
    bodies = {body["inputs"].get("width", 0): body for body in (request.json for request in cloud.pushes)}
    assert len(cloud.pushes) == 5
    assert bodies[641 + 1] == {
        "function": "sieve/dubbing",
        "inputs": {"width": 642, "source": {"url": "https://cdn.example.com/dub-outro.mp4"}},
    }
    assert bodies[0] == {
        "function": "sieve/dubbing",
        "inputs": {
            "source_file": {"url": "https://cdn.example.com/i.mp4?X-Amz-Signature=aa&X-Amz-Date=1&part=2"},
            "target_language": "spanish",
            "voice": {"token": "t0ken-one"},
        },
        "webhooks": [{"type": "job.complete", "url": "https://hooks.example.com/x"}],
        "env": {"MODE": "fast"},
    }
    again = project.ran("apply", "-t", "prod", "--yes", "--json")
    assert (again.code, again.document["summary"]["unchanged"], pushes(cloud)) == (0, 5, 5)


def test_one_field_edited_is_one_push_and_edited_back_is_none(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    first = project.write("captions.yaml", spec(width=1280, source={"url": "https://cdn.example.com/captions.mp4"}))
    planned = project.remote("plan", "--json", "--detailed-exitcode")
    assert planned.code == 2
    (change,) = planned.document["changes"]
    assert (change["action"], change["reason"]) == ("push", "inputs_changed")
    assert change["diff"] == [{"path": "inputs.width", "before": 640, "after": 1280, "masked": False}]
    assert project.apply().code == 0
    assert pushes(cloud) == 6
    first.write_text(spec(width=640, source={"url": "https://cdn.example.com/captions.mp4"}))
    back = project.apply("--json")
    assert (back.code, back.document["summary"]["reused"], pushes(cloud)) == (0, 1, 6)
    assert project.remote("plan", "--detailed-exitcode").code == 0


NO_CHANGES = [
    ("env: {MODE: fast}\n", "# a comment\nenv: {MODE: fast}\n"),
    ("  target_language: spanish\n", "  target_language: 'spanish'\n"),
    ("function: sieve/dubbing\n", "function: sieve/dubbing\nlabels: {team: video}\ndescription: dubbed\n"),
    ("env: {MODE: fast}\n", "env: {MODE: fast}\nprotect: false\nrerun_on: []\nrerun: null\n"),
    ("X-Amz-Signature=aa&X-Amz-Date=1&part=2", "part=2&X-Amz-Signature=bb"),
]
"""A comment, quotes, words for people, the language's defaults spelled out, another signature."""


def test_what_is_no_change_pushes_nothing(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    path = project.root / "jobspecs" / "dub-intro.yaml"
    for old, new in NO_CHANGES:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        planned = project.remote("plan", "--detailed-exitcode")
        assert planned.code == 0, (new, planned.all)
    assert project.apply().code == 0
    assert pushes(cloud) == 5


def test_key_order_is_no_change(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    path = project.root / "jobspecs" / "lipsync.yaml"
    function, inputs = path.read_text().splitlines(keepends=True)
    path.write_text(inputs + function)
    assert project.remote("plan", "--detailed-exitcode").code == 0


def test_a_renamed_file_moves_its_entry(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    old = project.root / "jobspecs" / "reframe.yaml"
    before = project.remote("state", "show", "reframe", "--json").document
    (project.root / "jobspecs" / "shows").mkdir()
    old.rename(project.root / "jobspecs" / "shows" / "reframe.yaml")
    (change,) = project.remote("plan", "--json").document["changes"]
    assert (change["name"], change["action"], change["reason"]) == ("shows/reframe", "move", "renamed")
    assert project.apply().code == 0
    after = project.remote("state", "show", "shows/reframe", "--json").document
    assert after["entry"]["job_id"] == before["entry"]["job_id"]
    assert project.remote("state", "show", "reframe").code == 64
    assert pushes(cloud) == 5


def test_a_removed_spec_is_left_alone_and_a_restored_one_reuses_its_job(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    path = project.root / "jobspecs" / "lipsync.yaml"
    text = path.read_text()
    path.unlink()
    planned = project.remote("plan", "--json", "--detailed-exitcode")
    assert planned.code == 0
    assert planned.document["summary"]["orphan"] == 1
    assert project.apply().code == 0
    assert project.remote("plan", "--json").document["summary"]["orphan"] == 0
    path.write_text(text)
    restored = project.apply("--json")
    assert (restored.code, restored.document["summary"]["pushed"]) == (0, 0)
    assert pushes(cloud) == 5
    assert not [request for request in cloud.requests if request.method == "DELETE"]


def test_a_rotated_secret_is_a_notice_and_no_push(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    planned = project.remote("plan", "--json", "--detailed-exitcode", HOOK_TOKEN="t0ken-two")
    assert planned.code == 0
    assert [notice["reason"] for notice in planned.document["notices"]] == ["secret_rotated"]
    applied = project.apply(HOOK_TOKEN="t0ken-two")
    assert applied.code == 0
    assert "t0ken" not in applied.all + planned.all
    assert pushes(cloud) == 5


def test_a_changed_webhook_is_a_notice_and_no_push(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    path = project.root / "jobspecs" / "dub-intro.yaml"
    path.write_text(path.read_text().replace("hooks.example.com/x", "hooks.example.com/y"))
    planned = project.remote("plan", "--json")
    assert [notice["reason"] for notice in planned.document["notices"]] == ["webhooks_changed"]
    assert project.apply().code == 0
    assert pushes(cloud) == 5
