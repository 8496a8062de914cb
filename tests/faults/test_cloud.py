"""The hostile cloud: its command for people, and what is done about each thing that its list can do."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sieve_jobs.push.events import Event
from tests.cloud import Cloud, Fault
from tests.faults.cloud import main
from tests.faults.named import LISTS, PUSHES, script_of
from tests.project import REPOSITORY, Project, spec
from tests.push.scene import Scene, clips


def test_every_fault_is_in_the_list_that_people_see(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    words = {word for line in shown.splitlines() for word in line.split()[:1]}
    pairs = {word.removesuffix("-before|after") + when for word in words for when in ("-before", "-after")}
    assert {*PUSHES, *LISTS} <= words | pairs


def test_a_person_tries_a_fault_by_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.cloud", "--fault", "drop-after", "--fault", "no-created-at"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert process.stdout.readline() == f"key: {Cloud.key}\n"
            project = Project(tmp_path / "p", url)
            project.write("a.yaml", spec(width=1))
            assert project.apply().code == 0
            while (line := process.stdout.readline()) != "1 pushes, 1 jobs\n":
                assert line
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == "\n1 pushes, 1 jobs, 0 of them the same as another\n"
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("when", ["drop-before", "drop-after"])
@pytest.mark.parametrize("name", [name for name in LISTS if name != "twins"])
def test_a_list_of_any_kind_settles_a_doubt_with_exactly_one_job(tmp_path: Path, name: str, when: str) -> None:
    with Cloud.running(script_of([name, when], match='"width":1}')) as cloud:

        def others_push(event: Event) -> None:
            for number in range(30 if event.kind == "in_doubt" else 0):
                cloud.add_job({"function": "other/thing", "inputs": {"n": number}})

        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(3), on_event=others_push, settle=30.0)
        assert ran.exit_code == 0, ran.result.problems
        pages = {request.query["offset"] for request in cloud.requests if request.route == "jobs"}
        assert (len(pages) > 1) is (name == "list-shifting")
        ours = [job for job in cloud.jobs if job.function == "sieve/dubbing"]
        assert sorted(job.pushed["inputs"]["width"] for job in ours) == [0, 1, 2]
        assert len(cloud.pushes) == (3 if when == "drop-after" else 4)
        assert not scene.state().intents
        assert {entry.job_id for entry in scene.entries().values()} == {job.id for job in ours}


def test_beside_a_stranger_s_job_that_looks_the_same_a_doubt_is_for_a_person(tmp_path: Path) -> None:
    with Cloud.running(script_of(["twins", "drop-after"], match='"width":1}')) as cloud:
        scene = Scene(tmp_path, cloud)
        for _ in range(2):
            ran = scene.apply(clips(3), settle=10.0)
            assert ran.exit_code == 5
            assert "2 jobs could be it" in ran.result.problems[0].message
        assert len(cloud.pushes) == 3
        assert [intent.name for intent in scene.state().intents] == ["clip-1"]


def test_a_stranger_s_job_alone_is_taken_for_the_push_that_never_arrived(tmp_path: Path) -> None:
    """What docs/reliability.md says cannot be promised: nothing is made twice, but the job is not ours."""
    with Cloud.running(script_of(["twins", "drop-before"], match='"width":1}')) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(3), settle=10.0).exit_code == 0
        assert len(cloud.pushes) == 3
        (stranger,) = [job for job in cloud.jobs if job.pushed["inputs"]["width"] == 1]
        assert scene.entries()["clip-1"].job_id == stranger.id


def test_files_and_defaults_that_come_back_otherwise_are_known_again(tmp_path: Path) -> None:
    with Cloud.running(script_of(["drop-after"], times=-1)) as cloud:
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(3))
        assert ran.exit_code == 0, ran.result.problems
        assert len(cloud.pushes) == len(cloud.jobs) == 3
        assert {entry.job_id for entry in scene.entries().values()} == {job.id for job in cloud.jobs}


@pytest.mark.parametrize(("engine", "jobs"), [(True, 1), (False, 2)], ids=["engine", "cloud"])
def test_a_push_that_was_asked_to_wait_is_repeated_with_its_key(tmp_path: Path, engine: bool, jobs: int) -> None:
    """A 429 is believed. Who made the job all the same is known by the key to have made it, where keys are honoured."""
    script = script_of(["429-after"])
    script.engine = engine
    with Cloud.running(script) as cloud:
        scene = Scene(tmp_path, cloud)
        assert scene.apply(clips(1)).exit_code == 0
        assert len(cloud.pushes) == 2
        assert len({push.headers["idempotency-key"] for push in cloud.pushes}) == 1
        assert len(cloud.jobs) == jobs
        assert not scene.state().intents


def test_a_body_that_nobody_reads_is_in_doubt_when_the_connection_breaks(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        cloud.script.faults = [Fault("reset", unread=True)]
        scene = Scene(tmp_path, cloud)
        ran = scene.apply(clips(2), settle=5.0)
        assert ran.exit_code == 0
        assert "in_doubt" in ran.kinds()
        assert scene.pushed() == [0, 1]
        assert len(cloud.pushes) == 3
