"""What the engine keeps about jobs, as types: rows as read, and what a push asks for."""

from __future__ import annotations

from dataclasses import dataclass

from sieve_jobs.wire import Event, Json


@dataclass(frozen=True, slots=True)
class Hook:
    """Where one type of event of a job is sent. *url* is kept byte for byte."""

    type: Event
    url: str
    shape: str | None = None
    """How outputs are written, one of `pairs.SHAPES`; None is the engine's setting."""


@dataclass(frozen=True, slots=True)
class Hooked:
    """A job that something happens to, and its hooks as its row has them: JSON, None without any or at its end."""

    job_id: str
    hooks: str | None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A push that was accepted. Ids are drawn by whoever asks, so that the answer is known before the commit."""

    id: str
    run_id: str
    function_id: str
    owner: str
    name: str
    pinned: bool
    """The push named this version: if the source has changed meanwhile, the job fails rather than run another."""
    inputs: dict[str, Json] | list[Json]
    env: dict[str, str]
    hooks: tuple[Hook, ...]
    source: str
    parent: str | None = None
    """The job that pushed it."""
    depth: int = 0
    """How many jobs stand above it."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an Idempotency-Key stands for. *fingerprint* is keyed, since bodies hold secrets."""

    fingerprint: str
    job_id: str
    answer: str
    """The first answer's body."""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a job: whoever writes for a run that is not the job's any more changes nothing."""

    job_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that an attempt now runs."""

    run: Run
    function_id: str
    inputs: dict[str, Json] | list[Json]
    env: dict[str, str]
    has_hooks: bool
    """Somebody is told of what becomes of it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued job, as the supervisor orders them."""

    seq: int
    id: str
    owner: str
    name: str
    function_id: str
    pinned: bool
    depth: int = 0


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as stored. Times are wire text. Env and hooks are not read: nobody is shown them."""

    id: str
    run_id: str
    function_id: str
    owner: str
    name: str
    status: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    error: str
    inputs: dict[str, Json] | list[Json]
    restarts: list[Json]
    outputs: tuple[dict[str, Json], ...]
    children: dict[str, list[Json]]
    """`owner/name` to the ids of the jobs it pushed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended: *outputs* is how many it produced, *error* the traceback or empty."""

    outputs: int
    error: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a job's output. *at* is nanoseconds since the epoch, rising within a job."""

    at: int
    run_id: str
    stage: str
    message: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook event that is due."""

    id: int
    job_id: str
    type: Event
    place: int | None
    """Which output, for job.new_output."""
    url: str
    message_id: str
    """The same over all attempts: receivers tell repeats by it."""
    attempts: int
    """Attempts already made, since it was replayed if it was."""
    shape: str
    origin: str
    """Who is called; empty for an event that an older engine queued."""
    body: bytes | None
    """What is sent, frozen at the first attempt; None before it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A webhook event as its sender is shown it."""

    message_id: str
    job_id: str
    type: str
    url: str | None
    """None once it was delivered: it is erased then."""
    state: str
    """`pending`, `delivered` or `dead`."""
    due: float
    """When a pending one is tried next, as a Unix time."""
    tried: tuple[tuple[float, str], ...]
    """Each attempt: when, as a Unix time, and what it met."""
