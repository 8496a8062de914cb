"""Save: outputs of finished jobs go where their specs say. Fetched beside their place, recorded, then put in it whole.

What is put somewhere is on record before it is there, so that a run that is killed leaves nothing that the next one
would take for somebody else's file. That all of it lies there is recorded afterwards: at once where state and outputs
share a disk, and at the end of the run where they do not, as the outputs' disk may go with a run that is killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import CallError
from sieve_jobs.plan.decide import rerun_command
from sieve_jobs.push.client import Client
from sieve_jobs.push.disk import Fetched, NotSavedError, are_there, folder_of, put, why
from sieve_jobs.push.events import Event, NotSaved, OutputsSaved
from sieve_jobs.push.naming import UnusableNameError, Wanted, wanted_of
from sieve_jobs.push.part import Part, clear_leftovers
from sieve_jobs.push.places import Claim, Places
from sieve_jobs.push.recorder import Recorder
from sieve_jobs.push.redact import Redactor
from sieve_jobs.push.stop import Stop
from sieve_jobs.state.entry import Entry, Saved, SavedFile
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import JobSaved
from sieve_jobs.wire import Status

JOBS_AT_ONCE, FILES_AT_ONCE = 8, 4


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """Where outputs are saved."""

    root: Path
    """The project's root."""
    place: Callable[[], str]
    """The id of the project's folder, made when it is first asked for."""
    at_end: bool = False
    """That outputs are saved is recorded once the run ends in order. A run that is killed leaves them to be saved, so
    that nobody counts on a disk that may have gone with it; where it has not, they are found there."""


