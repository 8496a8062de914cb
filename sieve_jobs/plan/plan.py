"""Plan: every change with what else is worth knowing; what a run would do and why.

Made by every run, so it brings none of the types that a plan over an unchanged tree has none of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sieve_jobs.plan.action import Action, Prune, Reason

if TYPE_CHECKING:
    from sieve_jobs.plan.change import Change
    from sieve_jobs.spec.jobspec import OnChange
    from sieve_jobs.spec.tags import TagKey
    from sieve_jobs.state.entry import Entry


class Notice(NamedTuple):
    """Something worth knowing that is no change. *reason* is machine-readable, *text* one sentence.

    *hint* is one way out a line.
    """

    name: str | None
    reason: Reason | None
    text: str
    hint: str | None = None


class Summary(NamedTuple):
    """How many specs each action takes."""

    push: int = 0
    reuse: int = 0
    move: int = 0
    orphan: int = 0
    resolve: int = 0
    unchanged: int = 0


class Where(NamedTuple):
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
    running: Mapping[str, Entry] = field(default_factory=dict)
    """Unchanged entries whose job had not ended when last seen: apply follows them."""
    failed: Mapping[str, Entry] = field(default_factory=dict)
    """Unchanged entries whose job ended badly: exit 4 for the run that says so first (`reported` is False)."""
    unsaved: Mapping[str, Entry] = field(default_factory=dict)
    """Unchanged entries of finished jobs whose outputs do not lie where they should: apply saves them."""
    refresh: tuple[Entry, ...] = ()
    """Entries to put again, for bookkeeping alone: same digest and job, newer fingerprint, tags or place."""
    due: int = 0
    """Specs whose change this run, which begins none, leaves to an apply."""

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
    on_change: OnChange = "keep"
    """What becomes of the running job of a changed spec that does not say so itself."""
    ignore_query: tuple[str, ...] = ()
    """The target's `ignore_query`, as the details were made with."""
