"""Places: who may put a file where. Nothing of a stranger's is replaced, and no two specs save to one place."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from sieve_jobs.codes import Code
from sieve_jobs.push.disk import Fetched, NotSavedError, holds, on_disk
from sieve_jobs.state.entry import Entry, PastJob, Saved, SavedFile
from sieve_jobs.state.store import Store


class Claim(NamedTuple):
    """A job's outputs at the place that its spec says."""

    name: str
    job_id: str
    save: str

    @classmethod
    def of(cls, entry: Entry) -> Claim:
        return cls(entry.name, entry.job_id, entry.save)


class Places:
    """Where the jobs of *store* save. Lasts as long as a watch: a claim counts no longer than its spec makes it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._claims: dict[str, Claim] = {}
        """By path, case folded: names of two specs may only turn out to be one."""
        self._forgotten: set[SavedFile] = set()

    def know(self, saved: Saved) -> None:
        """What a job left that is forgotten in this run: its files are no stranger's, should they be in the way."""
        self._forgotten.update(saved.files)

    def entry(self, name: str, job_id: str) -> Entry | None:
        """The entry as it is now, if that job is still its own and is to be saved."""
        entry = self._store.get([name]).get(name)
        return entry if entry is not None and entry.job_id == job_id and entry.save else None

    def is_due(self, claim: Claim) -> bool:
        """Whether the spec still has that job, and saves its outputs where it did."""
        now = self.entry(claim.name, claim.job_id)
        return now is not None and now.save == claim.save

    def take(self, entry: Entry, fetched: Iterable[Fetched]) -> None:
        """The entry's outputs are about to be put in their places. What lies there already is dropped from them.

        Raises NotSavedError for a file that would be replaced and that no job of ours left there, OSError.
        """
        own = Claim.of(entry)
        for each in fetched:
            path = each.file.path.casefold()
            holder = self._claims.get(path, own)
            if holder.name != entry.name and self.is_due(holder):
                message = f"could not save the outputs of '{entry.name}': '{each.file.path}' is one of '{holder.name}'"
                raise NotSavedError(Code.FILE_IN_THE_WAY, message, "give each a folder of its own in 'save'")
            self._claims[path] = own
            if each.part is None or not os.path.lexists(each.target):
                continue
            lies = on_disk(each.target, each.file.path)
            if lies is not None and lies.sha256 == each.file.sha256:
                each.part.discard()  # it is there already, and keeps its time
                each.part = None
            elif lies is None or not self._is_ours(entry, lies):
                what = "is no regular file" if lies is None else "differs, and is not what was saved there before"
                message = f"could not save the outputs of '{entry.name}': '{each.file.path}' is in the way: it {what}"
                raise NotSavedError(
                    Code.FILE_IN_THE_WAY, message, "move it away, or save elsewhere; then run apply again"
                )

    def _is_ours(self, entry: Entry, lies: SavedFile) -> bool:
        """Whether a file is as an earlier job left it: this spec's, or one whose spec has another name by now."""
        own: list[Entry | PastJob] = [entry, *self._store.past_of(entry.name)]
        if lies in self._forgotten or holds(own, lies):
            return True
        return holds(self._store.history(), lies)
