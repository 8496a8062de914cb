"""ApplyResult: what a run came to, spec by spec, and the exit codes that hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sieve_jobs.config.stand_ins import StandIn
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, worst
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.plan import Notice
from sieve_jobs.wire import Status

if TYPE_CHECKING:
    from sieve_jobs.state.recover import Unrecorded  # reads states, and loads for that what a plan does without


@dataclass(frozen=True, slots=True)
class Result:
    """One row of `apply --json`."""

    name: str
    action: Action
    reason: Reason
    job_id: str | None = None
    run_id: str | None = None
    status: Status | None = None
    error: str | None = None
    """Why it was not pushed, or how its job ended badly; redacted."""
    log: tuple[str, ...] = ()
    """Last lines of a job that ended badly; redacted. Not part of the JSON row."""
    saved: tuple[str, ...] = ()
    """Paths, from the project's root, of the outputs that this run saved or found saved."""
    save_error: str | None = None
    """Why the outputs of its job were not saved; redacted."""
    doubt: Literal["held", "dropped"] | None = None
    """What became of a push in doubt that has no job: a person must decide, or it is forgotten. Not in the JSON row."""

    stand_in: StandIn | None = None
    """What ran in place of the function that the spec asks for."""

    def as_json(self) -> dict[str, object]:
        mark = {} if self.stand_in is None else self.stand_in.as_json()
        return {
            "name": self.name,
            "action": self.action.value,
            "reason": self.reason.value,
            "job_id": self.job_id,
            "run_id": self.run_id,
            "status": self.status.value if self.status else None,
            "error": self.error or self.save_error,
            "saved": list(self.saved),
            **mark,
        }


@dataclass(frozen=True, slots=True)
class Tally:
    """The `summary` of `apply --json`: what was done, in specs."""

    pushed: int = 0
    refused: int = 0
    reused: int = 0
    moved: int = 0
    unchanged: int = 0
    in_doubt: int = 0

    def as_json(self) -> dict[str, int]:
        return {
            "pushed": self.pushed, "refused": self.refused, "reused": self.reused, "moved": self.moved,
            "unchanged": self.unchanged, "in_doubt": self.in_doubt,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What a run came to. *results* is sorted by name and holds every change, and every job that was followed."""

    results: tuple[Result, ...]
    summary: Tally
    codes: frozenset[ExitCode] = frozenset()
    """Every exit code that holds; `exit_code` is the one to exit with."""
    problems: tuple[Diagnostic, ...] = ()
    notices: tuple[Notice, ...] = ()
    still_running: Mapping[str, str] = field(default_factory=dict)
    """name to job id of what had not ended when the run did."""
    serial: int | None = None
    """The state's at the end of the run; None if nothing was carried out."""
    due: int = 0
    """Specs that a run which begins nothing has left to an apply."""
    unrecorded: Unrecorded | None = None
    """Jobs of this run that the state may not have."""

    @property
    def exit_code(self) -> ExitCode:
        return worst(self.codes)
