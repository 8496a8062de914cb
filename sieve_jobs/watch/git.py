"""Git at work: a checkout, merge or rebase holds a lock for as long as it writes files of the tree."""

from __future__ import annotations

import time
from pathlib import Path

STALE = 60.0
"""Seconds after which a lock is one that a git which died left behind."""


def git_lock(root: Path) -> Path | None:
    """The file that is there while git writes in the tree that *root* lies in; None without git."""
    for folder in (root, *root.parents):
        git = folder / ".git"
        if git.is_dir():
            return git / "index.lock"
        if git.is_file():
            try:
                word, _, where = git.read_text().partition(":")
            except (OSError, UnicodeDecodeError):
                return None
            return folder / where.strip() / "index.lock" if word == "gitdir" else None
    return None


def is_busy(lock: Path | None) -> bool:
    """Whether git writes now."""
    try:
        return lock is not None and time.time() - lock.stat().st_mtime < STALE
    except OSError:
        return False
