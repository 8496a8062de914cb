"""Rounds that remove what the engine need not keep any longer: at a request, and by itself where `keep` is set.

The database is first, and what lies on the disk for a job goes when its row is gone: whatever moment a round is cut
off at, no job is shown without what it had, and the next round finds what was left.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from sieve_jobs.engine import litter, removal
from sieve_jobs.engine.catalog import Module
from sieve_jobs.engine.environments import Environments
from sieve_jobs.engine.litter import Removed
from sieve_jobs.engine.removal import Needed
from sieve_jobs.engine.report import report
from sieve_jobs.engine.retention import Ended, doomed, is_stale_upload
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.signing import UPLOADS
from sieve_jobs.engine.store import Store
from sieve_jobs.wire import Json, format_time

T = TypeVar("T")

_SLICE = 0.005
"""Seconds for which one change works: pushes wait for it."""
_AT_ONCE = 512
"""What one change is given, more than it has time for."""
_FOLDERS = 64
"""Folders that are removed in one go; an engine that ends waits for them."""
_MARK = "collected_at"


class EndingError(RuntimeError):
    """The engine ends; what a round had not come to stays for the next one."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a round removed, or would."""

    jobs: int
    stay: int
    """Jobs that are left."""
    files: Removed
    """Of jobs that are gone, of this round or of one that was cut off."""
    uploads: Removed
    events: int
    versions: int
    keys: int
    environments: Removed

    @property
    def disk(self) -> Removed:
        return self.files + self.uploads + self.environments

    def as_json(self) -> dict[str, Json]:
        return {
            "jobs": self.jobs,
            "stay": self.stay,
            "files": self.files.files,
            "uploads": self.uploads.folders,
            "webhook_events": self.events,
            "versions": self.versions,
            "idempotency_keys": self.keys,
            "environments": self.environments.folders,
            "bytes": self.disk.bytes,
            "problems": list(self.disk.problems),
        }


