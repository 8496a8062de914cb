"""A watch whose state is shared through git: each round reads what others wrote, and they read what it wrote."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.shared import REF, Clone, make_remote
from tests.cloud import Cloud
from tests.project import spec
from tests.watch.watched import REMOTE, pushed, save, watching


def test_what_is_refused_makes_no_state(tmp_path: Path, cloud: Cloud) -> None:
    remote = make_remote(tmp_path)
    clone = Clone.of(remote, "one", cloud.url, 1)
    cloud.add_job({"function": "sieve/dubbing", "inputs": {"width": 0}})
    with watching(clone, *REMOTE) as watched:
        (refused,) = (event for event in watched.seen if event["event"] == "problems")
        assert refused["problems"][0]["code"] == "SJ147"
        assert watched.end() == 130
    assert not (remote / REF).exists()
    assert not cloud.pushes


def test_another_clone_and_a_watch_share_one_state(tmp_path: Path, cloud: Cloud) -> None:
    remote = make_remote(tmp_path)
    one = Clone.of(remote, "one", cloud.url, 2)
    other = Clone.of(remote, "other", cloud.url, 2)
    for clone in (one, other):
        # Tags are made with one key, or nothing can be compared.
        clone.environ = {"SIEVE_JOBS_STATE_KEY": "ab" * 32}
    with watching(one, *REMOTE, **one.environ) as watched:
        assert other.apply("--detach").code == 0
        save(one.root / "jobspecs" / "clip-0.yaml", spec(width=10))
        watched.kind("pushed", name="clip-0")
        watched.round("applied")
        save(other.root / "jobspecs" / "clip-0.yaml", spec(width=10))
        save(other.root / "jobspecs" / "clip-1.yaml", spec(width=11))
        assert other.apply("--detach").code == 0
        save(one.root / "jobspecs" / "clip-1.yaml", spec(width=11))
        watched.round(path="jobspecs/clip-1.yaml")
        for job in cloud.jobs:
            cloud.finish(job.id)
        watched.ended("clip-0")
        assert watched.end() == 130
    assert [each["width"] for each in pushed(cloud)] == [0, 1, 10, 11]
    assert other.remote("plan", "--detailed-exitcode").code == 0
