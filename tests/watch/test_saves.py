"""Every save is one plan: what is pushed, what is cancelled, what is shown, and what means nothing."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import Project, spec
from tests.watch.watched import REMOTE, pushed, save, watching


def test_what_is_there_is_applied_and_then_every_save(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    project.write("b.yaml", spec(width=2))
    with watching(project, *REMOTE) as watched:
        save(path, spec(width=3))
        assert watched.round("applied")["changed"] == ["jobspecs/a.yaml"]
        project.write("shows/new.yaml", spec(width=4))
        watched.round("applied")
        assert pushed(cloud) == [{"width": 1}, {"width": 2}, {"width": 3}, {"width": 4}]
        for job in cloud.jobs:
            cloud.finish(job.id)
        ended = [watched.kind("status", status="finished")["name"] for _ in range(3)]
        assert sorted(ended) == ["a", "b", "shows/new"]
        assert watched.end() == 130


def test_a_changed_spec_cancels_its_running_job_first(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    kept = project.write("b.yaml", spec(width=2) + "on_change: keep\n")
    with watching(project, *REMOTE) as watched:
        first = watched.seen[[e["event"] for e in watched.seen].index("pushed")]["job_id"]
        save(path, spec(width=3))
        assert watched.kind("cancelled", name="a")["job_id"] == first
        watched.round("applied")
        save(kept, spec(width=4) + "on_change: keep\n")
        watched.round("applied")
    routes = [request.route for request in cloud.requests if request.route in {"push", "cancel"}]
    assert routes == ["push", "push", "cancel", "push", "push"]
    assert [job.status == "cancelled" for job in cloud.jobs] == [True, False, False, False]
    assert "failed" not in watched.kinds()


def test_a_comment_pushes_nothing_and_neither_does_taking_it_back(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        save(path, "# a comment\n" + spec(width=1))
        watched.round(path="jobspecs/a.yaml")
        save(path, spec(width=1))
        watched.round(path="jobspecs/a.yaml")
        cloud.finish(cloud.jobs[0].id)
        watched.kind("status", status="finished")
        save(path, spec(width=2))
        watched.kind("pushed")
        watched.round("applied")
        cloud.finish(cloud.jobs[1].id)
        watched.kind("status", status="finished")
        save(path, spec(width=1))
        watched.kind("reused")
        save(path, spec(width=2))
        watched.kind("reused")
    assert pushed(cloud) == [{"width": 1}, {"width": 2}]


def test_a_broken_file_is_shown_once_the_mended_one_goes_on(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    other = project.write("b.yaml", spec(width=2))
    with watching(project, *REMOTE) as watched:
        save(path, "functon: x\nid: [\n")
        shown = watched.kind("problems")
        assert shown["topic"] == "specs"
        assert {problem["path"] for problem in shown["problems"]} == {"jobspecs/a.yaml"}
        watched.round("invalid")
        save(other, spec(width=3))
        watched.round("invalid", path="jobspecs/b.yaml")
        assert watched.kinds().count("problems") == 1
        assert len(cloud.pushes) == 2
        save(path, spec(width=4))
        watched.kind("mended")
        watched.round("applied")
        assert sorted(each["width"] for each in pushed(cloud)[2:]) == [3, 4]
        save(path, "functon: x\nid: [\n")
        watched.kind("problems")


def test_a_broken_start_is_watched_too(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", "functio: x\n")
    with watching(project, *REMOTE) as watched:
        assert not cloud.pushes
        save(path, spec(width=1))
        watched.round("applied")
        assert pushed(cloud) == [{"width": 1}]


def truncate_then_write(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.flush()
        file.write(text[: len(text) // 2])
        file.flush()
        file.write(text[len(text) // 2 :])


def vim(path: Path, text: str) -> None:
    """With a swap file, a probe, and the old file renamed to a backup."""
    swap = path.with_name(f".{path.name}.swp")
    swap.write_text("swap")
    probe = path.with_name("4913")
    probe.write_text("")
    probe.unlink()
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()
    swap.unlink()


def removed_and_made_again(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize(
    "editor",
    [
        vim,
        truncate_then_write,
        *(pytest.param(each, marks=pytest.mark.soak) for each in (save, removed_and_made_again, Path.write_text)),
    ],
)
def test_editors_never_give_a_half_read_spec(
    project: Project, cloud: Cloud, editor: Callable[[Path, str], object]
) -> None:
    path = project.write("a.yaml", spec(width=0, text="x" * 5000))
    with watching(project, *REMOTE) as watched:
        for width in range(1, 4):
            editor(path, spec(width=width, text="x" * 5000))
            watched.kind("pushed")
        editor(path, spec(width=9))
        watched.until(lambda event: event["event"] == "pushed")
        watched.end()
    assert [each["width"] for each in pushed(cloud)] == [0, 1, 2, 3, 9]
    assert not {"problems", "orphaned", "invalid"} & set(watched.kinds())


@pytest.mark.parametrize("half", ["", "function: sieve/dubbing\ninputs: {width: ", "functio"])
def test_a_half_written_file_is_looked_at_again(project: Project, cloud: Cloud, half: str) -> None:
    """The rest comes when the watch has seen the first part: neither broken nor removed in between."""
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        path.write_text(half)
        watched.kind("looking_again")
        path.write_text(spec(width=2))
        watched.round("applied")
        path.unlink()
        watched.kind("looking_again")
        path.write_text(spec(width=3))
        watched.round("applied")
    assert pushed(cloud) == [{"width": 1}, {"width": 2}, {"width": 3}]
    assert not {"problems", "orphaned"} & set(watched.kinds())


def test_what_is_ours_wakes_nothing(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        rounds = len([event for event in watched.seen if event["event"] == "round"])
        assert rounds == 1
        for name in (".sieve-jobs/x.yaml", ".git/index", ".git/HEAD", "README.md", "jobspecs/.a.yaml.swp",
                     "jobspecs/a.yaml~", "jobspecs/_note.yaml", "jobspecs/4913"):  # fmt: skip
            (project.root / name).write_text("x")
        cloud.finish(cloud.jobs[0].id)
        watched.kind("status", status="finished")
        save(path, spec(width=2))
        assert watched.round()["changed"] == ["jobspecs/a.yaml"]
        assert watched.seen[-1]["round"] == 2


def test_rename_and_removal(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        path.rename(path.with_name("b.yaml"))
        assert watched.kind("moved")["moved_from"] == "a"
        watched.round("applied")
        project.write("c.yaml", spec(width=2))
        watched.round("applied")
        path.with_name("b.yaml").unlink()
        watched.kind("orphaned", name="b")
        watched.round("applied")
        project.write("b.yaml", spec(width=1))
        watched.kind("reused", name="b")
    assert pushed(cloud) == [{"width": 1}, {"width": 2}]


def test_folders_that_come_go_and_are_links(project: Project, cloud: Cloud) -> None:
    project.write("a.yaml", spec(width=1))
    elsewhere = project.root / "elsewhere"
    elsewhere.mkdir()
    with watching(project, *REMOTE) as watched:
        deep = project.write("x/y/z/b.yaml", spec(width=2))
        watched.kind("pushed", name="x/y/z/b")
        watched.round("applied")
        save(deep, spec(width=3))
        watched.kind("pushed", name="x/y/z/b")
        watched.round("applied")
        (elsewhere / "c.yaml").write_text(spec(width=4))
        (project.root / "jobspecs" / "linked").symlink_to(elsewhere)
        watched.kind("pushed", name="linked/c")
        watched.round("applied")
        save(elsewhere / "c.yaml", spec(width=5))
        watched.kind("pushed", name="linked/c")
        watched.round("applied")
        specs = project.root / "jobspecs"
        specs.rename(project.root / "aside")
        watched.round("refused")
        (project.root / "aside").rename(specs)
        watched.round()
        save(specs / "a.yaml", spec(width=6))
        watched.kind("pushed", name="a")
    assert [each["width"] for each in pushed(cloud)] == [1, 2, 3, 4, 5, 6]


def test_a_checkout_of_many_files_is_one_plan(project: Project, cloud: Cloud) -> None:
    project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE, "--max-pushes", "5000", "--concurrency", "32") as watched:
        for number in range(300):
            project.write(f"many/{number // 50}/clip-{number}.yaml", spec(width=number + 10))
        done = watched.round("applied")
        assert done["round"] == 2
        assert len(cloud.pushes) == 301
        for job in cloud.jobs[1:]:
            cloud.finish(job.id)
    assert len({str(each) for each in pushed(cloud)}) == 301


def test_there_and_back_while_nobody_looks_is_nothing(project: Project, cloud: Cloud) -> None:
    """A to B to A within one quiet moment, by each way of saving; the last save alone counts."""
    path = project.write("a.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        watched.process.send_signal(signal.SIGSTOP)
        for text in (spec(width=2), "function: [", "", spec(width=1)):
            save(path, text)
            path.write_text(text)
        watched.process.send_signal(signal.SIGCONT)
        assert watched.round(path="jobspecs/a.yaml")["outcome"] == "nothing"
        project.write("b.yaml", spec(width=3))
        watched.kind("pushed", name="b")
    assert pushed(cloud) == [{"width": 1}, {"width": 3}]
    assert "invalid" not in watched.kinds()
