"""The git store: the contract, on a real bare remote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sieve_jobs.state.git.store import GitOptions, GitStore, open_git_store
from sieve_jobs.state.store import Store
from tests.state.contract import StoreContract
from tests.state.samples import NOON


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_remote(folder: Path) -> Path:
    remote = folder / "remote.git"
    if not remote.exists():
        git(folder, "init", "--quiet", "--bare", str(remote))
    return remote


def make_clone(folder: Path, name: str = "clone") -> Path:
    clone = folder / name
    if not clone.exists():
        git(folder, "init", "--quiet", str(clone))
        git(clone, "remote", "add", "origin", str(make_remote(folder)))
        (clone / ".sieve-jobs").mkdir(mode=0o700)
    return clone


def open_in(clone: Path, **options: object) -> GitStore:
    fields = {"target": "prod", "now": lambda: NOON, **options}
    return open_git_store(clone, clone / ".sieve-jobs" / "prod.copy.db", os.environ, GitOptions(**fields))  # type: ignore[arg-type]


class TestGitStore(StoreContract):
    def open(self, folder: Path) -> Store:
        return open_in(make_clone(folder))
