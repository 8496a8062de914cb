"""Clones of one repository on disk, each with the same specs and the real command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.project import REPOSITORY, Project, environment, spec

REF = "refs/sieve-jobs/prod"
IMPATIENT = (
    "import sys; from sieve_jobs.state import lease; lease.SECONDS, lease.SKEW = 1.5, 0.5;"
    "from sieve_jobs.__main__ import main; sys.exit(main())"
)
"""The command with a lease that ends soon, so that tests need not wait a minute for the dead."""


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def make_remote(folder: Path) -> Path:
    remote = folder / "remote.git"
    git(folder, "init", "--quiet", "--bare", str(remote))
    return remote


class Clone(Project):
    """A project whose target `prod` keeps its state on the remote of its folder's repository."""

    @classmethod
    def of(cls, remote: Path, name: str, endpoint: str, count: int, settings: str = "") -> Clone:
        """A clone beside *remote* with specs clip-0, clip-1 …"""
        clone = cls(remote.parent / name, endpoint, f'state = "git"\n{settings}')
        git(clone.root, "init", "--quiet")
        git(clone.root, "remote", "add", "origin", str(remote))
        for number in range(count):
            clone.write(f"clip-{number}.yaml", spec(width=number))
        return clone

    def impatient(self, *args: str) -> subprocess.Popen[bytes]:
        """An apply in the background whose lease ends soon."""
        return subprocess.Popen(
            [sys.executable, "-c", IMPATIENT, "apply", "-t", "prod", "--yes", *args], cwd=self.root,
            env=environment(PYTHONPATH=str(REPOSITORY)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )  # fmt: skip
