"""A random editor: in the end the last push of each spec is what its file says, and nothing was bought twice."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.cloud import Cloud, Outcome, Script
from tests.project import Project, spec
from tests.watch.editor import Editor
from tests.watch.watched import REMOTE, Watched, pushed, watching

FREE = ("--max-pushes", "100000", "--allow-removals")
SENTINEL = 1_000_000


def settled(watched: Watched, project: Project, cloud: Cloud, number: int, *, broken: bool) -> None:
    """Returns when everything saved so far was looked at: a spec written after it, which is pushed unless *broken*."""
    value = SENTINEL + number
    project.write("00-sentinel.yaml", spec(width=value))
    watched.round(path="jobspecs/00-sentinel.yaml")
    if not broken:
        cloud.wait_for(lambda seen: {"width": value} in pushed(seen), 60)


def edited_at_random(project: Project, cloud: Cloud, *, seed: int, operations: int, longest: int) -> Editor:
    """Operations in groups of at most *longest*, after each of which the watch is let look; jobs end now and then."""
    editor = Editor(project.root / "jobspecs", random.Random(seed))
    editor.begin(8)
    with watching(project, *REMOTE, *FREE) as watched:
        done = 0
        while done < operations:
            for _ in range(min(editor.random.randint(1, longest), operations - done)):
                editor.step()
                done += 1
            settled(watched, project, cloud, done, broken=bool(editor.broken))
            if editor.random.random() < 0.2:
                for job in cloud.jobs[:: editor.random.randint(1, 3)]:
                    cloud.finish(job.id)
        editor.mend_all()
        settled(watched, project, cloud, operations + 1, broken=False)
        assert watched.end() == 130
        assert not [line for line in watched.errors if "Traceback" in line]
    return editor


def check(project: Project, cloud: Cloud, editor: Editor) -> None:
    entries = {row["name"]: row["job_id"] for row in project.remote("status", "--offline", "--json").document["jobs"]}
    jobs = {job.id: job for job in cloud.jobs}
    of_specs = {name: jobs[entries[name]] for name in editor.asks}
    assert {name: job.pushed["inputs"]["width"] for name, job in of_specs.items()} == editor.asks
    assert not [name for name, job in of_specs.items() if job.status == "cancelled"]
    # The same thing is pushed again only where its job was cancelled by a change in between.
    bought = Counter(job.pushed["inputs"]["width"] for job in cloud.jobs if job.status != "cancelled")
    assert [width for width, number in bought.items() if number > 1] == []
    assert project.remote("plan", "--detailed-exitcode").code == 0


def test_a_short_random_session(project: Project, cloud: Cloud) -> None:
    editor = edited_at_random(project, cloud, seed=11, operations=60, longest=8)
    check(project, cloud, editor)


@pytest.mark.soak
def test_two_thousand_operations(project: Project, cloud: Cloud) -> None:
    editor = edited_at_random(project, cloud, seed=2026, operations=2000, longest=10)
    check(project, cloud, editor)
    cancelled = sum(job.status == "cancelled" for job in cloud.jobs)
    print(f"{sum(editor.counts.values())} operations {editor.counts}, {len(cloud.jobs)} jobs, {cancelled} cancelled")


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_checkout_of_two_thousand_files_is_one_plan(tmp_path: Path) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        project = Project(tmp_path / "p", cloud.url)
        (project.root / ".git").rmdir()
        project.write("a.yaml", spec(width=1))
        (project.root / ".gitignore").write_text(".sieve-jobs\n")

        def git(*words: str) -> None:
            who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
            subprocess.run(["git", *who, *words], cwd=project.root, check=True, capture_output=True)

        git("init")
        git("add", "-A")
        git("commit", "-m", "one")
        git("switch", "-c", "many")
        for number in range(2000):
            project.write(f"many/{number // 100}/clip-{number}.yaml", spec(width=number + 10))
        git("add", "-A")
        git("commit", "-m", "many")
        git("switch", "main")
        with watching(project, *REMOTE, *FREE, "--concurrency", "32") as watched:
            git("switch", "many")
            done = watched.until(lambda event: event["event"] == "round", 120)
            assert (done["round"], done["outcome"]) == (2, "applied")
            assert len(cloud.pushes) == 2001
            git("switch", "main")
            assert watched.round("applied")["round"] == 3
            git("switch", "many")
            assert watched.round("applied")["round"] == 4
            assert len(cloud.pushes) == 2001
