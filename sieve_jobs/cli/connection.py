"""The far side of a run: the project's engine, or the target's endpoint with its key; and calls to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sieve_jobs.cli.context import Session
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import InvalidError, SieveJobsError, UsageError
from sieve_jobs.render.quantity import count

if TYPE_CHECKING:
    from sieve_jobs.cli.attachment import Attachment
    from sieve_jobs.engine.settings import Settings
    from sieve_jobs.push.client import Client
    from sieve_jobs.push.events import Event

T = TypeVar("T")

MOST_WORKERS = 8
"""Workers of an engine that a verb starts, however many cores there are: functions on media use several each."""

_LIMITS = ("time_limit", "memory_limit", "process_limit", "queue_limit", "disk_full", "disk_spare")


@dataclass(frozen=True, slots=True)
class FarSide:
    """Where calls of this run go."""

    url: str
    key: str = field(repr=False)
    local: bool
    engine: Attachment | None = field(default=None, repr=False)
    """Finds the local target's engine again where it ended, or another one."""
    tell: Callable[[Event], None] | None = field(default=None, repr=False)
    """Hears of that."""

    def telling(self, tell: Callable[[Event], None]) -> FarSide:
        """The same, heard by *tell*."""
        return replace(self, tell=tell)

    def client(self) -> Client:
        """A client of it, for one event loop."""
        from sieve_jobs.push.client import Client

        if self.engine is None:
            return Client(self.url, self.key)
        return Client(self.engine.url, self.key, rejoin=partial(self.engine.again, self.tell))


def default_workers() -> int:
    """How many workers an engine gets where nobody says: one a core, at most MOST_WORKERS."""
    return max(1, min(MOST_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2))


def engine_settings(session: Session, *, workers: int) -> Settings:
    """What an engine for the session's project is started with, as its config says.

    It says how many *workers* too, where there are to be any.
    """
    from sieve_jobs.engine.settings import Settings, absolute

    project, engine, root = session.config.project, session.config.engine, session.root.resolve()
    limits = {name: value for name in _LIMITS if (value := getattr(engine, name)) is not None}
    if engine.idle_limit is not None:
        limits["idle_longest"] = engine.idle_limit
    if engine.webhook_retries is not None:
        limits["hook_retries"] = engine.webhook_retries
    return Settings(
        root=root,
        functions=absolute(root, [Path(folder) for folder in project.functions]),
        owner=project.owner,
        workers=(engine.workers or workers) if workers else 0,
        hook_shape=engine.webhook_shape,
        allow_private=engine.allow_private,
        cors_origins=engine.cors_origins,
        installs=engine.install,
        keep=engine.keep,
        **limits,
    )


@contextmanager
def far_side(session: Session, *, workers: int = 0) -> Iterator[FarSide]:
    """The far side of the session's target, for as long as this is open.

    For the local target that is the engine that runs for the project, else one that is started and ends with this;
    *workers* 0 only reads. One that ends meanwhile is followed by another. Raises InvalidError without a key,
    UsageError without a project, SieveJobsError without an engine.
    """
    if not session.target.is_local:
        yield FarSide(session.target.endpoint, required_key(session), local=False)
        return
    require_project(session)
    from sieve_jobs.cli.attachment import Attachment
    from sieve_jobs.engine.launch import EngineError

    def waiting(events: int, longest: float) -> None:
        say(f"waiting up to {longest:g} s to deliver {count(events, 'webhook event')}; Ctrl-C: leave it to later")

    say = session.streams.say
    try:
        engine = Attachment(replace(engine_settings(session, workers=workers), ends_with_users=True), waiting)
    except EngineError as error:
        hint = "`sieve-jobs doctor` looks closer; its log is .sieve-jobs/engine/log"
        raise SieveJobsError(Diagnostic(Code.ENGINE_NOT_RUNNING, f"there is no engine: {error}", hint=hint)) from error
    with closing(engine):
        yield FarSide(engine.url, engine.key, local=True, engine=engine)
    if engine.requeued:
        jobs = "job is" if engine.requeued == 1 else "jobs are"
        say(f"the engine ended; {engine.requeued} running {jobs} queued again for the next run")
    if engine.undelivered:
        say(f"{count(engine.undelivered, 'webhook event')} undelivered: sieve-jobs engine webhooks")


def require_project(session: Session) -> None:
    """Raises UsageError where nothing says that a project is here: an engine would leave its folder in a wrong one."""
    project = session.config.project
    folders = (*project.specs, *project.functions)
    if session.config.exists or session.own_folder.exists() or any((session.root / each).is_dir() for each in folders):
        return
    named = " or ".join(f"'{each}'" for each in folders)
    message = f"there is no project in '{session.root}': neither sieve-jobs.toml nor a folder {named}"
    hint = "is this the right folder (-C DIR)? `sieve-jobs init` begins a project"
    raise UsageError(Diagnostic(Code.NO_PROJECT, message, hint=hint))


def path_on_disk(session: Session, url: str) -> str | None:
    """Where an output of the engine lies on this disk; None for any other far side's."""
    if not session.target.is_local:
        return None
    from sieve_jobs.engine.launch import path_on_disk as path_of

    path = path_of(session.root, url)
    return None if path is None else str(path)


def required_key(session: Session) -> str:
    """The key of the remote target. Raises InvalidError naming the variable that should hold it."""
    if session.api_key is None:
        target = session.target
        raise InvalidError(
            Diagnostic(
                Code.KEY_UNSET,
                f"the key of target '{target.name}' is not set; nothing was sent",
                expected=f"{target.api_key_env} in the environment, or in .env beside the config",
                hint="without a key: -t local runs the jobs on this machine",
            )
        )
    return session.api_key


def call(far: FarSide, work: Callable[[Client], Awaitable[T]]) -> T:
    """Runs *work* with a client of the far side, to its end."""

    async def calling() -> T:
        async with far.client() as client:
            return await work(client)

    return asyncio.run(calling())
