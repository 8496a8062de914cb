"""A stage on which an error is brought about as a user would meet it, and what is then shown, made comparable."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from sieve_jobs.cli.ending import ended
from sieve_jobs.cli.streams import Streams
from sieve_jobs.errors import SieveJobsError
from tests.acceptance.shared import Clone, make_remote
from tests.cloud import Cloud, Script
from tests.project import Project, Ran, write

_SPELLED = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:PORT"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"'[0-9a-f]{32}'"), "'LINEAGE'"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "COMMIT"),
    (re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}Z"), "TIME"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})"), "TIME"),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "DAY"),
    (re.compile(r"pid \d+"), "pid N"),
    (re.compile(r"took \d+ s"), "took N s"),
)
"""What differs from run to run."""


class Stage:
    """A project in *folder*, the far side, and what was shown so far of one code."""

    def __init__(self, folder: Path, code: str, patch: pytest.MonkeyPatch, held: ExitStack) -> None:
        self.folder, self.code, self.patch, self._held = folder.resolve(), code, patch, held
        self._cloud: Cloud | None = None
        self._project: Project | None = None
        self._told: list[str] = []

    @property
    def cloud(self) -> Cloud:
        if self._cloud is None:
            self._cloud = self._held.enter_context(Cloud.running(Script()))
        return self._cloud

    @property
    def project(self) -> Project:
        """Its target `prod` is the cloud."""
        if self._project is None:
            self._project = Project(self.folder / "p", self.cloud.url)
        return self._project

    @property
    def root(self) -> Path:
        return self.project.root

    @property
    def state(self) -> Path:
        return self.root / ".sieve-jobs" / "prod.db"

    def bare(self, files: dict[str, str | bytes]) -> Path:
        """A folder without a project's config, and these files."""
        (self.folder / "p" / ".git").mkdir(parents=True)
        write(self.folder / "p", files)
        return self.folder / "p"

    def specs(self, **texts: str) -> None:
        for name, text in texts.items():
            self.project.write(f"{name}.yaml", text)

    def clones(self, *names: str, settings: str = "", folder: str = "") -> list[Clone]:
        """Clones of one repository, with a spec each."""
        remote = self.folder / "remote.git"
        if not remote.exists():
            make_remote(self.folder)
        return [Clone.of(remote, name, self.cloud.url, 1, settings, folder=folder) for name in names]

    def does(self, *words: str, **env: str) -> Ran:
        """A command that is only to lead there."""
        done = self.project.ran(*words, **env)
        assert f"[{self.code}]" not in done.err, done.all
        return done

    def shows(self, *words: str, **env: str) -> None:
        """A command that shows the code."""
        self.keep(" ".join(words), self.project.ran(*words, **env))

    def keep(self, words: str, done: Ran) -> None:
        self._told.append(f"$ sieve-jobs {words}\nexit {done.code}\n{self._blocks(done.err)}")

    def fails(self, what: str, action: Callable[[], object]) -> None:
        """A call within the tool that raises, told as every command tells it."""
        err = io.StringIO()
        try:
            action()
        except SieveJobsError as error:
            code = ended(error, Streams(io.StringIO(), err), {}, wants_json=False)
            self._told.append(f"# {what}\nexit {int(code)}\n{self._blocks(err.getvalue())}")
            return
        raise AssertionError(f"{what}: nothing was raised")

    def _blocks(self, shown: str) -> str:
        """The messages of this code in *shown*; each begins at a line that names its code."""
        shown = re.sub(r"^\d+ problems? in \d+ files?\n", "", shown, flags=re.MULTILINE)
        starts = [found.start() for found in re.finditer(r"^.*\[SJ\d{3}\]$", shown, re.MULTILINE)]
        parts = [shown[at:end].partition("\n\n")[0] for at, end in pairwise([*starts, len(shown)])]
        found = [part.rstrip("\n") for part in parts if f"[{self.code}]" in part.partition("\n")[0]]
        assert found, f"{self.code} is not in:\n{shown}"
        return "\n\n".join(dict.fromkeys(found)) + "\n"

    def text(self) -> str:
        """All that was shown of the code, comparable from run to run."""
        text = "\n".join(self._told).replace(str(self.folder), "FOLDER")
        for pattern, word in _SPELLED:
            text = pattern.sub(word, text)
        return text
