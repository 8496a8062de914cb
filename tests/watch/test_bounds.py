"""What a watch may do, how it shares the state, and how it ends."""

from __future__ import annotations

import shutil
import signal
import subprocess

import pytest

from tests.cloud import Cloud, Fault
from tests.project import COMMAND, Project, environment, spec, started
from tests.watch.watched import REMOTE, Watched, pushed, save, watching


def test_a_remote_target_has_to_be_meant(project: Project, cloud: Cloud) -> None:
    project.write("a.yaml", spec(width=1))
    ran = project.remote("watch")
    assert ran.code == 6
    assert "--remote" in ran.err
    assert not cloud.requests


def test_usage(project: Project) -> None:
    project.write("a.yaml", spec(width=1))
    assert project.remote("watch", "--json").code == 64
    assert project.remote("watch", "--remote", "nothing-like-it").code == 64
    (project.root / "sieve-jobs.toml").write_text("x = [")
    assert project.remote("watch", "--remote").code == 3


@pytest.mark.parametrize("by_config", [False, True])
def test_the_pushes_of_the_whole_watch_are_bounded(project: Project, cloud: Cloud, by_config: bool) -> None:
    path = project.write("a.yaml", spec(width=1))
    if by_config:
        project.configure("max_pushes = 2")
    with watching(project, *REMOTE, *(() if by_config else ("--max-pushes", "2"))) as watched:
        save(path, spec(width=2))
        watched.round("applied")
        save(path, spec(width=3))
        refused = watched.kind("problems")
        assert refused["problems"][0]["code"] == "SJ131"
        assert "--max-pushes 3" in refused["problems"][0]["hint"]
        assert watched.wait() == 6
    assert pushed(cloud) == [{"width": 1}, {"width": 2}]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_the_jobs_go_on(project: Project, cloud: Cloud, number: signal.Signals, code: int) -> None:
    project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        assert watched.end(number) == code
        assert "left" in watched.kinds()
        assert not [line for line in watched.errors if "Traceback" in line]
    cloud.finish(cloud.jobs[0].id)
    assert project.apply().code == 0
    assert len(cloud.pushes) == 1


