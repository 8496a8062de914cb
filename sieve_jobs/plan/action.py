"""What a plan does with a spec, and why: the words that people and machines read."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias


class Action(StrEnum):
    """What is done with a spec."""

    PUSH = "push"
    REUSE = "reuse"
    MOVE = "move"
    ORPHAN = "orphan"
    RESOLVE = "resolve"
    NOTHING = "nothing"


class Reason(StrEnum):
    """Why; machine-readable and stable."""

    NEW = "new"
    FUNCTION_CHANGED = "function_changed"
    INPUTS_CHANGED = "inputs_changed"
    FILE_CHANGED = "file_changed"
    ENV_CHANGED = "env_changed"
    RERUN = "rerun"
    RETRY = "retry"
    RESULT_GONE = "result_gone"
    REUSED = "reused"
    RENAMED = "renamed"
    REMOVED = "removed"
    IN_DOUBT = "in_doubt"
    RUN_ALWAYS = "run_always"
    UPSTREAM_CHANGED = "upstream_changed"
    SKIPPED = "skipped"
    LOST = "lost"
    SECRET_ROTATED = "secret_rotated"
    WEBHOOKS_CHANGED = "webhooks_changed"
    UNSAVED = "unsaved"
    UNCHANGED = "unchanged"


Kind: TypeAlias = Literal["added", "removed", "changed"]

Prune: TypeAlias = Literal["forget", "cancel"]
"""What becomes of a removed spec's entry: forgotten once its job has ended, or its job cancelled and then forgotten."""
