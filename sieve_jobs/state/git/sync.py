"""Sync: brings the copy to what the remote has, or says why that cannot be the state that is meant."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sieve_jobs.config.settings import CONFIG_NAME
from sieve_jobs.errors import SieveJobsError
from sieve_jobs.state.batch import Batch
from sieve_jobs.state.entry import Entry, PastJob
from sieve_jobs.state.git import problems
from sieve_jobs.state.git.copy import Copy, Origin, new_lineage
from sieve_jobs.state.git.repository import Repository
from sieve_jobs.state.lookups import count_rows, read_intents
from sieve_jobs.state.mark import Mark, seen
from sieve_jobs.state.parse import DocumentError
from sieve_jobs.state.problems import shown
from sieve_jobs.state.reading import read_header
from sieve_jobs.state.snapshot import (
    FORMAT,
    HEAD,
    Head,
    NewerFormatError,
    Rows,
    is_shard,
    keys_of,
    parse_head,
    parse_shard,
    unlike_rows,
)
from sieve_jobs.state.writing import mirror


@dataclass(frozen=True, slots=True)
class Meant:
    """Which state is meant, and what may be missing."""

    place: str
    """The state as people are shown it."""
    target: str
    lineage: str | None = None
    """The config's; None where it says none."""
    new_state: bool = False
    """A state that is not there is to be made."""
    writes: bool = False
    """Somebody is about to act on it: one that is missing is refused, where the config says which one it is."""


