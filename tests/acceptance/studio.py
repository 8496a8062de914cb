"""A team's repository on GitHub, its runners, and a cloud whose jobs each make a file of their own."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.acceptance.shared import IMPATIENT, REF
from tests.action.composite import Job, Runner
from tests.action.github import GitHub
from tests.action.repository import SECRETS, Repository, git
from tests.cloud import Cloud, Outcome, Script
from tests.project import Ran, ran, remote_config, spec

SECRET = "sk-canary-of-the-story"
ALL = {**SECRETS, "OPENAI_API_KEY": SECRET}
PLAN_ONLY = {"SIEVE_JOBS_STATE_KEY": SECRETS["SIEVE_JOBS_STATE_KEY"]}
"""What the workflow hands to the job `plan`."""
PLACE = "canary-place-1"
"""Value of a variable, which no secret is, but which is masked as all values of env are."""
OTHER_PLACE = "canary-place-2"
CANARIES = (SECRET, PLACE, OTHER_PLACE)
WIDTHS = range(100, 200)


def clips(**widths: int) -> dict[str, str]:
    """Files of specs by path, whose jobs each make the file of its width."""
    return {f"jobspecs/{name}.yaml": spec(width=width) + f"save: out/{name}\n" for name, width in widths.items()}


def content(width: int) -> str:
    return f"the film of width {width}\n" * 9


class Studio:
    """What a team has: a repository, and all that was done in it so far."""

    def __init__(self, folder: Path, cloud: Cloud, github: GitHub, *, patient: bool) -> None:
        """*patient*: no run is hasty, and the lease of one that died is waited for as long as it really lasts."""
        self.cloud, self.github, self.hasty = cloud, github, "" if patient else IMPATIENT
        self.repository = Repository(folder, github.url)
        self.checkouts: list[Path] = []

    @classmethod
    @contextmanager
    def open(cls, folder: Path, *, patient: bool) -> Iterator[Studio]:
        outcomes = [Outcome(f'"width":{n}', outputs=[{"url": f"{{url}}/files/{n}.mp4"}]) for n in WIDTHS]
        files = {f"/files/{n}.mp4": content(n) for n in WIDTHS}
        with Cloud.running(Script(outcomes=outcomes, files=files)) as cloud, GitHub.running() as github:
            studio = cls(folder, cloud, github, patient=patient)
            config = remote_config(
                cloud.url, 'state = "git"\nsettle = "1s"\nconcurrency = 4\nvars = {PLACE = "' + PLACE + '"}'
            )
            studio.repository.merge({"sieve-jobs.toml": config, ".gitignore": "out/\n", **clips(intro=100)})
            began = ran(studio.repository.author, "init", "--ci", "github", "-t", "prod")
            assert began.code == 0, began.all
            studio.repository.merge({})
            yield studio

    def placed(self, place: str) -> dict[str, str]:
        """The config with another value of PLACE."""
        path = self.repository.author / "sieve-jobs.toml"
        return {path.name: path.read_text().replace(PLACE, place)}

    def runner(self, event: dict[str, Any], secrets: Mapping[str, str] = ALL) -> Runner:
        runner = self.repository.runner(event, secrets)
        runner.validates_here = True
        self.checkouts.append(runner.workspace)
        return runner

    def happens(self, event: dict[str, Any], secrets: Mapping[str, str] = ALL, **inputs: str) -> Job:
        return self.runner(event, secrets).run(target="prod", **inputs)

    @contextmanager
    def during(self, event: dict[str, Any], *, hasty: bool = False, **inputs: str) -> Iterator[Started]:
        """A run in the background, ended with the block. A *hasty* one has a lease that ends soon."""
        runner = self.runner(event)
        runner.program = self.hasty if hasty else ""
        started = Started(runner, inputs)
        started.start()
        try:
            yield started
        finally:
            runner.kill()
            started.join()

    def lose(self, run: Started) -> Job:
        """The runner dies in the middle, and its disk with it."""
        run.runner.kill()
        job = run.ended()
        self.checkouts.remove(run.runner.workspace)
        shutil.rmtree(run.runner.workspace)
        return job

    def by_hand(self, *words: str) -> Ran:
        """A command of a person's, in a clone that was just made."""
        checkout = self.runner({"ref": "refs/heads/main"}).workspace
        return ran(checkout, *words, "-t", "prod", environ=ALL)

    def bought(self) -> list[int]:
        """Widths of all jobs there are, those included whose push had no answer."""
        return sorted(job.pushed["inputs"]["width"] for job in self.cloud.jobs)

    def holder(self) -> Any:
        """The lease on the state as the remote has it."""
        return json.loads(git(self.repository.remote, "show", f"{REF}:head.json"))["lease"]

    def state(self) -> dict[str, Any]:
        document: dict[str, Any] = self.by_hand("state", "export").document
        return document

    def count(self, route: str) -> int:
        """Requests to a route of the cloud so far."""
        return sum(request.route == route for request in self.cloud.requests)

    def check_all_is_done(self, widths: dict[str, int]) -> None:
        """Every spec, and none beside, has its finished job, whose file is on record and lies on some runner's disk."""
        state = self.state()
        assert state["intents"] == []
        assert not [canary for canary in CANARIES if canary in json.dumps(state)]
        entries = {entry["name"]: entry for entry in state["entries"]}
        by_id = {job.id: job for job in self.cloud.jobs}
        assert {name: by_id[entry["job_id"]].pushed["inputs"]["width"] for name, entry in entries.items()} == widths
        for name, width in widths.items():
            (file,) = entries[name]["saved"]["files"]
            assert entries[name]["status"] == "finished"
            assert entries[name]["saved"]["complete"] is True
            made = content(width).encode()
            assert (file["size"], file["sha256"]) == (len(made), sha256(made).hexdigest())
            assert made in [path.read_bytes() for root in self.checkouts for path in root.glob(file["path"])]


class Started(threading.Thread):
    """A run of the action in the background."""

    def __init__(self, runner: Runner, inputs: dict[str, str]) -> None:
        super().__init__(name="runner")
        self.runner, self.inputs = runner, inputs
        self.job: Job | None = None

    def run(self) -> None:
        self.job = self.runner.run(target="prod", **self.inputs)

    def alive_until(self, found: Callable[[], bool]) -> bool:
        """Whether *found* came to hold before the run ended."""
        while not found():
            self.join(0.02)
            if not self.is_alive():
                return False
        return True

    def ended(self) -> Job:
        self.join()
        assert self.job is not None
        return self.job
