"""A repository on GitHub as the action meets it: a bare remote on disk, its author's clone, a fresh runner an event."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.action.composite import Job, Runner
from tests.project import KEY, write

SECRETS = {**KEY, "SIEVE_JOBS_STATE_KEY": "ab" * 32}
NAME = "octo/videos"
NOBODY = "http://127.0.0.1:9"
"""An API that is not to be called."""


def happened(name: str, ref: str = "refs/heads/main", **payload: Any) -> dict[str, Any]:
    """What GitHub says of an event."""
    return {
        "event_name": name, "ref": ref, "repository": NAME,
        "event": {"repository": {"default_branch": "main"}, **payload},
    }  # fmt: skip


def pull_request(head: str | None = NAME, author: str = "ada", event: str = "pull_request") -> dict[str, Any]:
    """Of pull request 7; *head* is the repository it comes from, None if that is gone."""
    repo = None if head is None else {"full_name": head}
    return happened(
        event, "refs/pull/7/merge", pull_request={"number": 7, "head": {"repo": repo}, "user": {"login": author}}
    )


PUSH = happened("push")
SCHEDULE = happened("schedule") | {"event": {}}
FORK = pull_request("mallory/videos", "mallory")


ALONE = ("-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "init.templateDir=")
"""No clean-up behind a command, and no sample hooks: processes and files that no test looks at."""


def git(folder: Path, *words: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    done = subprocess.run(
        ["git", *ALONE, "-C", str(folder), *words], check=False, capture_output=True, text=True, env=os.environ | who
    )
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def clean_up_never(remote: Path) -> None:
    """As hosts have it, a push to *remote* is not followed by a look for what could be packed."""
    with (remote / "config").open("a") as config:
        config.write("[receive]\n\tautogc = false\n")


class Repository:
    """A remote, its author's clone, and a fresh runner for every event."""

    def __init__(self, folder: Path, api: str = NOBODY) -> None:
        """*api* is GitHub's."""
        self.folder, self.api, self.runs = folder, api, 0
        self.remote = folder / "remote.git"
        git(folder, "init", "-q", "--bare", "-b", "main", str(self.remote))
        clean_up_never(self.remote)
        git(folder, "clone", "-q", str(self.remote), "author")
        self.author = folder / "author"

    def merge(self, files: Mapping[str, str]) -> None:
        """*files* by path, and what was proposed, are on the default branch."""
        self.commit(files)
        git(self.author, "push", "-q", "origin", "HEAD:main")

    def propose(self, files: Mapping[str, str]) -> None:
        """*files* by path are in pull request 7, and GitHub has tried the merge."""
        self.commit(files)
        git(self.author, "push", "-q", "--force", "origin", "HEAD:topic", "HEAD:refs/pull/7/merge")

    def commit(self, files: Mapping[str, str]) -> None:
        write(self.author, files)
        git(self.author, "add", "--all")
        git(self.author, "commit", "-q", "--allow-empty", "-m", "specs")

    def runner(self, event: dict[str, Any], secrets: Mapping[str, str] = SECRETS) -> Runner:
        """A runner with an empty home and a checkout of one commit, as actions/checkout makes it."""
        self.runs += 1
        temp, home, checkout = (self.folder / f"{name}-{self.runs}" for name in ("temp", "home", "checkout"))
        for folder in (temp, home):
            folder.mkdir()
        git(self.folder, "init", "-q", str(checkout))
        with (checkout / ".git" / "config").open("a") as config:
            config.write(f'[remote "origin"]\n\turl = {self.remote}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n')
        git(checkout, "fetch", "-q", "--no-tags", "--depth=1", "origin", event["ref"])
        git(checkout, "checkout", "-q", "--force", "FETCH_HEAD")
        return Runner(checkout, temp, self.api, event, {"HOME": str(home), **secrets})

    def happens(self, event: dict[str, Any], secrets: Mapping[str, str] = SECRETS, **inputs: str) -> Job:
        """What comes of the action on a fresh runner."""
        return self.runner(event, secrets).run(target="prod", **inputs)
