"""Asking the far side about jobs that were not at their end when last heard of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sieve_jobs.cli.connection import call, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import redactor_of
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, RefusedError
from sieve_jobs.state.entry import Entry
from sieve_jobs.state.writes import JobStatus

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client
    from sieve_jobs.wire import Job


@dataclass(frozen=True, slots=True)
class Heard:
    """What the far side said. *entries* are as they now stand, *statuses* what is worth recording."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    statuses: tuple[JobStatus, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


def ask(session: Session, entries: Mapping[str, Entry]) -> Heard:
    """Asks about *entries*; none of them, no call. A job that gives no answer stays as it was, and is a problem."""
    if not entries:
        return Heard()
    with far_side(session) as far:
        found = call(far, lambda client: ask_all(client, entries, session.target.concurrency))
    redactor = redactor_of(session)
    now: dict[str, Entry] = {}
    statuses: list[JobStatus] = []
    problems: dict[CallError, Diagnostic] = {}
    for name, answer in found.items():
        entry = entries[name]
        if isinstance(answer, CallError):
            message = redactor.clean(answer.message)
            gone = isinstance(answer, RefusedError) and answer.status == 404
            hint = f"`sieve-jobs apply` decides what becomes of '{name}'" if gone else None
            problem = Diagnostic(Code.CALL_FAILED, f"could not ask about '{name}': {message}", hint=hint)
            problems.setdefault(answer, problem)  # after a refusal the others were not asked: one error, one problem
            continue
        if answer.status is entry.status:
            continue
        error = redactor.clean(answer.error)
        now[name] = replace(entry, status=answer.status, error=error, completed_at=answer.completed_at)
        statuses.append(JobStatus(answer.id, answer.status, answer.run_id or None, error, answer.completed_at))
    return Heard(now, tuple(statuses), tuple(problems.values()))


async def ask_all(client: Client, entries: Mapping[str, Entry], concurrency: int) -> Mapping[str, Job | CallError]:
    """An answer for each, *concurrency* calls at a time; after a refusal that is not about one job no more calls."""
    gate = asyncio.Semaphore(concurrency)
    stopped: list[CallError] = []

    async def one(name: str, entry: Entry) -> tuple[str, Job | CallError]:
        async with gate:
            if stopped:
                return name, stopped[0]
            try:
                return name, await client.job(entry.job_id)
            except CallError as error:
                if error.status != 404:
                    stopped.append(error)
                return name, error

    first, *others = entries.items()
    found = dict([await one(*first)])  # alone: a key that is refused is one request
    return found | dict(await asyncio.gather(*(one(name, entry) for name, entry in others)))
