"""A bare remote on disk, clones of it, and the git store opened in one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sieve_jobs.errors import SieveJobsError
from sieve_jobs.state.git.store import GitOptions, GitStore, open_git_store
from tests.state.samples import NOON

REF = "refs/sieve-jobs/prod"


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def make_remote(folder: Path) -> Path:
    remote = folder / "remote.git"
    if not remote.exists():
        _make_repository(remote, "[core]\nbare = true\n")
    return remote


def _make_repository(folder: Path, config: str) -> None:
    """What `git init` makes of it, without the processes that hundreds of tests would start for it."""
    for name in ("objects", "refs", "hooks"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "config").write_text(config)


def make_clone(folder: Path, name: str = "clone") -> Path:
    """A clone of the remote in *folder*, with the folder of its copy."""
    clone = folder / name
    if not clone.exists():
        origin = f'[remote "origin"]\nurl = {make_remote(folder)}\nfetch = +refs/heads/*:refs/remotes/origin/*\n'
        _make_repository(clone / ".git", f"[core]\nbare = false\n{origin}")
        (clone / ".sieve-jobs").mkdir(mode=0o700)
    return clone


def copy_of(clone: Path) -> Path:
    return clone / ".sieve-jobs" / "prod.copy.db"


def open_in(clone: Path, **options: object) -> GitStore:
    """The state as a process in *clone* opens it; its clock says NOON."""
    fields: dict[str, object] = {"target": "prod", "now": lambda: NOON, **options}
    return open_git_store(clone, copy_of(clone), os.environ, GitOptions(**fields))  # type: ignore[arg-type]


def install_hook(remote: Path, name: str, script: str) -> Path:
    hook = remote / "hooks" / name
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
    return hook


def commit_file(clone: Path, path: str, text: str | None) -> None:
    """Puts a file into the state as nobody should, or takes it out of it."""
    stream = f"commit refs/heads/x\ncommitter a <a@b> 0 +0000\ndata 0\nfrom {git(clone, 'rev-parse', REF)}\n"
    stream += f"D {path}\n" if text is None else f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n"
    subprocess.run(["git", "fast-import", "--quiet"], input=stream.encode(), cwd=clone, check=True)
    git(clone, "push", "-q", "origin", f"refs/heads/x:{REF}")


def tip(remote: Path) -> str:
    return git(remote, "rev-parse", REF)


def code_of(error: SieveJobsError) -> str:
    return error.diagnostics[0].code


def text_of(error: SieveJobsError) -> str:
    return f"{error.diagnostics[0].message} {error.diagnostics[0].hint}"
