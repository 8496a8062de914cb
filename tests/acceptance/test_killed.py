"""An apply that is killed anywhere is finished by the next one, with exactly one job for each spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud import Cloud, Fault, Script
from tests.forked import started
from tests.project import Project, spec

SPECS = 4


def project_of(root: Path, cloud: Cloud, settings: str) -> Project:
    project = Project(root / "p", cloud.url, settings)
    for index in range(SPECS):
        project.write(f"clip-{index}.yaml", spec(width=index, video={"url": f"https://cdn.example.com/{index}.mp4"}))
    return project


def killed_while_a_push_hangs(project: Project, cloud: Cloud) -> None:
    """Kills an apply of which one push gets no answer; the others have arrived, recorded or not."""
    with started(project.root, "apply", "-t", "prod", "--yes") as process:
        # All of them: of a push that was about to go when its process died, nobody could say that it did not.
        cloud.wait_for(lambda seen: len(seen.pushes) == SPECS)
        process.kill()
        process.wait()


@pytest.mark.parametrize("created", [False, True], ids=["before-the-job", "after-the-job"])
def test_with_settle_the_next_apply_finishes_it(tmp_path: Path, created: bool) -> None:
    hanging = Fault(kind="hang", match='"width":2', created=created)
    with Cloud.running(Script(faults=[hanging], lag_calls=1)) as cloud:
        project = project_of(tmp_path, cloud, 'settle = "300ms"')
        killed_while_a_push_hangs(project, cloud)
        ran = project.apply("--json")
        assert ran.code == 0, ran.all
        widths = sorted(job.pushed["inputs"]["width"] for job in cloud.jobs)
        assert widths == [*range(SPECS)]
        assert project.remote("plan", "--detailed-exitcode").code == 0


def test_without_settle_the_doubt_is_held_and_resolve_ends_it(tmp_path: Path) -> None:
    hanging = Fault(kind="hang", match='"width":2')
    with Cloud.running(Script(faults=[hanging])) as cloud:
        project = project_of(tmp_path, cloud, "")
        killed_while_a_push_hangs(project, cloud)
        ran = project.apply("--json")
        assert ran.code == 5, ran.all
        assert ran.document["summary"]["in_doubt"] == 1
        assert "resolve clip-2" in ran.err
        assert project.apply().code == 5
        assert len([job for job in cloud.jobs if job.pushed["inputs"]["width"] == 2]) == 0
        resolved = project.remote("resolve", "clip-2", "--push")
        assert resolved.code == 0, resolved.all
        assert project.apply().code == 0
        assert sorted(job.pushed["inputs"]["width"] for job in cloud.jobs) == [*range(SPECS)]


def test_a_job_that_was_created_is_found_and_taken(tmp_path: Path) -> None:
    hanging = Fault(kind="hang", match='"width":2', created=True)
    with Cloud.running(Script(faults=[hanging])) as cloud:
        project = project_of(tmp_path, cloud, "")
        killed_while_a_push_hangs(project, cloud)
        ran = project.apply("--json")
        assert ran.code == 0, ran.all
        assert sorted(job.pushed["inputs"]["width"] for job in cloud.jobs) == [*range(SPECS)]