@dataclass(frozen=True, slots=True)
class InUse:
    """What the engine works with now, whatever its age."""

    versions: Collection[str]
    modules: Collection[Module]


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round goes by: Unix times before which things are old."""

    now: float
    before: float
    dry: bool
    gone: set[str] = field(default_factory=set)
    """Of a dry round: the jobs that it would have removed."""

    @property
    def before_text(self) -> str:
        return format_time(datetime.fromtimestamp(max(self.before, 0.0), UTC))


class Collector:
    """Belongs to one event loop. *in_use* is asked right before anything goes; *forgotten* is told of versions."""

    def __init__(
        self,
        store: Store,
        files: Path,
        environments: Environments,
        settings: Settings,
        *,
        in_use: Callable[[], InUse],
        forgotten: Callable[[Iterable[str]], None],
    ) -> None:
        self._store = store
        self._files = files
        self._environments = environments
        self._settings = settings
        self._in_use = in_use
        self._forgotten = forgotten
        self._one = asyncio.Lock()
        self._is_ending = False

    def end(self) -> None:
        """Cuts a round off where it is."""
        self._is_ending = True

    async def run(self) -> None:
        """Rounds by the engine itself, until cancelled; none where `keep` is not set."""
        keep = self._settings.keep
        if keep is None:
            return
        await asyncio.sleep(self._settings.collect_first)
        while True:
            await asyncio.sleep(self._until_due(time.time()))
            try:
                collected = await self.collect(keep)
                for problem in collected.disk.problems:
                    report(f"could not remove {problem}")
                await self._store.write(partial(_mark, at=time.time()))
            except (sqlite3.Error, OSError) as error:
                report(f"could not remove what is older than {keep:g} s: {error}")
                await asyncio.sleep(self._settings.collect_every)

    def _until_due(self, now: float) -> float:
        row = self._store.read(lambda db: db.execute("SELECT value FROM meta WHERE key = ?", (_MARK,)).fetchone())
        since = now - float(row[0]) if row is not None else self._settings.collect_every
        return min(max(self._settings.collect_every - since, 0.0), self._settings.collect_every)

    async def collect(self, keep: float, *, dry: bool = False) -> Collected:
        """One round, after any that is under way. *keep* is seconds; *dry* removes nothing, and tells what it would.

        Raises EndingError.
        """
        async with self._one:
            now = time.time()
            it = _Round(now, now - keep, dry)
            events = await self._events(it)
            jobs, needed = await self._jobs(it)
            files = await self._outputs(it)
            uploads = await self._uploads(it, needed)
            versions = await self._versions(it)
            keys = await self._keys(it)
            environments = await self._environments_of(it)
            stay = await self._store.study(removal.count_jobs) - len(it.gone)
            return Collected(jobs, stay, files, uploads, events, versions, keys, environments)

    async def _events(self, it: _Round) -> int:
        if it.dry:
            return await self._ask(lambda db: removal.count_old_events(db, it.before))
        count = 0
        drop = partial(removal.drop_event, before=it.before)
        while found := await self._ask(lambda db: removal.old_events(db, it.before)):
            count += await self._in_slices(found, partial(removal.drop_each, drop))
        return count

    async def _jobs(self, it: _Round) -> tuple[int, Needed]:
        """Ended jobs, a page at a time; how many, and what is known of the open ones."""
        needed = await self._ask(lambda db: removal.needed(Needed(), db))
        after, count = 0, 0
        while page := await self._ask(partial(removal.ended_jobs, after, it.before_text, it.before)):
            after = page[-1].seq
            going = doomed(page, needed.ids, it.gone)
            if it.dry:
                it.gone.update(job.id for job in going)
                count += len(going)
            while going and not it.dry:
                self._go_on()
                done, went, needed = await self._store.write(partial(_drop_jobs, going[:_AT_ONCE], needed))
                going = going[done:]
                count += went
        return count, needed

    async def _outputs(self, it: _Round) -> Removed:
        """What is left of jobs that are gone: their outputs and lines, then their files."""
        for part in () if it.dry else removal.PARTS:
            orphans = await self._ask(partial(removal.orphaned, part))
            await self._in_slices(orphans, partial(removal.drop_parts, part))
        names = await asyncio.to_thread(litter.names_in, self._files)
        gone = await self._ask(lambda db: removal.without_job(db, names))
        return await self._remove(self._files, [*gone, *(it.gone & set(names))], it.dry)

    async def _uploads(self, it: _Round, needed: Needed) -> Removed:
        """Uploads that are old and that no open job names; one that could still be made is never old."""
        folder, before = self._files / UPLOADS, min(it.before, it.now - self._settings.upload_ttl)
        total = Removed()
        found = await asyncio.to_thread(litter.uploads_in, folder)
        for start in range(0, len(found), _FOLDERS):
            needed = await self._ask(partial(removal.needed, needed))
            some = found[start : start + _FOLDERS]
            stale = [name for name, changed in some if is_stale_upload(name, changed, before, needed.ids)]
            total += await self._remove(folder, stale, it.dry)
        return total

    async def _versions(self, it: _Round) -> int:
        found = await self._ask(lambda db: removal.old_versions(db, it.before_text, it.gone))
        current = self._in_use().versions
        old = [version for version in found if version not in current]
        if not it.dry:
            await self._in_slices(old, partial(removal.drop_each, removal.drop_version))
            self._forgotten(old)
        return len(old)

    async def _keys(self, it: _Round) -> int:
        """Idempotency keys have an age of their own: until then a push under one is answered, job or no job."""
        before = it.now - self._settings.key_retention
        keys = await self._ask(lambda db: removal.old_keys(db, before))
        if not it.dry:
            await self._in_slices(keys, partial(removal.drop_each, partial(removal.drop_key, before=before)))
        return len(keys)

    async def _environments_of(self, it: _Round) -> Removed:
        place, total = self._environments, Removed()
        names = await asyncio.to_thread(place.unneeded, self._in_use().modules, it.before)
        if it.dry:
            return await self._remove(place.folder, names, dry=True)
        for name in names:
            try:
                left = await place.retire(name, lambda: self._in_use().modules)
            except OSError as error:
                total += Removed(problems=(f"{place.folder / name}: {error.strerror}",))
                continue
            if left is not None:
                total += await self._remove(place.folder, [left], dry=False)
        return total

    async def _remove(self, folder: Path, names: Sequence[str], dry: bool) -> Removed:
        total = Removed()
        for start in range(0, len(names), _FOLDERS):
            self._go_on()
            some = names[start : start + _FOLDERS]
            total += await asyncio.to_thread(litter.remove, folder, some, dry=dry)
        return total

    async def _in_slices(self, items: Sequence[T], change: removal.Change[T]) -> int:
        """Has *change* deal with all *items*, a slice at a time, so that pushes come between; how many it was."""
        done = 0
        while done < len(items):
            self._go_on()
            done += await self._store.write(partial(_in_slice, change, items[done : done + _AT_ONCE]))
        return done

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        self._go_on()
        return await self._store.study(question)

    def _go_on(self) -> None:
        if self._is_ending:
            raise EndingError


def _slice(clock: Callable[[], float] = time.perf_counter) -> Callable[[], bool]:
    """Whether there is time left, of what a change may take from its start on."""
    end = clock() + _SLICE
    return lambda: clock() < end


def _in_slice(change: removal.Change[T], items: Sequence[T], db: sqlite3.Connection) -> int:
    return change(db, items, _slice())


def _drop_jobs(jobs: Sequence[Ended], known: Needed, db: sqlite3.Connection) -> tuple[int, int, Needed]:
    return removal.drop_jobs(db, jobs, known, _slice())


def _mark(db: sqlite3.Connection, at: float) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_MARK, repr(at)))
