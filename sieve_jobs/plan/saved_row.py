"""One change of a saved plan: what is to be done with a spec, and what that rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.wire import Json


@dataclass(frozen=True, slots=True)
class SavedRow:
    """One change, by names and ids alone."""

    name: str
    action: Action
    reason: str
    """For people: what counts is what is done, and on what it rests."""
    digest: str | None
    job: str | None
    """Of the entry that the decision rests on; None where the state knew none."""
    reuses: str | None = None
    """The earlier job whose result is used again."""
    moved_from: str | None = None
    prune: str | None = None

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(
            name=change.name, action=change.action, reason=change.reason.value, digest=change.digest,
            job=change.entry.job_id if change.entry else None,
            reuses=change.reuses.job_id if change.reuses else None, moved_from=change.moved_from, prune=change.prune,
        )  # fmt: skip

    @property
    def what(self) -> tuple[Action, str | None, str | None, str | None, str | None, str | None]:
        """All that must still hold for the change to be the one that was reviewed."""
        return (self.action, self.digest, self.job, self.reuses, self.moved_from, self.prune)

    @property
    def binds(self) -> bool:
        """Whether the plan is stale once this no longer holds: it gives a spec its job, or takes an entry away."""
        pruned = self.action is Action.ORPHAN and self.prune is not None
        return pruned or self.action in {Action.PUSH, Action.REUSE, Action.MOVE}

    def as_json(self) -> dict[str, Json]:
        row: dict[str, Json] = {
            "name": self.name, "action": self.action.value, "reason": self.reason, "digest": self.digest,
            "job_id": self.job,
        }  # fmt: skip
        more = {"reuses": self.reuses, "moved_from": self.moved_from, "prune": self.prune}
        return row | {key: value for key, value in more.items() if value is not None}

    @classmethod
    def from_json(cls, row: Json) -> Self:
        """Raises KeyError, TypeError or ValueError for what is no such row."""
        if not isinstance(row, dict):
            raise TypeError
        return cls(
            name=text_in(row["name"]), action=Action(text_in(row["action"])), reason=text_in(row["reason"]),
            digest=_optional(row["digest"]), job=_optional(row["job_id"]), reuses=_optional(row.get("reuses")),
            moved_from=_optional(row.get("moved_from")), prune=_optional(row.get("prune")),
        )  # fmt: skip


def text_in(value: Json) -> str:
    """*value*, which has to be text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError
    return value


def _optional(value: Json) -> str | None:
    return None if value is None else text_in(value)
