"""One attempt at one job: the conversation with its worker, and every result written as it comes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sieve_jobs.engine import jobs, machine
from sieve_jobs.engine.admission import disk_problem
from sieve_jobs.engine.catalog import Function, Module
from sieve_jobs.engine.children import Passes
from sieve_jobs.engine.death import Death
from sieve_jobs.engine.files import FileError, keep_output, open_input
from sieve_jobs.engine.frames import Frame, FrameError
from sieve_jobs.engine.logbook import BUILD
from sieve_jobs.engine.present import Described
from sieve_jobs.engine.records import Claimed, Ended, Line
from sieve_jobs.engine.replica import Replica
from sieve_jobs.engine.settings import MEBIBYTE, Settings
from sieve_jobs.engine.signing import Signer
from sieve_jobs.engine.store import Store
from sieve_jobs.wire import Json

_OUTPUTS_TOGETHER = 64
_BYTES_TOGETHER = 4 * MEBIBYTE
"""Outputs of a fast generator written in one change: so many, or so large."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What an attempt works with."""

    store: Store
    files: Path
    signer: Signer
    organization_id: str
    secrets: Callable[[Function], Mapping[str, str]]
    """The named secrets that a function declares as its environment."""
    described: Callable[[Module, Mapping[str, Described]], None]
    """Told what a worker says of its module's functions, by their names in it; none if it cannot be imported."""
    happened: Callable[[], None]
    """Called after anything that may have queued a webhook event."""
    passes: Passes
    refusal: Callable[[Function], str | None]
    """Why a function cannot be run on this machine, once its module was imported."""
    settings: Settings
    notes: Callable[[Module], Sequence[str]]
    """What of a module's declaration is not so on this machine: shown in the log of its jobs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt was left. *lost* is why the worker gave no result; *recycle* asks for a fresh worker."""

    lost: Death | None = None
    recycle: bool = False
    ending: asyncio.Future[bool] | None = None
    """The job's end on its way to the disk, where the worker is done with it; see `_record`."""


async def load(worker: Replica, desk: Desk) -> str | None:
    """Has a new worker import its module; the error text, None when it did. An empty text: the worker is lost."""
    module = worker.module
    roots: list[Json] = [str(root) for root in module.roots]
    files: list[Json] = [str(file) for file in module.files]
    worker.enter("import")
    await worker.send({"op": "load", "file": str(module.file), "files": files, "roots": roots})
    frame = await worker.next()
    if frame is None:
        return ""
    if frame.op != "ready":
        desk.described(module, {})
        return str(frame.body.get("error") or "the worker did not load")
    worker.is_loaded = True
    desk.described(module, dict(_descriptions(frame.body.get("functions"))))
    return None


def _descriptions(told: Json) -> Iterator[tuple[str, Described]]:
    for name, value in told.items() if isinstance(told, dict) else ():
        if isinstance(value, dict):
            inputs, outputs, details = (value.get(key) for key in ("inputs", "outputs", "details"))
            if isinstance(inputs, list) and isinstance(outputs, list) and isinstance(details, dict):
                yield name, Described(inputs, outputs, details)


async def attempt(worker: Replica, function: Function, claimed: Claimed, desk: Desk) -> Outcome:
    """Runs *claimed* on *worker* until nothing more comes of it: it ends by then, see `Outcome`, or the worker is lost.

    The end is not waited for, so that the change by which the worker gets its next job shares the commit.
    """
    worker.begin(claimed.run.job_id, claimed.run.run_id)
    try:
        _tell_notes(worker.module, claimed, desk)
        if not worker.is_loaded:
            error = await load(worker, desk)
            if error is not None:
                return await _not_loaded(worker, claimed, error, desk)
        refused = desk.refusal(function)
        if refused is not None:
            return Outcome(ending=_record(desk, claimed, 0, [], Ended(0, refused)))
        return await _run(worker, function, claimed, desk)
    finally:
        worker.end()


def _tell_notes(module: Module, claimed: Claimed, desk: Desk) -> None:
    """Puts in a job's log what of the declaration is not so here, ahead of what may come of it."""
    now = time.time_ns()
    lines = [Line(now + place, claimed.run.run_id, BUILD, note) for place, note in enumerate(desk.notes(module))]
    if lines:
        desk.store.post(lambda db: jobs.add_lines(db, claimed.run.job_id, lines))


async def _run(worker: Replica, function: Function, claimed: Claimed, desk: Desk) -> Outcome:
    """The job has a pass for as long as this takes."""
    token = desk.passes.issue(claimed.run)
    api: dict[str, Json] = {"url": desk.signer.origin, "token": token}
    try:
        worker.enter("run")
        await worker.send({**_order(function, claimed, desk), "api": api})
        return await _follow(worker, claimed, desk)
    except FrameError as error:
        ended = Ended(0, f"Input/Output too large or not JSON: {error}")
        return Outcome(ending=_record(desk, claimed, 0, [], ended))
    finally:
        desk.passes.withdraw(token)


async def _not_loaded(worker: Replica, claimed: Claimed, error: str, desk: Desk) -> Outcome:
    if not error:
        return Outcome(lost=worker.lost, recycle=True)
    worker.end()
    return Outcome(recycle=True, ending=_record(desk, claimed, 0, [], Ended(0, f"Setup failed: {error}")))