def test_a_push_under_way_is_recorded(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        cloud.script.faults = [Fault(kind="hold", route="push")]
        save(path, spec(width=2))
        cloud.wait_for(lambda seen: len(seen.pushes) == 2)
        watched.process.send_signal(signal.SIGINT)
        watched.kind("stopping")
        cloud.let_go()
        assert watched.wait() == 130
    cloud.finish(cloud.jobs[1].id)
    assert project.apply().code == 0
    assert len(cloud.pushes) == 2


def test_a_second_signal_ends_it_at_once(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        cloud.script.faults = [Fault(kind="hang", route="push")]
        save(path, spec(width=2))
        watched.kind("pushing")
        cloud.wait_for(lambda seen: len(seen.pushes) == 2)
        watched.process.send_signal(signal.SIGINT)
        watched.kind("stopping")
        assert watched.end() == 130


def test_another_run_between_two_rounds_is_no_problem(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        assert project.apply("--detach").code == 0
        save(path, spec(width=2))
        watched.kind("pushed", name="a")
        watched.round("applied")
        assert project.remote("status", "--json").document["jobs"][0]["status"] != "finished"
        save(path, spec(width=3))
        watched.kind("pushed", name="a")
    assert pushed(cloud) == [{"width": 1}, {"width": 2}, {"width": 3}]


def test_a_held_lock_is_waited_for(project: Project, cloud: Cloud) -> None:
    """An apply whose push is not answered holds it meanwhile."""
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        cloud.script.faults = [Fault(kind="hold", route="push")]
        with started(project.root, "apply", "-t", "prod", "--yes", "--detach", "--rerun", "a") as running:
            cloud.wait_for(lambda seen: len(seen.pushes) == 2)
            save(path, spec(width=3))
            assert "is locked" in watched.kind("locked")["text"]
            cloud.let_go()
            running.wait(timeout=60)
        watched.kind("pushed", name="a")
        assert watched.kinds().count("locked") == 1


def test_jobs_of_an_earlier_round_hold_nothing_up(project: Project, cloud: Cloud) -> None:
    project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        cloud.wait_for(lambda seen: any(request.route == "await" for request in seen.requests))
        project.write("b.yaml", spec(width=2))
        watched.kind("pushed", name="b")
        watched.round("applied")
        assert project.remote("status", "--json").code == 0
        for job in cloud.jobs:
            cloud.finish(job.id)
        ended = {watched.kind("status", status="finished")["name"] for _ in range(2)}
    assert ended == {"a", "b"}


def test_a_refused_push_waits_for_an_edit(project: Project, cloud: Cloud) -> None:
    path, other = project.write("a.yaml", spec(width=1)), project.write("b.yaml", spec(width=2))
    with watching(project, *REMOTE) as watched:
        cloud.script.faults = [Fault(status=422, route="push", match="99", times=-1)]
        save(path, spec(width=99))
        watched.kind("refused", name="a")
        watched.round("applied")
        for width in (3, 4):
            save(other, spec(width=width))
            watched.round("applied", path="jobspecs/b.yaml")
        assert [each["width"] for each in pushed(cloud)].count(99) == 1
        save(path, "# again\n" + spec(width=99))
        watched.round("applied", path="jobspecs/a.yaml")
        assert [each["width"] for each in pushed(cloud)].count(99) == 2
        # Its edit may come while a half-written file is given time.
        other.write_text("functio")
        watched.kind("looking_again")
        save(path, "# and again\n" + spec(width=99))
        save(other, spec(width=6))
        assert watched.round("applied")["changed"] == ["jobspecs/a.yaml", "jobspecs/b.yaml"]
        assert [each["width"] for each in pushed(cloud)].count(99) == 3
        save(path, spec(width=5))
        watched.kind("pushed", name="a")


@pytest.mark.soak
def test_a_far_side_that_refuses_one_forever_is_asked_once(project: Project, cloud: Cloud) -> None:
    """Through edits of others, noise, rounds made again as the far side was away, and a stop of the process."""
    forever = Fault(status=422, route="push", match="99", times=-1)
    cloud.script.faults = [forever]
    project.write("a.yaml", spec(width=99))
    other = project.write("b.yaml", spec(width=1))
    with watching(project, *REMOTE, "--max-pushes", "1000") as watched:
        for width in range(100, 120):
            save(other, spec(width=width * 100))
            (project.root / "jobspecs" / f"note-{width}.txt").touch()
            watched.round("applied", path="jobspecs/b.yaml")
        cloud.script.faults = [forever, Fault(status=500, route="cancel", times=-1)]
        save(other, spec(width=7))
        watched.kind("problems")
        cloud.script.faults = [forever]
        watched.kind("pushed", name="b")
        watched.process.send_signal(signal.SIGSTOP)
        watched.process.send_signal(signal.SIGCONT)
        save(other, spec(width=8))
        watched.round("applied", path="jobspecs/b.yaml")
    refused = [each["width"] for each in pushed(cloud)].count(99)
    print(f"{len(cloud.pushes)} pushes in {watched.kinds().count('round')} rounds, {refused} of the refused one")
    assert refused == 1


@pytest.mark.soak
def test_a_far_side_that_is_away_is_asked_again(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        cloud.script.faults = [Fault(status=500, route="cancel", times=-1)]
        save(path, spec(width=2))
        shown = watched.kind("problems")
        assert shown["problems"][0]["code"] == "SJ149"
        cloud.script.faults = []
        watched.kind("pushed", name="a")
    assert pushed(cloud) == [{"width": 1}, {"width": 2}]


def test_names_narrow_it(project: Project, cloud: Cloud) -> None:
    path, other = project.write("dub-a.yaml", spec(width=1)), project.write("b.yaml", spec(width=2))
    with watching(project, *REMOTE, "dub-*") as watched:
        save(other, spec(width=3))
        watched.round("nothing")
        project.write("dub-c.yaml", spec(width=4))
        watched.round("applied")
        save(path, spec(width=5))
        watched.round("applied")
    assert [each["width"] for each in pushed(cloud)] == [1, 4, 5]


def test_by_polling_too(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE, "--poll") as watched:
        save(path, spec(width=22))
        watched.kind("pushed")
        watched.round("applied")
        project.write("x/b.yaml", spec(width=3))
        watched.kind("pushed")
    assert [each["width"] for each in pushed(cloud)] == [1, 22, 3]


LIMITED = ["unshare", "-Ur", "sh", "-c", 'echo 1 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh"]
"""A command that the system tells of the changes in one folder only."""


def can_limit() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*LIMITED, "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_limit(), reason="needs a user namespace")
def test_where_the_limit_of_watches_is_reached_it_polls_and_says_so_once(project: Project, cloud: Cloud) -> None:
    path = project.write("x/a.yaml", spec(width=1))
    with subprocess.Popen(
        [*LIMITED, *COMMAND, "watch", "--events", *REMOTE], cwd=project.root, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        watched = Watched(process)
        try:
            watched.kind("watching")
            save(path, spec(width=22))
            watched.kind("pushed")
            watched.round("applied")
            project.write("y/b.yaml", spec(width=3))
            watched.kind("pushed")
            assert watched.end() == 130
        finally:
            watched.close()
    assert watched.kinds().count("polling") == 1


def test_for_people_in_a_pipe(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with started(project.root, "watch", *REMOTE) as process:
        assert process.stdout is not None
        lines: list[str] = []

        def until(word: str) -> None:
            while word not in (line := process.stdout.readline()):  # type: ignore[union-attr]
                assert line, lines
                lines.append(line)
            lines.append(line)

        until("watching")
        save(path, spec(width=2))
        until("pushed")
        cloud.finish(cloud.jobs[1].id)
        until("finished")
        save(path, "# same\n" + spec(width=2))
        until("nothing to do")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "\x1b" not in "".join(lines) + out
    assert any("inputs.width: 1 -> 2" in line for line in lines)
    assert max(map(len, lines)) <= 100
