"""Plan: each change with its action, reason, place and field-level diff; what a run would do and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.spec.tags import TagKey
from sieve_jobs.state.entry import Entry, Intent, PastJob
from sieve_jobs.wire import Json


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
    UNCHANGED = "unchanged"


Kind: TypeAlias = Literal["added", "removed", "changed"]

Prune: TypeAlias = Literal["forget", "cancel"]
"""What becomes of a removed spec's entry: forgotten once its job has ended, or its job cancelled and then forgotten."""


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """One field before and after. A masked one carries None for both values."""

    path: str
    before: Json
    after: Json
    masked: bool = False
    kind: Kind = "changed"
    """Tells a field that is not there from one that is null."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a plan. *detail* is there for a spec that exists, *entry* for one the state knows."""

    name: str
    action: Action
    reason: Reason
    path: str
    line: int
    digest: str | None = None
    diff: tuple[FieldDiff, ...] = ()
    detail: Detail | None = None
    entry: Entry | None = None
    moved_from: str | None = None
    """The name that gives its job away, on a move and on the reuse of an orphan's job: its entry is dropped."""
    reuses: PastJob | None = None
    """The earlier job whose result is used again. Its id is *entry*'s own where a removed spec came back."""
    intent: Intent | None = None
    """The push in doubt; None on a `resolve` that waits for a person (reasons lost and secret_rotated)."""
    prune: Prune | None = None
    """On an orphan: what to do with its entry beyond marking it; None for one that is protected."""

    @property
    def glyph(self) -> str:
        """The sign people read: + ~ ! for pushes, then ↺ → − ? =."""
        if self.action is Action.PUSH:
            return {Reason.NEW: "+", Reason.RERUN: "!", Reason.RETRY: "!"}.get(self.reason, "~")
        return {
            Action.REUSE: "↺", Action.MOVE: "→", Action.ORPHAN: "−", Action.RESOLVE: "?", Action.NOTHING: "=",
        }[self.action]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth knowing that is no change. *reason* is machine-readable, *text* one sentence."""

    name: str | None
    reason: Reason | None
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """How many specs each action takes."""

    push: int = 0
    reuse: int = 0
    move: int = 0
    orphan: int = 0
    resolve: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Where:
    """Which far side and which state a plan speaks of."""

    target: str
    endpoint: str
    """`local`, or the base url."""
    state: str
    """Where the state lies, as shown to people."""
    serial: int
    age: float | None = None
    """Seconds since the state was last written; None for an empty one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do. *changes* holds every spec but those with nothing to do, sorted by name."""

    where: Where
    changes: tuple[Change, ...]
    summary: Summary
    notices: tuple[Notice, ...] = ()
    running: Mapping[str, Entry] | None = None
    """Unchanged entries whose job had not ended when last seen: apply follows them."""
    failed: Mapping[str, Entry] = field(default_factory=dict)
    """Unchanged entries whose job ended badly: exit 4 for the run that says so first (`reported` is False)."""
    refresh: tuple[Entry, ...] = ()
    """Entries to put again, for bookkeeping alone: same digest and job, newer fingerprint, tags or place."""

    @property
    def pending(self) -> bool:
        """Whether `plan --detailed-exitcode` answers 2: everything counts but orphans."""
        return any(change.action not in {Action.ORPHAN, Action.NOTHING} for change in self.changes)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the command line and the target say about planning."""

    rerun: frozenset[str] = frozenset()
    """Names to push although nothing changed."""
    selected: frozenset[str] | None = None
    """Names the run is narrowed to; None for all. A narrowed run never orphans, moves or prunes."""
    prune: Prune | None = None
    local: bool = False
    """The target is the local engine: a lost job is pushed again, as it costs nothing."""
    key: TagKey | None = None
    ignore_query: tuple[str, ...] = ()
    """The target's `ignore_query`, as the details were made with."""
