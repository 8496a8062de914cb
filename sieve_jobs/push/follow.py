"""Follow: jobs to their end. Waits on the far side where it lets us, and asks again and again where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode, NoEngineError, RefusedError
from sieve_jobs.push.client import Client
from sieve_jobs.push.clock import either
from sieve_jobs.push.events import Event, JobFailed, Lost, StatusChanged, Waiting
from sieve_jobs.push.followed import End, Followed, FollowOptions, FollowResult
from sieve_jobs.push.gone import key_of_another, lost, said_of_gone
from sieve_jobs.push.outcome import Outcome, of_error
from sieve_jobs.push.reconcile import list_jobs
from sieve_jobs.push.recorder import Recorder
from sieve_jobs.push.silence import LONGEST, Silence, given_up
from sieve_jobs.push.tail import last_lines
from sieve_jobs.state.writes import JobStatus
from sieve_jobs.wire import Job, Status

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between two rounds of asking; the pause grows while nothing happens."""
SHORTEST_AWAIT = 1.0
"""Seconds between two waiting calls for a job, for a far side that does not really wait."""
MOST_CUTS = 3
"""Waiting calls cut off by something between, after which none is made any more."""
LONGEST_ERROR = 64 * 1024
"""Characters kept of a job's error, its end."""


async def follow(
    jobs: Iterable[Followed],
    recorder: Recorder,
    client: Client,
    options: FollowOptions,
    emit: Callable[[Event], None],
) -> FollowResult:
    """Follows *jobs* until all have ended, *wait* is over, or somebody stops it. Writes job statuses alone.

    Raises StateError if a status cannot be recorded.
    """
    follower = Follower(recorder, client, options, emit)
    for job in jobs:
        follower.add(job)
    follower.close()
    return await follower.run()