class Saver:
    """Saves the outputs of jobs as they are added, several at a time. To be used in one event loop."""

    def __init__(
        self, store: Store, recorder: Recorder, client: Client, options: SaveOptions | None,
        emit: Callable[[Event], None], *, redactor: Redactor, target: str,
    ) -> None:  # fmt: skip
        """Without *options* nothing is saved. *target* is named in commands that are suggested."""
        self._recorder, self._client, self._options, self._places = recorder, client, options, Places(store)
        self._emit, self._redactor, self._target = emit, redactor, target
        self.saved: dict[str, tuple[str, ...]] = {}
        """Paths of what lies where it should now, by name."""
        self.failed: dict[str, Diagnostic] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        """Saves that did not end yet, or that raised, by name and job id."""
        self._jobs, self._files = asyncio.Semaphore(JOBS_AT_ONCE), asyncio.Semaphore(FILES_AT_ONCE)
        self._refused: CallError | None = None
        self._held_back: list[JobSaved] = []
        self._closed = False

    def add(self, name: str, job_id: str) -> None:
        """The job finished, and what the state holds of it is handed over to the recorder.

        One that was saved before is looked at again: what it left may have been deleted or replaced since.
        """
        key = (name, job_id)
        if self._options is None or self._closed or _goes_on(self._tasks.get(key)):
            return
        if not any(map(_goes_on, self._tasks.values())):
            self._refused = None  # the answer ended the saves that were under way, not all of a long watch
        self.failed.pop(name, None)
        task = self._tasks[key] = asyncio.create_task(self._save_one(self._options, name, job_id))
        task.add_done_callback(lambda done: self._over(key, done))

    @property
    def under_way(self) -> frozenset[str]:
        """Ids of the jobs whose outputs are being saved."""
        return frozenset(job_id for (_, job_id), task in self._tasks.items() if _goes_on(task))

    def _over(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        """A save came to its end; one that raised stays, for `finish` to raise it."""
        if self._tasks.get(key) is task and not task.cancelled() and task.exception() is None:
            del self._tasks[key]

    def know(self, saved: Saved) -> None:
        """What a job left that is forgotten in this run: its files are no stranger's, should they be in the way."""
        self._places.know(saved)

    async def finish(self, stop: Stop | None = None) -> None:
        """Returns once everything added is saved or has failed, or somebody asked to stop, and that is on record.

        Raises StateError.
        """
        done = asyncio.create_task(self._all())
        ends: list[asyncio.Task[object]] = [] if stop is None else [asyncio.create_task(stop.asked.wait())]
        try:
            await asyncio.wait([done, *ends], return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                done.result()
        finally:
            for end in (done, *ends):
                end.cancel()
            await self.close()
            await asyncio.gather(done, *ends, return_exceptions=True)
        await self._recorder.flush()

    async def _all(self) -> None:
        await asyncio.gather(*self._tasks.values())

    async def close(self) -> None:
        """Ends what is under way: nothing of it stays half. What is saved is handed over to the recorder."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        held_back, self._held_back = self._held_back, []
        for said in held_back:
            self._recorder.status(said)

    async def _save_one(self, options: SaveOptions, name: str, job_id: str) -> None:
        async with self._jobs:
            await self._recorder.flush(statuses=False)
            asked = None
            # A spec may say another place while its outputs are on their way to this one.
            while (entry := self._places.entry(name, job_id)) is not None and entry.save != asked:
                asked = entry.save
                await self._try(options, entry)

    async def _try(self, options: SaveOptions, entry: Entry) -> None:
        """Saves, and says what came of it; nothing once the spec has another job, whose outputs are saved instead."""
        try:
            saved = await self._save(options, entry)
        except NotSavedError as error:
            if not self._places.is_due(Claim.of(entry)):
                return
            place = Place(entry.path, entry.line)
            problem = Diagnostic(error.code, self._redactor.clean(error.message), place, hint=error.hint)
            self.failed[entry.name] = problem
            self._emit(NotSaved(entry.name, entry.job_id, problem))
            return
        if saved is not None:
            paths = self.saved[entry.name] = tuple(file.path for file in saved.files)
            self._emit(OutputsSaved(entry.name, entry.job_id, paths, sum(file.size for file in saved.files)))

    async def _save(self, options: SaveOptions, entry: Entry) -> Saved | None:
        """What lies in its place now; None where the spec has another job by then, or saves elsewhere.

        Then, and where NotSavedError is raised, nothing is in its place that was not there before.
        """
        known = entry.saved if entry.saved is not None and entry.saved.asked == entry.save else None
        place = options.place()
        if known is not None and known.files and await asyncio.to_thread(are_there, known.files, options.root):
            return self._lies_there(options, entry.job_id, replace(known, place=place, complete=True))
        wanted = await self._wanted(entry)
        fetched: list[Fetched] = []
        try:
            await self._fetch_all(options, entry, wanted, known, fetched)
            order = {each.path: number for number, each in enumerate(wanted)}
            fetched.sort(key=lambda each: order[each.file.path])
            files = tuple(each.file for each in fetched)
            mine = Claim.of(entry)
            if not self._places.is_due(mine):
                return None
            self._places.take(entry, fetched)
            self._recorder.status(JobSaved(entry.job_id, Saved(entry.save, place, files, complete=False)))
            await self._recorder.flush()
            if not self._places.is_due(mine):  # a watch goes on while that is written
                return None
            put(fetched)
            return self._lies_there(options, entry.job_id, Saved(entry.save, place, files))
        except OSError as error:
            raise NotSavedError(
                Code.OUTPUTS_NOT_SAVED, f"could not save the outputs of '{entry.name}': {why(error)}"
            ) from error
        finally:
            for each in fetched:
                if each.part is not None:
                    each.part.discard()

    def _lies_there(self, options: SaveOptions, job_id: str, saved: Saved) -> Saved:
        """*saved*, which is recorded now or at the end."""
        said = JobSaved(job_id, saved)
        if options.at_end:
            self._held_back.append(said)
        else:
            self._recorder.status(said)
        return saved

    async def _wanted(self, entry: Entry) -> Sequence[Wanted]:
        """What there is to save; the job is read again, as urls of files die within days."""
        what = f"could not save the outputs of '{entry.name}'"
        again = rerun_command(entry.name, self._target)
        if self._refused is not None:
            raise NotSavedError(Code.OUTPUTS_NOT_SAVED, f"{what}: {self._refused.message}")
        try:
            job = await self._client.job(entry.job_id)
        except CallError as error:
            if error.status == 404:
                gone = f"the far side no longer knows job {entry.job_id}"
                raise NotSavedError(Code.OUTPUTS_GONE, f"{what}: {gone}", f"to run it again: {again}") from error
            if error.status in (401, 402, 403):
                self._refused = error
            raise NotSavedError(
                Code.OUTPUTS_NOT_SAVED, f"{what}: {error.message}", "the next apply tries again"
            ) from error
        if job.status is not Status.FINISHED:
            raise NotSavedError(
                Code.OUTPUTS_NOT_SAVED, f"{what}: the far side says that job {job.id} is {job.status.value}"
            )
        try:
            return wanted_of(job, entry.save)
        except UnusableNameError as error:
            raise NotSavedError(
                Code.OUTPUTS_NOT_SAVED, f"{what}: {error}", "change 'save' in the spec; nothing runs again"
            ) from error

    async def _fetch_all(
        self, options: SaveOptions, entry: Entry, wanted: Sequence[Wanted], known: Saved | None, into: list[Fetched]
    ) -> None:
        """Everything beside its place, in *into*. The first failure ends the others."""
        here = {file.path: file for file in known.files} if known is not None else {}
        folders = {
            folder: folder_of(options.root, folder) for folder in {each.path.rpartition("/")[0] for each in wanted}
        }
        for folder in folders.values():
            clear_leftovers(folder)

        async def one(each: Wanted) -> None:
            path, _, name = each.path.rpartition("/")
            target, file = folders[path] / name, here.get(each.path)
            if file is not None and await asyncio.to_thread(are_there, [file], options.root):
                into.append(Fetched(file, target, None))
                return
            async with self._files:
                part = Part(folders[path])
                fetched = Fetched(SavedFile(each.path, 0, ""), target, part)
                into.append(fetched)
                try:
                    await fetch(self._client, each, part)
                except CallError as error:
                    message = f"could not save '{each.path}' of '{entry.name}': {error.message}"
                    raise NotSavedError(Code.OUTPUTS_NOT_SAVED, message, "the next apply tries again") from error
                fetched.file = SavedFile(each.path, part.size, part.sha256)

        tasks = [asyncio.create_task(one(each)) for each in wanted]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _goes_on(task: asyncio.Task[None] | None) -> bool:
    return task is not None and not task.done()


async def fetch(client: Client, wanted: Wanted, part: Part) -> None:
    """All of *wanted* in *part*, and on the disk. Raises CallError, OSError."""
    if wanted.url is None:
        part.write(wanted.content)
    else:
        await client.download(wanted.url, part)
    await asyncio.to_thread(part.seal)