class Sync:
    """The way from the remote to the copy."""

    def __init__(
        self, repository: Repository, copy: Copy, mark: Path | None, meant: Meant, now: Callable[[], datetime]
    ) -> None:
        """*mark* is the file that remembers what was seen here, beside the copy; None where nothing is kept."""
        self._repository, self._copy, self._meant, self._now = repository, copy, meant, now
        self._mark = None if mark is None else Mark(mark)

    def refresh(self) -> Origin:
        """Asks the remote, and takes what is new. Raises StateError, GuardedError."""
        tip = self._repository.tip()
        with self._copy.transaction() as connection:
            origin = self._copy.origin(connection)
            known = tip is None or tip == origin.commit
            if tip is None:
                origin = self._absent(connection, origin)
            elif not known:
                origin = self._take(connection, origin, self._repository.fetch(tip))
            else:
                self._require_meant(origin.head)  # the config may say since then that another one is meant
                if self._meant.writes and not self._repository.has(tip):
                    self._repository.fetch(tip)  # the copy came from another clone: a cache of CI, for one
                    known = False
            self._copy.put_origin(connection, origin.commit, origin.head, self._now())
        if origin.commit is not None and not known:
            self._repository.keep(origin.commit)
        self.remember(origin.head)
        return self._copy.origin()

    def from_here(self) -> None:
        """Fills an empty copy from what was fetched here before, without any network. Raises StateError."""
        known = self._copy.origin()
        if known.commit is not None:
            self._require_meant(known.head)
            return
        tip = self._repository.local()
        if tip is not None:
            with self._copy.transaction() as connection:
                if self._copy.origin(connection).commit is None:
                    origin = self._take(connection, self._copy.origin(connection), tip)
                    self._copy.put_origin(connection, origin.commit, origin.head, self._now())

    def remember(self, head: Head) -> None:
        """Raises the high-water mark to what was seen."""
        if self._mark is not None and head.header.serial:
            self._mark.write(head.header.lineage, head.header.serial)

    def close(self) -> None:
        if self._mark is not None:
            self._mark.close()

    def _seen(self) -> tuple[str, int]:
        return ("", 0) if self._mark is None else seen(self._mark.read())

    def _shown_mark(self) -> str:
        return "" if self._mark is None else shown(self._mark.path)

    def _absent(self, connection: sqlite3.Connection, origin: Origin) -> Origin:
        """The remote has no such ref."""
        meant, (lineage, serial) = self._meant, self._seen()
        known = max(serial, origin.head.header.serial)
        if not meant.new_state:
            if known:
                raise problems.gone(meant.place, known, self._way_back(lineage or None, known, "push"), meant.target)
            if meant.lineage is not None and meant.writes:
                raise problems.missing(meant.place, meant.lineage, meant.target)
        lineage = meant.lineage or (new_lineage() if known else origin.head.header.lineage)
        if lineage != origin.head.header.lineage or origin.commit is not None:
            self._copy.empty(connection, lineage)
        return self._copy.origin(connection)

    def _take(self, connection: sqlite3.Connection, origin: Origin, commit: str) -> Origin:
        try:
            head = self._head(commit)
            self._require_meant(head)
            base = origin.commit
            if base is None or not self._repository.has(base) or not self._follow(connection, base, commit, head):
                self._read_all(connection, commit, head)
        except DocumentError as error:
            raise self._damaged(str(error)) from error
        except sqlite3.IntegrityError as error:
            raise self._damaged("a job belongs to two specs") from error
        return Origin(commit, head, None)

    def _follow(self, connection: sqlite3.Connection, base: str, commit: str, head: Head) -> bool:
        """Brings the copy from *base* to *commit*; whether it has all rows then."""
        self._mirror(connection, self._repository.changed(base, commit), head)
        return _lacks(connection, head) is None

    def _read_all(self, connection: sqlite3.Connection, commit: str, head: Head) -> None:
        self._copy.empty(connection, head.header.lineage)
        self._mirror(connection, {path: (None, blob) for path, blob in self._repository.listing(commit).items()}, head)
        lack = _lacks(connection, head)
        if lack is not None:
            raise DocumentError(lack)

    def _mirror(
        self, connection: sqlite3.Connection, changed: dict[str, tuple[str | None, str | None]], head: Head
    ) -> None:
        mirror(connection, read_header(connection), self._batch(connection, changed, head), head.header, head.tool)

    def _head(self, commit: str) -> Head:
        name = f"{commit}:{HEAD}"
        text = self._repository.read([name]).get(name)
        if text is None:
            raise DocumentError(f"it has no {HEAD}")
        try:
            return parse_head(text)
        except NewerFormatError as error:
            raise problems.newer(self._meant.place, error.found, FORMAT, error.tool) from error

    def _require_meant(self, head: Head) -> None:
        """Raises StateError for another state, another project's, and for an older one than was seen here."""
        meant, header = self._meant, head.header
        lineage, serial = self._seen()
        if head.folder not in (None, self._repository.folder):
            self._require_moved(head.folder, header.lineage)
        for expected, pinned in ((meant.lineage, True), (lineage or None, False)):
            if expected not in (None, header.lineage):
                raise problems.other_lineage(
                    meant.place, header.lineage, str(expected), pinned=pinned, mark=self._shown_mark(),
                    back=self._way_back(expected, 0, "push --force"),
                )  # fmt: skip
        if header.serial < serial:
            back = self._way_back(header.lineage, serial, "push --force")
            raise problems.rolled_back(meant.place, header.serial, serial, self._shown_mark(), back)

    def _require_moved(self, theirs: str, lineage: str) -> None:
        """Raises StateError unless the project in the folder *theirs* is gone, and the config says that ours was it.

        Else ours is another one: two in one repository may well have one target, and by a copied config one lineage.
        """
        pinned, is_there = self._meant.lineage == lineage, self._repository.holds(f"{theirs}/{CONFIG_NAME}".lstrip("/"))
        if is_there or not pinned:
            raise problems.other_project(self._meant.place, theirs, self._repository.folder, lineage, is_there=is_there)

    def _way_back(self, lineage: str | None, serial: int, push: str) -> str | None:
        """The command that puts back what this clone saw last; None if that is older, or of another lineage."""
        try:
            commit = self._repository.local()
            header = None if commit is None else self._head(commit).header
        except (SieveJobsError, DocumentError):
            return None
        if header is None or header.serial < serial or lineage not in (None, header.lineage):
            return None
        return f"git {push} {self._repository.remote} {self._repository.ref}"

    def _batch(
        self, connection: sqlite3.Connection, changed: dict[str, tuple[str | None, str | None]], head: Head
    ) -> Batch:
        """What differs, as rows. Raises DocumentError."""
        shards = {path: blobs for path, blobs in changed.items() if is_shard(path)}
        contents = self._repository.read(blob for blobs in shards.values() for blob in blobs if blob is not None)
        batch = Batch(decides=True)
        for path, (old, _) in shards.items():
            for key in keys_of(self._content(contents, path, old)):
                (batch.entries if path.startswith("entries/") else batch.past)[key] = None
        for path, (_, new) in shards.items():
            for row in parse_shard(path, self._content(contents, path, new)):
                _put(batch, row)
        batch.intents.update(dict.fromkeys(intent.uuid for intent in read_intents(connection)))
        batch.intents.update({intent.uuid: intent for intent in head.intents})
        return batch

    def _content(self, contents: dict[str, bytes], path: str, blob: str | None) -> bytes:
        if blob is None:
            return b""
        if blob not in contents:
            raise DocumentError(f"{path} is not there")
        return contents[blob]

    def _damaged(self, what: str) -> SieveJobsError:
        return problems.damaged(self._meant.place, what, self._repository.ref, self._repository.remote)


def _lacks(connection: sqlite3.Connection, head: Head) -> str | None:
    """How the rows of the copy are not as many as *head* counts, None where they are: a row too few would run again."""
    return None if head.rows is None else unlike_rows(head.rows, Rows(*count_rows(connection)))


def _put(batch: Batch, row: Entry | PastJob) -> None:
    if isinstance(row, Entry):
        batch.entries[row.name] = row
    else:
        batch.past[row.job_id] = row