class Follower:
    """Follows jobs that may be added while it runs; ends once it is closed and all of them have."""

    def __init__(
        self, recorder: Recorder, client: Client, options: FollowOptions, emit: Callable[[Event], None]
    ) -> None:
        self._recorder, self._client, self._options, self._emit = recorder, client, options, emit
        self._open: dict[str, Followed] = {}
        self._awaited: set[str] = set()
        self._ended: dict[str, End] = {}
        self._codes: set[ExitCode] = set()
        self._problems: list[Diagnostic] = []
        self._telling: dict[str, Followed] = {}
        self._can_await = True
        self._cuts = 0
        self._closed = False
        self._changed = asyncio.Event()
        self._added = asyncio.Event()
        self._silence = Silence()
        self._over = asyncio.Event()

    def add(self, job: Followed) -> None:
        if job.job_id not in self._ended:
            known = self._open.get(job.job_id)
            self._open[job.job_id] = job if known is None else replace(job, status=known.status)
        self._added.set()
        self._wake()

    @property
    def open_jobs(self) -> frozenset[str]:
        """Ids of the jobs that have not ended."""
        return frozenset(self._telling | self._open)

    @property
    def open_followed(self) -> tuple[Followed, ...]:
        """The same as they were last heard of."""
        return tuple((self._telling | self._open).values())

    def take(self, job_id: str) -> Followed | None:
        """The job is not followed any more, until it is added again or dropped; None if it was not."""
        return self._open.pop(job_id, None)

    def drop(self, job_id: str) -> None:
        """The job was ended by this run: how it ended is told already, and is nobody's failure."""
        self._open.pop(job_id, None)
        self._ended[job_id] = End(Status.CANCELLED)
        self._wake()

    def close(self) -> None:
        """Nothing is added any more."""
        self._closed = True
        self._wake()

    async def run(self) -> FollowResult:
        options = self._options
        ends: list[asyncio.Task[object]] = [asyncio.create_task(self._over.wait())]
        if options.stop is not None:
            ends.append(asyncio.create_task(options.stop.asked.wait()))
        if options.wait is not None:
            ends.append(asyncio.create_task(options.clock.sleep(options.wait)))
        work = [asyncio.create_task(self._poll())]
        work += [asyncio.create_task(self._await_one_by_one()) for _ in range(options.concurrency)]
        self._wake()
        try:
            await asyncio.wait([*ends, *work], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*ends, *work):
                task.cancel()
            await asyncio.gather(*ends, *work, return_exceptions=True)
        for task in work:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        await self._recorder.flush()
        interrupted = options.stop is not None and options.stop.asked.is_set()
        running = self._telling | self._open
        if running and not self._over.is_set() and not interrupted:
            self._codes.add(ExitCode.TIMED_OUT)
        return FollowResult(self._ended, running, frozenset(self._codes), tuple(self._problems))

    def _wake(self) -> None:
        self._changed.set()
        if self._closed and not (self._open or self._telling):
            self._over.set()

    async def _await_one_by_one(self) -> None:
        """One waiting call at a time, for the job that is followed longest and that no other call waits for."""
        while self._can_await:
            await self._silence.over()
            job = next((job for job in self._open.values() if job.job_id not in self._awaited), None)
            if job is None:
                self._changed.clear()
                await self._changed.wait()
                continue
            self._awaited.add(job.job_id)
            began = self._options.clock.monotonic()
            try:
                found = await self._client.await_job(job.job_id)
                if found is not None:
                    await self._heard(found)
                elif self._options.clock.monotonic() - began < SHORTEST_AWAIT:
                    await self._options.clock.sleep(SHORTEST_AWAIT)
            except CallError as error:
                await self._not_awaited(job, error)
            finally:
                self._awaited.discard(job.job_id)
        await self._over.wait()

    async def _not_awaited(self, job: Followed, error: CallError) -> None:
        """A waiting call failed: something between may cut long ones, or there is no such route, or no such job."""
        try:
            await self._heard(await self._client.job(job.job_id))
        except CallError as worse:
            await self._no_answer(job, worse)
            return
        if job.job_id in self._open and error.status != 429:
            # The job is there and goes on, so that it is waiting that does not work. Asking does.
            self._cuts += 1
            self._can_await = self._can_await and error.status not in (404, 405, 501) and self._cuts < MOST_CUTS
            self._changed.set()

    async def _poll(self) -> None:
        """Asks in rounds: for what waiting calls do not tell, and for everything where they do not work.

        While the far side gives no answer this alone asks, for one job, after longer and longer pauses.
        """
        pause = FIRST_PAUSE
        while True:
            await self._recorder.check()
            before, was_silent = dict(self._open), self._silence.pause > 0.0
            asked = self._to_ask()
            if asked:
                await self._ask(asked)
            if was_silent and self._silence.pause:
                self._still_silent()
            moved = before != self._open
            pause = FIRST_PAUSE if moved else min(pause * 1.5, LONGEST_PAUSE)
            if not self._silence.pause:
                await self._rest(pause)
            if self._silence.pause:
                await self._options.clock.sleep(self._silence.pause)

    async def _rest(self, seconds: float) -> None:
        """Waits, but no longer than until a job is added, or a silence begins."""
        self._added.clear()
        await either(self._options.clock.sleep(seconds), self._added.wait())

    def _to_ask(self) -> list[Followed]:
        """A waiting call tells the end, but not that a queued job began."""
        if self._silence.pause:
            return list(self._open.values())[:1]
        if not self._can_await:
            return list(self._open.values())
        return [job for job in self._open.values() if job.job_id not in self._awaited or job.status is Status.QUEUED]

    async def _ask(self, jobs: list[Followed]) -> None:
        if len(jobs) > self._options.concurrency:
            jobs = await self._ask_by_list(jobs)
        for start in range(0, len(jobs), self._options.concurrency):
            await asyncio.gather(*map(self._ask_one, jobs[start : start + self._options.concurrency]))

    async def _ask_by_list(self, jobs: list[Followed]) -> list[Followed]:
        """One list for many jobs; returns those, a few, that it does not show, to be asked for one by one."""
        try:
            listing = await list_jobs(self._client, None, until={job.job_id for job in jobs})
        except CallError as error:
            await self._no_answer(None, error)
            return []
        shown = {job.id: job for job in listing.jobs}
        for job in jobs:
            if job.job_id in shown:
                await self._heard(shown[job.job_id])
        return [job for job in jobs if job.job_id not in shown][: 4 * self._options.concurrency]

    async def _ask_one(self, job: Followed) -> None:
        try:
            await self._heard(await self._client.job(job.job_id))
        except CallError as error:
            await self._no_answer(job, error)

    async def _no_answer(self, job: Followed | None, error: CallError) -> None:
        message = self._client.redactor.clean(error.message)
        if isinstance(error, NoEngineError):
            self._end(error.problem)
            return
        if job is not None and isinstance(error, RefusedError) and error.status == 404:
            self._silence.end()
            await self._gone(job)
            return
        if isinstance(error, RefusedError) and of_error(error) is Outcome.STOPPED:
            self._end(given_up(message, self._options.target))
        elif self._silence.note(self._options.clock.monotonic(), message):
            self._emit(Waiting(self._silence.pause, f"{message}; given up after {LONGEST:g} s of this"))
            self._added.set()

    def _still_silent(self) -> None:
        if self._silence.goes_on(self._options.clock.monotonic()):
            self._emit(Waiting(self._silence.pause, self._silence.why))
        else:
            why = f"no good answer for {LONGEST:g} s; the last call: {self._silence.why}"
            self._end(given_up(why, self._options.target))

    def _end(self, problem: Diagnostic, code: ExitCode = ExitCode.ERROR) -> None:
        if not self._over.is_set():
            self._problems.append(problem)
            self._codes.add(code)
            self._over.set()

    async def _heard(self, found: Job) -> None:
        """What the far side says of a job: recorded and told if it is news."""
        self._silence.end()
        job = self._open.get(found.id)
        if job is None or found.status is job.status:
            return
        if found.status.is_final:
            await self._at_end(job, found)
            return
        self._open[job.job_id] = replace(job, status=found.status)
        self._recorder.status(JobStatus(job.job_id, found.status, found.run_id or None))
        self._emit(StatusChanged(job.name, job.job_id, job.status, found.status, job.superseded))

    async def _at_end(self, job: Followed, found: Job) -> None:
        """Told and recorded together: a bad end that nobody was told of is the next run's to tell."""
        del self._open[job.job_id]
        self._telling[job.job_id] = job
        error = job.redactor.clean(found.error)[-LONGEST_ERROR:]
        bad = found.status is not Status.FINISHED
        lines: tuple[str, ...] = ()
        if bad:
            lines = tuple(map(job.redactor.clean, await last_lines(self._client, found, self._options.log_lines)))
        said = JobStatus(job.job_id, found.status, found.run_id or None, error, found.completed_at, reported=bad)
        self._recorder.status(said)
        self._emit(StatusChanged(job.name, job.job_id, job.status, found.status, job.superseded))
        if bad:
            self._emit(JobFailed(job.name, job.job_id, found.status, error, lines, job.superseded))
        if bad and not job.superseded:
            self._codes.add(ExitCode.JOB_FAILED)
        if job.saves and not bad:
            self._options.finished(job.name, job.job_id)
        self._ended[job.job_id] = End(found.status, error, lines)
        del self._telling[job.job_id]
        self._wake()

    async def _gone(self, job: Followed) -> None:
        """The far side does not know a job that had not finished. That is believed only of our own organisation."""
        if job.job_id not in self._open:
            return
        try:
            stranger = await key_of_another(self._client, self._options.organization_id)
        except CallError:
            stranger = None
        if stranger is not None:
            self._end(stranger, ExitCode.GUARDED)
            return
        if self._open.pop(job.job_id, None) is None:
            return
        if not job.superseded:
            self._codes.add(ExitCode.DECISION)
            self._problems.append(lost(job, self._options.target))
        self._recorder.status(said_of_gone(job))
        self._emit(Lost(job.name, job.job_id, finished=False))
        self._ended[job.job_id] = End(job.status, lost=True)
        self._wake()
