"""Jobs as answers: a small one at once, what may be large beside the event loop, where nobody waits for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from starlette.responses import Response

from sieve_jobs.engine import answers, jobs
from sieve_jobs.engine.answers import Refusal, answer, answer_text
from sieve_jobs.engine.engine import Engine, described_in
from sieve_jobs.engine.present import View, job_json, json_pieces
from sieve_jobs.engine.records import JobRow
from sieve_jobs.wire import Json, Status

_SMALL, _FEW = 256 * 1024, 500
"""Bytes and number of outputs up to which a job is shown faster than a thread is asked to."""
_TO_JOBS, _TO_OUTPUTS = 2, 4
"""How deep the JSON of a page is written in pieces: down to its jobs, or to the outputs of its only one."""


async def page_answer(
    engine: Engine, ask: Callable[[sqlite3.Connection], tuple[list[JobRow], bool]], offset: int
) -> Response:
    """A page of jobs from *offset* on; *ask* gives them, and whether there are more."""
    view = engine.view()

    def write(db: sqlite3.Connection) -> bytes:
        rows, more = ask(db)
        following = offset + len(rows) if more else -1
        return _written(_page(rows, following, _beside(view, db)), _TO_JOBS if len(rows) > 1 else _TO_OUTPUTS)

    return answer_text(await engine.store.study(write))


async def found_answer(engine: Engine, job_id: str | None, status: Status | None) -> Response:
    """A page that holds one job, or none if it is not there or has another status."""

    def ask(db: sqlite3.Connection) -> tuple[list[JobRow], bool]:
        row = None if job_id is None else jobs.get(db, job_id)
        return ([row] if row and status in {None, row.status} else []), False

    if job_id is None or _is_small(engine, job_id):
        rows, _ = engine.store.read(ask)
        return answer(_page(rows, -1, engine.view()))
    return await page_answer(engine, ask, 0)


async def job_answer(engine: Engine, job_id: str, skip: int) -> Response:
    """A job without its first *skip* outputs. Raises Refusal."""
    view = engine.view()
    if _is_small(engine, job_id):
        return answer(job_json(_there(engine.store.read(lambda db: jobs.get(db, job_id))), view, skip))

    def write(db: sqlite3.Connection) -> bytes:
        return _written(job_json(_there(jobs.get(db, job_id)), _beside(view, db), skip), _TO_JOBS)

    return answer_text(await engine.store.study(write))


def _is_small(engine: Engine, job_id: str) -> bool:
    count, size = engine.store.read(lambda db: jobs.outputs_of(db, job_id))
    return count <= _FEW and size <= _SMALL


def _there(row: JobRow | None) -> JobRow:
    if row is None:
        raise Refusal(404, answers.JOB_NOT_FOUND)
    return row


def _page(rows: list[JobRow], following: int, view: View) -> dict[str, Json]:
    return {"data": [job_json(row, view) for row in rows], "next_offset": following}


def _beside(view: View, db: sqlite3.Connection) -> View:
    """The view for another thread than the event loop's, with what *db* knows of versions."""
    return replace(view, described=cache(partial(described_in, db)))


def _written(value: Json, depth: int) -> bytes:
    return "".join(json_pieces(value, depth)).encode()
