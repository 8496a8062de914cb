"""Change: one row of a plan, with its reason, its place and its field-level diff."""

from __future__ import annotations

from dataclasses import dataclass

from sieve_jobs.config.stand_ins import StandIn
from sieve_jobs.plan.action import Action, Kind, Prune, Reason
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.state.entry import Entry, Intent, PastJob
from sieve_jobs.wire import Json


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
    def stand_in(self) -> StandIn | None:
        """What runs, or ran, in place of the function that was asked for."""
        if self.detail is not None:
            return self.detail.spec.stand_in
        return None if self.entry is None else self.entry.stand_in

    @property
    def glyph(self) -> str:
        """The sign people read: + ~ ! for pushes, then ↺ → − ? =."""
        if self.action is Action.PUSH:
            return {Reason.NEW: "+", Reason.RERUN: "!", Reason.RETRY: "!"}.get(self.reason, "~")
        return {
            Action.REUSE: "↺", Action.MOVE: "→", Action.ORPHAN: "−", Action.RESOLVE: "?", Action.NOTHING: "=",
        }[self.action]  # fmt: skip
