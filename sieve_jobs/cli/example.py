"""An example job of a function: named, out of a saved document, or the latest that is known to have finished."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.given_file import STDIN, read_given
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, UsageError
from sieve_jobs.render.text import escape
from sieve_jobs.wire import Function, Job, Json, Status, WireError, parse_job

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client

LARGEST = 64 * 1024 * 1024
"""Bytes of a document that is read."""
PAGE, PAGES = 50, 10
"""How far the far side's list of jobs is looked through, newest first."""
TRIES = 5
"""Jobs by their ids that are asked for, of those that the state knows and of those that a function names."""


@dataclass(frozen=True, slots=True)
class Example:
    """A job that finished, and what its far side says of its function."""

    job: Job
    function: Function | None = None
    """None where the far side does not know it, or was not asked."""


def from_document(name: str, file: str) -> Example:
    """The job in *file*, `-` for stdin: as the API tells it, as `outputs --json` prints it, or a list of outputs.

    Raises UsageError for anything else, and for a job that has no outputs of *name* to give.
    """
    shown = "stdin" if file == STDIN else escape(file)
    try:
        text = read_given(file, LARGEST)
    except OSError as error:
        raise no_example(f"could not read '{shown}': {(error.strerror or 'unreadable').lower()}") from error
    try:
        job = _job_in(json.loads(text) if len(text) <= LARGEST else None)
    except (ValueError, RecursionError) as error:
        hint = "expected: a job as GET /v2/jobs/ID answers, what `outputs NAME --json` prints, or a list of outputs"
        raise no_example(f"'{shown}' holds no job with outputs", hint) from error
    _require_finished(job, name)
    return Example(job)


def known_jobs(session: Session, name: str) -> Sequence[str]:
    """Ids of jobs of *name* that the target's state knows to have finished, newest first, at most TRIES."""
    with session.open_store(read_only=True, offline=True) as store:
        entries = store.get(store.names()).values()
        jobs = [*(entry.past() for entry in entries if not entry.lost), *store.history()]
    jobs = [job for job in jobs if job.status is Status.FINISHED and job.function.partition(":")[0] == name]
    jobs.sort(key=lambda job: job.completed_at or job.pushed_at, reverse=True)
    return [job.job_id for job in jobs[:TRIES]]


async def from_far_side(client: Client, name: str, target: str, job_id: str | None, known: Sequence[str]) -> Example:
    """The job *job_id* of *name*; without one the latest of *known*, else of the far side's list, else one of the
    function's own examples. Raises UsageError where there is none, CallError.
    """
    function = await client.function(name)
    if job_id is not None:
        job = await _job(client, job_id)
        if job is None:
            raise UsageError(Diagnostic(Code.NOTHING_NAMED_SO, f"'{target}' knows no job '{job_id}'"))
        _require_finished(job, name)
        return Example(job, function)
    examples = () if function is None else function.examples
    async for found in _candidates(client, name, known, examples):
        if found.status is Status.FINISHED and found.function in (None, name):
            return Example(found, function)
    hint = "--job ID names one, --from FILE takes a saved one"
    raise UsageError(
        Diagnostic(Code.NOTHING_NAMED_SO, f"no finished job of '{name}' is known on '{target}'", hint=hint)
    )


async def _candidates(client: Client, name: str, known: Sequence[str], examples: Sequence[str]) -> AsyncIterator[Job]:
    """Jobs in the order in which they are good examples, read whole one by one."""
    for job_id in known:
        if (job := await _job(client, job_id)) is not None:
            yield job
    offset = 0
    for _ in range(PAGES):
        page = await client.jobs(PAGE, offset, Status.FINISHED.value)
        for job in page.jobs:
            if job.function == name:
                yield job
        offset = page.next_offset
        if offset < 0:
            break
    for job_id in islice(examples, TRIES):
        if (job := await _job(client, job_id)) is not None:
            yield job


async def _job(client: Client, job_id: str) -> Job | None:
    try:
        return await client.job(job_id)
    except CallError as error:
        if error.status == 404:
            return None
        raise


def _require_finished(job: Job, name: str) -> None:
    """Raises UsageError for a job that is no example of *name*."""
    if job.function not in (None, name):
        raise no_example(f"{called(job)} is one of '{escape(job.function or '')}', not of '{name}'")
    if job.status is not Status.FINISHED:
        said = {Status.ERROR: "failed", Status.CANCELLED: "was cancelled"}.get(job.status, f"is {job.status.value}")
        raise no_example(f"{called(job)} {said}: there is no answer to take", "another one, by --job ID")


def called(job: Job) -> str:
    """The example in a sentence; a list of outputs does not say which job they are of."""
    return f"job {escape(job.id)}" if job.id else "the saved job"


def no_example(message: str, hint: str | None = None) -> UsageError:
    """That nothing can be made of what was found."""
    return UsageError(Diagnostic(Code.NO_EXAMPLE, f"{message}; nothing was written", hint=hint))


def _job_in(body: Json) -> Job:
    """The job in a document. Raises ValueError."""
    fields = {"outputs": body} if isinstance(body, list) else body
    if not isinstance(fields, dict) or not all(map(_is_output, _flat(fields.get("outputs")))):
        raise WireError("no outputs")
    whole: dict[str, Json] = {"status": "finished", **fields}
    job_id = fields.get("id") or fields.get("job_id")
    whole["id"] = job_id or "-"
    if not isinstance(fields.get("function"), dict):
        whole["function"] = None  # of `outputs --json` it is the name of what stood in
    job = parse_job(whole)
    return job if job_id else job._replace(id="")


def _flat(outputs: Json) -> Iterator[Json]:
    if not isinstance(outputs, list):
        raise WireError("no outputs")
    for item in outputs:
        yield from item if isinstance(item, list) else [item]


def _is_output(item: Json) -> bool:
    return isinstance(item, dict) and "data" in item
