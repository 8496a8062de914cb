"""ApplyOptions: what the command line and the target say about a run."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.push.clock import Clock, SystemClock
from sieve_jobs.push.follow import Follower
from sieve_jobs.push.save import SaveOptions, Saver
from sieve_jobs.push.stop import Stop
from sieve_jobs.spec.jobspec import JobSpec
from sieve_jobs.spec.tags import TagKey
from sieve_jobs.wire import Json


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How a plan is carried out. Times are seconds."""

    body: Callable[[JobSpec], dict[str, Json]] = field(repr=False)
    """Makes the body of a push; what it raises as InvalidError refuses that spec."""
    key: TagKey | None = None
    concurrency: int = 8
    """Pushes, and waiting calls, at a time."""
    wait: float | None = None
    """How long jobs are followed; None: to their end."""
    detach: bool = False
    """Returns once everything is pushed and recorded."""
    settle: float | None = None
    """After this, counted from an attempt, a push that is found nowhere is made again; None: it is held."""
    continue_only: bool = False
    """Does only what earlier runs began: settles doubts and follows jobs."""
    planned_only: bool = False
    """The plan was reviewed and saved: nothing is pushed that it does not push, so what is gone stays gone."""
    guarded: bool = False
    """`guard.refuse` was asked about this plan, and let it pass."""
    new_state: bool = False
    """An empty state is meant, although the far side has jobs like those planned."""
    save: SaveOptions | None = None
    """Where outputs are saved; None: they are not."""
    plan: PlanOptions = field(default_factory=PlanOptions)
    """As the plan was made with."""
    commit: str | None = None
    """Git commit of the tree, for the entries."""
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)
    """Values to take out of the far side's texts, besides those of the specs that are pushed."""
    clock: Clock = field(default_factory=SystemClock)
    stop: Stop | None = None
    """Told by signal handlers; None: nobody interrupts."""
    unlock: Callable[[], None] = field(default=lambda: None)
    """Called once when nothing more is written that needs the lock: following goes on without it."""
    connect_tries: int = 5
    """Attempts to reach the far side before the run is ended."""
    follower: Follower | None = None
    """Follows the jobs of this run beside others', for longer than it; None: the run follows its own."""
    saver: Saver | None = None
    """The same for what they leave; goes with *follower*."""
    log_lines: int = 20
    """Of a job that ended badly."""
    jitter: Callable[[], float] = field(default=random.random, repr=False)
    """Between 0 and 1; what a backoff is multiplied by."""