def _order(function: Function, claimed: Claimed, desk: Desk) -> dict[str, Json]:
    """The frame that starts a job. `environ` is the job's own and what every worker is told.

    Secrets are read here, when the function is known and the job starts: they are kept in one place, and a new
    value counts for jobs that wait. What the push brought is stronger.
    """
    env: dict[str, Json] = {**desk.secrets(function), **claimed.env}
    environ: dict[str, Json] = {
        **env,
        "SIEVE_JOB_ID": claimed.run.job_id,
        "SIEVE_RUN_ID": claimed.run.run_id,
        "SIEVE_ORGANIZATION_ID": desk.organization_id,
        "SIEVE_MODEL_ID": function.id,
        "SIEVE_WORKFLOW_ID": "",
        "SIEVE_WORKFLOW_NAME": "",
    }
    return {
        "op": "run",
        "job": claimed.run.job_id,
        "function": function.attribute,
        "inputs": claimed.inputs,
        "env": env,
        "environ": environ,
    }


async def _follow(worker: Replica, claimed: Claimed, desk: Desk) -> Outcome:
    count, size = 0, 0
    while (frame := await worker.next()) is not None:
        values: list[Json] = []
        ended = None
        together = 0
        while frame is not None and frame.op == "output":
            together += frame.size
            ended = _over(count + len(values), size + together, desk.settings)
            if ended is not None:
                break
            values.append(frame.body.get("value"))
            following = worker.peek()
            more = following is not None and following.op in {"output", "done", "failed"}
            more = more and len(values) < _OUTPUTS_TOGETHER and together < _BYTES_TOGETHER
            frame = await worker.next() if more else None
        size += together
        goes_on = ended is not None  # the function does not know yet that it is over
        ended = ended or _ending(frame, count + len(values))
        if ended is not None:
            worker.end()
            asked = bool(frame and frame.body.get("recycle"))
            return Outcome(recycle=goes_on or asked, ending=_record(desk, claimed, count, values, ended))
        if values:
            recorded = _record(desk, claimed, count, values, None)
            if not await recorded:
                return Outcome(recycle=True, ending=recorded)
            count += len(values)
            if claimed.has_hooks:
                desk.happened()
        if frame is not None:
            await _serve(worker, frame, claimed, desk)
    return Outcome(lost=worker.lost, recycle=True)


def _over(count: int, size: int, settings: Settings) -> Ended | None:
    """The end of a job that gives more than is kept: *count* outputs are, the next one would make *size* bytes."""
    if count >= settings.outputs_count:
        return Ended(count, f"Input/Output too large: a job may have {settings.outputs_count:,} outputs.")
    if size > settings.outputs_size:
        limit = settings.outputs_size // MEBIBYTE
        return Ended(count, f"Input/Output too large: the outputs of a job may have {limit:,} MB together.")
    return None


def _ending(frame: Frame | None, count: int) -> Ended | None:
    if frame is not None and frame.op == "done":
        return Ended(count, "")
    if frame is not None and frame.op == "failed":
        return Ended(count, str(frame.body.get("error")) or "the function failed without a word")
    return None


def _record(
    desk: Desk, claimed: Claimed, first: int, values: Sequence[Json], ended: Ended | None
) -> asyncio.Future[bool]:
    """Records outputs and the end in one transaction; False if the attempt is not the job's any more."""
    run, now = claimed.run, datetime.now(UTC)
    outputs = {place: _of_run(value, run.run_id) for place, value in enumerate(values, first)}
    return desk.store.insist(lambda db: jobs.record(db, run, outputs, ended, now))


def _of_run(value: Json, run_id: str) -> Json:
    return {**value, "run_id": run_id} if isinstance(value, dict) else value


async def _serve(worker: Replica, frame: Frame, claimed: Claimed, desk: Desk) -> None:
    """Answers what a worker asks for while it runs a job."""
    try:
        if frame.op == "stage":
            worker.enter(str(frame.body.get("stage")))
            await worker.send({"op": "noted"})
        elif frame.op == "open":
            await _open(worker, str(frame.body.get("url")), desk)
        elif frame.op == "keep" and frame.handles:
            full = disk_problem(machine.disk_space(desk.files), desk.settings)
            if full is not None:
                raise FileError(full)
            name = str(frame.body.get("name"))
            url = await asyncio.to_thread(keep_output, frame.handles[0], claimed.run.job_id, name, desk.files)
            await worker.send({"op": "kept", "url": url, "signed": _signed(url, claimed, desk)})
        else:
            await worker.send({"op": "refused", "message": f"unknown request {frame.op!r}"})
    except (FileError, OSError) as error:
        await worker.send({"op": "refused", "message": str(error)})
    finally:
        frame.close()


def _signed(reference: str, claimed: Claimed, desk: Desk) -> str | None:
    return desk.signer.stored(reference, claimed.function_id, claimed.run.job_id, time.time())


async def _open(worker: Replica, url: str, desk: Desk) -> None:
    descriptor, name = open_input(url, desk.files, desk.signer)
    try:
        await worker.send({"op": "opened", "name": name}, descriptor)
    finally:
        os.close(descriptor)
