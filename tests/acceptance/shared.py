"""Clones of one repository on disk, each with the same specs and the real command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sieve_jobs.state import lease
from tests.action.repository import clean_up_never
from tests.forked import forked
from tests.project import Project, environment, spec

REF = "refs/sieve-jobs/prod"
SHORT = (1.5, 0.5)
"""Seconds of a lease, and of the skew of clocks."""
IMPATIENT = (
    f"import sys; from sieve_jobs.state import lease; lease.SECONDS, lease.SKEW = {SHORT};"
    "from sieve_jobs.__main__ import main; sys.exit(main())"
)
"""The command with a lease that ends soon, so that tests need not wait a minute for the dead."""


def shorten_leases() -> None:
    lease.SECONDS, lease.SKEW = SHORT


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def make_remote(folder: Path) -> Path:
    remote = folder / "remote.git"
    git(folder, "init", "--quiet", "--bare", "--template=", str(remote))
    (remote / "hooks").mkdir()
    clean_up_never(remote)
    return remote


class Clone(Project):
    """A project whose target `prod` keeps its state on the remote of its folder's repository."""

    @classmethod
    def of(cls, remote: Path, name: str, endpoint: str, count: int, settings: str = "", *, folder: str = "") -> Clone:
        """A clone beside *remote* with specs clip-0, clip-1 …, the project in its *folder*."""
        top = remote.parent / name
        clone = cls(top / folder, endpoint, f'state = "git"\n{settings}')
        if folder:
            (clone.root / ".git").rmdir()
        git(top, "init", "--quiet", "--template=")
        if "origin" not in git(top, "remote"):
            git(top, "remote", "add", "origin", str(remote))
        for number in range(count):
            clone.write(f"clip-{number}.yaml", spec(width=number))
        return clone

    def impatient(self, *args: str) -> subprocess.Popen[str]:
        """An apply in the background whose lease ends soon."""
        return forked(self.root, ("apply", "-t", "prod", "--yes", *args), environment(), shorten_leases)
