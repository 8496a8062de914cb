"""Save: outputs of finished jobs go where their specs say. Fetched beside their place, recorded, then put in it whole.

What is put somewhere is on record before it is there, so that a run that is killed leaves nothing that the next one
would take for somebody else's file. That all of it lies there is recorded afterwards: at once where state and outputs
share a disk, and at the end of the run where they do not, as the outputs' disk may go with a run that is killed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import CallError
from sieve_jobs.plan.decide import rerun_command
from sieve_jobs.push.client import Client
from sieve_jobs.push.disk import Fetched, NotSavedError, are_there, folder_of, holds, on_disk, put, why
from sieve_jobs.push.events import Event, NotSaved, OutputsSaved
from sieve_jobs.push.naming import UnusableNameError, Wanted, wanted_of
from sieve_jobs.push.part import Part, clear_leftovers
from sieve_jobs.push.recorder import Recorder
from sieve_jobs.push.redact import Redactor
from sieve_jobs.push.stop import Stop
from sieve_jobs.state.entry import Entry, PastJob, Saved, SavedFile
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
        self._store, self._recorder, self._client, self._options = store, recorder, client, options
        self._emit, self._redactor, self._target = emit, redactor, target
        self.saved: dict[str, tuple[str, ...]] = {}
        """Paths of what lies where it should now, by name."""
        self.failed: dict[str, Diagnostic] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._jobs, self._files = asyncio.Semaphore(JOBS_AT_ONCE), asyncio.Semaphore(FILES_AT_ONCE)
        self._refused: CallError | None = None
        self._forgotten: set[SavedFile] = set()
        self._claims: dict[str, str] = {}
        """Who puts a file where in this run: two specs whose names only turn out to be one must not both."""
        self._held_back: list[JobSaved] = []
        self._closed = False

    def add(self, name: str, job_id: str) -> None:
        """The job finished, and what the state holds of it is handed over to the recorder.

        Once a job, unless its save failed before.
        """
        if job_id in self._tasks and not (self._tasks[job_id].done() and name in self.failed):
            return
        if self._options is not None and not self._closed:
            self.failed.pop(name, None)
            self._tasks[job_id] = asyncio.create_task(self._save_one(self._options, name, job_id))

    def know(self, saved: Saved) -> None:
        """What a job left that is forgotten in this run: its files are no stranger's, should they be in the way."""
        self._forgotten.update(saved.files)

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
            entry = self._entry(name, job_id)
            if entry is None:
                return
            try:
                saved = await self._save(options, entry)
            except NotSavedError as error:
                place = Place(entry.path, entry.line)
                problem = Diagnostic(error.code, self._redactor.clean(error.message), place, hint=error.hint)
                self.failed[name] = problem
                self._emit(NotSaved(name, job_id, problem))
            else:
                self.saved[name] = tuple(file.path for file in saved.files)
                self._emit(OutputsSaved(name, job_id, self.saved[name], sum(file.size for file in saved.files)))

    def _entry(self, name: str, job_id: str) -> Entry | None:
        """The entry as it is now, if that job is still its own and is to be saved."""
        entry = self._store.get([name]).get(name)
        return entry if entry is not None and entry.job_id == job_id and entry.save else None

    async def _save(self, options: SaveOptions, entry: Entry) -> Saved:
        """Raises NotSavedError; then nothing is in its place that was not there before."""
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
            self._refuse_in_the_way(entry, fetched)
            if self._entry(entry.name, entry.job_id) is None:
                raise NotSavedError("SJ195", f"'{entry.name}' has another job by now", "run apply again")
            self._recorder.status(JobSaved(entry.job_id, Saved(entry.save, place, files, complete=False)))
            await self._recorder.flush()
            put(fetched)
            return self._lies_there(options, entry.job_id, Saved(entry.save, place, files))
        except OSError as error:
            raise NotSavedError("SJ195", f"could not save the outputs of '{entry.name}': {why(error)}") from error
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
            raise NotSavedError("SJ195", f"{what}: {self._refused.message}")
        try:
            job = await self._client.job(entry.job_id)
        except CallError as error:
            if error.status == 404:
                gone = f"the far side no longer knows job {entry.job_id}"
                raise NotSavedError("SJ197", f"{what}: {gone}", f"to run it again: {again}") from error
            if error.status in (401, 402, 403):
                self._refused = error
            raise NotSavedError("SJ195", f"{what}: {error.message}", "the next apply tries again") from error
        if job.status is not Status.FINISHED:
            raise NotSavedError("SJ195", f"{what}: the far side says that job {job.id} is {job.status.value}")
        try:
            return wanted_of(job, entry.save)
        except UnusableNameError as error:
            raise NotSavedError("SJ195", f"{what}: {error}", "change 'save' in the spec; nothing runs again") from error

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
                    raise NotSavedError("SJ195", message, "the next apply tries again") from error
                fetched.file = SavedFile(each.path, part.size, part.sha256)

        tasks = [asyncio.create_task(one(each)) for each in wanted]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _refuse_in_the_way(self, entry: Entry, fetched: Iterable[Fetched]) -> None:
        """Raises NotSavedError for a file that would be replaced and that no job of ours left there."""
        for each in fetched:
            holder = self._claims.setdefault(each.file.path.casefold(), entry.name)
            if holder != entry.name:
                message = f"could not save the outputs of '{entry.name}': '{each.file.path}' is one of '{holder}'"
                raise NotSavedError("SJ196", message, "give each a folder of its own in 'save'")
            if each.part is None or not os.path.lexists(each.target):
                continue
            lies = on_disk(each.target, each.file.path)
            if lies is not None and lies.sha256 == each.file.sha256:
                each.part.discard()  # it is there already, and keeps its time
                each.part = None
            elif lies is None or not self._is_ours(entry, lies):
                what = "is no regular file" if lies is None else "differs, and is not what was saved there before"
                message = f"could not save the outputs of '{entry.name}': '{each.file.path}' is in the way: it {what}"
                raise NotSavedError("SJ196", message, "move it away, or save elsewhere; then run apply again")

    def _is_ours(self, entry: Entry, lies: SavedFile) -> bool:
        """Whether a file is as an earlier job left it: this spec's, or one whose spec has another name by now."""
        own: list[Entry | PastJob] = [entry, *self._store.past_of(entry.name)]
        if lies in self._forgotten or holds(own, lies):
            return True
        return holds(self._store.history(), lies)


async def fetch(client: Client, wanted: Wanted, part: Part) -> None:
    """All of *wanted* in *part*, and on the disk. Raises CallError, OSError."""
    if wanted.url is None:
        part.write(wanted.content)
    else:
        await client.download(wanted.url, part)
    await asyncio.to_thread(part.seal)
