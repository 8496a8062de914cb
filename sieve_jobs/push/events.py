"""Events: what a run says while it runs, for live views, plain lines and `--events`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar, TypeAlias

from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.plan.action import Reason
from sieve_jobs.wire import Status


@dataclass(frozen=True, slots=True)
class Pushing:
    """The intent is durable, the request goes out next."""

    kind: ClassVar[str] = "pushing"
    name: str
    reason: Reason
    attempt: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """The far side made a job, and it is recorded."""

    kind: ClassVar[str] = "pushed"
    name: str
    job_id: str
    run_id: str
    status: Status
    reason: Reason


@dataclass(frozen=True, slots=True)
class Refused:
    """This spec's push was refused; nothing runs because of it."""

    kind: ClassVar[str] = "refused"
    name: str
    problem: Diagnostic


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A push got no clear answer: the job may run. It will be looked for."""

    kind: ClassVar[str] = "in_doubt"
    name: str
    attempt: int
    cause: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """A push in doubt was found to have arrived."""

    kind: ClassVar[str] = "adopted"
    name: str
    job_id: str
    how: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A push in doubt is known not to have arrived, or was given up by a person."""

    kind: ClassVar[str] = "dropped"
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Held:
    """A person must decide; nothing is pushed for this spec until then."""

    kind: ClassVar[str] = "held"
    name: str
    problem: Diagnostic
    candidates: tuple[str, ...] = ()
    """Ids of jobs that it could be."""


@dataclass(frozen=True, slots=True)
class Reused:
    """An earlier job's result is used again."""

    kind: ClassVar[str] = "reused"
    name: str
    job_id: str


@dataclass(frozen=True, slots=True)
class Moved:
    kind: ClassVar[str] = "moved"
    name: str
    moved_from: str


@dataclass(frozen=True, slots=True)
class Orphaned:
    """The spec was removed; its job goes on."""

    kind: ClassVar[str] = "orphaned"
    name: str
    job_id: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """The entry of a removed spec was forgotten."""

    kind: ClassVar[str] = "pruned"
    name: str
    job_id: str
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job of a changed spec was told to end before the new one is pushed. *status* is how it ended."""

    kind: ClassVar[str] = "cancelled"
    name: str
    job_id: str
    status: Status


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing happens for some seconds, and why. *name* is None if it concerns the whole run."""

    kind: ClassVar[str] = "waiting"
    seconds: float
    why: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Rejoined:
    """The project's engine was gone; the one at *url* goes on with its jobs. *started*: by this run."""

    kind: ClassVar[str] = "rejoined"
    url: str
    started: bool


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A followed job is now *status*. *before* is None where it was not known."""

    kind: ClassVar[str] = "status"
    name: str
    job_id: str
    before: Status | None
    status: Status
    superseded: bool = False
    """An earlier job of a spec that has a newer one by now."""


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A followed job ended badly. Texts are redacted; control characters are as they came."""

    kind: ClassVar[str] = "failed"
    name: str
    job_id: str
    status: Status
    error: str
    log: tuple[str, ...]
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The far side does not know the job any more. *finished*: it had finished, so that nothing is missing."""

    kind: ClassVar[str] = "lost"
    name: str
    job_id: str
    finished: bool


@dataclass(frozen=True, slots=True)
class OutputsSaved:
    """All outputs of a finished job lie where its spec says. *paths* are from the project's root, *size* is bytes."""

    kind: ClassVar[str] = "saved"
    name: str
    job_id: str
    paths: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class NotSaved:
    """The outputs of a finished job could not be saved; the next apply tries again."""

    kind: ClassVar[str] = "not_saved"
    name: str
    job_id: str
    problem: Diagnostic


@dataclass(frozen=True, slots=True)
class Stopping:
    """No new push begins: a signal, or an answer that stops the run."""

    kind: ClassVar[str] = "stopping"
    why: str


Event: TypeAlias = (
    Pushing | Pushed | Refused | InDoubt | Adopted | Dropped | Held | Reused | Moved | Orphaned | Pruned
    | Cancelled | Waiting | Rejoined | StatusChanged | JobFailed | Lost | OutputsSaved | NotSaved | Stopping
)  # fmt: skip


def as_json(event: Event) -> dict[str, object]:
    """The object of one line of `--events`: `event` is its kind, the other keys are its fields."""
    fields = {field.name: _plain(getattr(event, field.name)) for field in dataclasses.fields(event)}
    return {"event": event.kind, **fields}


def _plain(value: object) -> object:
    if isinstance(value, Diagnostic):
        return value.as_json()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
