"""Verbs that write a shared state without pushing jobs, where another clone is first by a moment."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.acceptance.shared import REF, Clone, git, make_remote
from tests.cloud import Cloud, Fault, Script
from tests.project import Project, Ran, spec

ONCE = """#!/bin/sh
[ -e {remote}/first ] || exit 0
rm {remote}/first
echo {commit} > {remote}/{ref}
"""


class Raced:
    """Two clones, of which *theirs* comes first whenever it is told to."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.remote = make_remote(folder)
        self.ours, self.theirs = (Clone.of(self.remote, name, cloud.url, 2) for name in ("ours", "theirs"))
        self.width = 100

    def ran(self, *words: str) -> Ran:
        """A command of ours; theirs has written the state between its look and its own write."""
        before = git(self.remote, "rev-parse", REF)
        self.width += 1
        self.theirs.write("clip-1.yaml", spec(width=self.width))
        assert self.theirs.apply("clip-1").code == 0
        after = git(self.remote, "rev-parse", REF)
        git(self.remote, "update-ref", REF, before)
        hook = self.remote / "hooks" / "pre-receive"
        hook.write_text(ONCE.format(remote=self.remote, commit=after, ref=REF))
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
        (self.remote / "first").touch()
        ran = self.ours.remote(*words)
        assert not (self.remote / "first").exists()
        assert self.width in {self.inputs(entry) for entry in self.entries().values()}
        return ran

    def entries(self) -> dict[str, dict[str, object]]:
        document = self.theirs.remote("state", "export").document
        return {entry["name"]: entry for entry in document["entries"]}

    @staticmethod
    def inputs(entry: dict[str, object]) -> object:
        parts = entry["parts"]
        assert isinstance(parts, dict)
        return parts["inputs"]["width"]


def test_who_comes_second_decides_again(tmp_path: Path) -> None:
    with Cloud.running(Script()) as cloud:
        raced = Raced(tmp_path, cloud)
        ours = raced.ours
        assert ours.apply().code == 0
        (tmp_path / "state.json").write_text(ours.remote("state", "export").out)

        removed = raced.ran("state", "rm", "clip-0")
        assert (removed.code, removed.out) == (0, "forgot clip-0\n"), removed.all
        assert "clip-0" not in raced.entries()

        elsewhere = Project(tmp_path / "elsewhere", cloud.url)
        for project in (elsewhere, ours):
            project.write("clip-9.yaml", spec(width=9))
        assert elsewhere.apply().code == 0
        adopted = raced.ran("state", "adopt", "clip-9", "--yes")
        assert adopted.code == 0, adopted.all
        assert "looked again" in adopted.err
        assert raced.entries()["clip-9"]["job_id"] == cloud.jobs[-2].id

        ours.write("clip-5.yaml", spec(width=5))
        cloud.script.faults.append(Fault("reset", match='"width":5'))
        assert ours.apply("clip-5").code == 5
        resolved = raced.ran("resolve", "clip-5", "--drop")
        assert resolved.code == 0, resolved.all
        assert ours.remote("resolve").code == 0

        (tmp_path / "state.json").write_text(ours.remote("state", "export").out)
        late = raced.ran("state", "import", str(tmp_path / "state.json"), "--replace")
        assert (late.code, "SJ168" in late.err) == (6, True), late.all
        assert "is older" in late.err
