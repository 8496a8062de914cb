"""What following takes and gives: the jobs, how they are followed, and how they ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode
from sieve_jobs.push.clock import Clock, SystemClock
from sieve_jobs.push.redact import Redactor
from sieve_jobs.push.stop import Stop
from sieve_jobs.wire import Status


@dataclass(frozen=True, slots=True)
class Followed:
    """A job that is followed, as last heard of."""

    name: str
    job_id: str
    status: Status
    redactor: Redactor = field(repr=False)
    superseded: bool = False
    """An earlier job of a spec that has a newer one: its end is told, and is nobody's failure."""
    saves: bool = False
    """Its spec says where the outputs go."""


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended. *error* and *log* are redacted."""

    status: Status
    error: str = ""
    log: tuple[str, ...] = ()
    lost: bool = False


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """How jobs are followed. *wait* is seconds, None to the end."""

    wait: float | None = None
    concurrency: int = 8
    log_lines: int = 20
    clock: Clock = field(default_factory=SystemClock)
    stop: Stop | None = None
    target: str = "local"
    """Named in commands that are suggested."""
    finished: Callable[[str, str], None] = field(default=lambda name, job_id: None)
    """Told name and job id of each that `saves` and finished, once that is handed over to be recorded."""
    organization_id: str | None = None
    """Pinned: a job is called lost only by a far side that shows no other organisation's jobs."""


@dataclass(frozen=True, slots=True)
class FollowResult:
    """What came of the jobs, by id; *running* are those that had not ended."""

    ended: dict[str, End]
    running: dict[str, Followed]
    codes: frozenset[ExitCode]
    problems: tuple[Diagnostic, ...]
