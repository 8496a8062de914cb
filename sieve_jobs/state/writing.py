"""Applying a batch to the tables of a SQLite state, inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sieve_jobs.state.batch import (
    Batch,
    ended,
    entry_with,
    job_with,
    keep_end_of_entry,
    keep_end_of_job,
)
from sieve_jobs.state.entry import Entry, Intent, PastJob, Saved
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.lookups import entries_by, past_by, read_saved_shard, read_shard
from sieve_jobs.state.records import (
    ENTRY_COLUMNS,
    INTENT_COLUMNS,
    PAST_COLUMNS,
    entry_row,
    intent_row,
    is_settled,
    past_row,
)
from sieve_jobs.state.rows import HEADER_COLUMNS, HeaderRow, Sums, header_row, sealed
from sieve_jobs.state.shards import pack, pack_saved, shard_checksum, shard_of
from sieve_jobs.state.writes import Learned


def _insert(table: str, *columns: str, verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


_PUT_HEADER = _insert("header", "id", *HEADER_COLUMNS, "checksum", verb="INSERT OR REPLACE")
_PUT_ENTRY = _insert("entries", *ENTRY_COLUMNS, "checksum", "settled")
_PUT_PAST = _insert("past", *PAST_COLUMNS, "checksum")
_PUT_INTENT = _insert("intents", *INTENT_COLUMNS, "checksum")


def put_header(connection: sqlite3.Connection, row: HeaderRow) -> None:
    """Inserts or replaces the one header row."""
    values, _ = sealed(header_row(row))
    connection.execute(_PUT_HEADER, (1, *values))


def apply_batch(connection: sqlite3.Connection, row: HeaderRow, batch: Batch, now: datetime, tool: str) -> HeaderRow:
    """Writes *batch* and a new header; returns that header, or *row* itself if there was nothing to write.

    What was learned of jobs alone leaves the serial: it changes no decision that rests on it.
    """
    change = _Change(connection, row.sums)
    if batch.restore is not None:
        change.empty()
    change.replace_rows(batch)
    for said in batch.learned:
        change.say(said)
    if not batch.decides and not change.touched:
        return row
    after = HeaderRow(_header(row.header, batch, now), tool, change.finish())
    put_header(connection, after)
    return after


def mirror(connection: sqlite3.Connection, row: HeaderRow, batch: Batch, header: Header, tool: str) -> None:
    """Makes rows and header those of another state: *batch* is what differs, taken as it is."""
    change = _Change(connection, row.sums)
    change.replace_rows(batch, keep_ends=False)
    put_header(connection, HeaderRow(header, tool, change.finish()))


def _header(before: Header, batch: Batch, now: datetime) -> Header:
    if batch.restore is not None:
        serial = max(before.serial, batch.restore.serial)
        before = Header(lineage=batch.restore.lineage, serial=serial)
    return replace(
        before,
        serial=before.serial + 1 if batch.decides else before.serial,
        endpoint=batch.endpoint if batch.endpoint is not None else before.endpoint,
        organization_id=batch.organization_id if batch.organization_id is not None else before.organization_id,
        written_at=now,
    )


class _Change:
    """One transaction's changes to rows, with the sums and shards that follow from them."""

    def __init__(self, connection: sqlite3.Connection, sums: Sums) -> None:
        self._connection = connection
        self._sums = sums
        self._settled: dict[str, str | None] = {}
        self._saved: dict[str, Saved | None] = {}
        self.touched = False

    def empty(self) -> None:
        """Takes every row."""
        for table in ("entries", "settled", "saved", "past", "intents"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 -- our own names
        self._sums = Sums()

    def replace_rows(self, batch: Batch, *, keep_ends: bool = True) -> None:
        """Takes every row the batch names, then puts what shall be there: names may swap jobs in one commit."""
        if not batch.decides:
            return
        entries = self._take_entries(batch.entries)
        past = self._take_past(batch.past)
        self._take_intents(batch.intents)
        before = ended(entries, past) if keep_ends else {}
        for entry in batch.entries.values():
            if entry is not None:
                self._put_entry(keep_end_of_entry(entry, before))
        for job in batch.past.values():
            if job is not None:
                self._put_past(keep_end_of_job(job, before))
        for intent in batch.intents.values():
            if intent is not None:
                self._put_intent(intent)

    def say(self, said: Learned) -> None:
        """Records what was learned of a job where the job is known; a status only of one that has not ended."""
        for entry, _ in list(entries_by(self._connection, "job_id", [said.job_id])):
            if (changed := entry_with(entry, said)) is not entry:
                self._take_entries([entry.name])
                self._put_entry(changed)
                self.touched = True
        for job, _ in list(past_by(self._connection, "job_id", [said.job_id])):
            if (later := job_with(job, said)) is not job:
                self._take_past([job.job_id])
                self._put_past(later)
                self.touched = True

    def finish(self) -> Sums:
        """Writes the shards and returns the sums as they now are."""
        shards: dict[int, dict[str, str | None]] = {}
        for name, fingerprint in self._settled.items():
            shards.setdefault(shard_of(name), {})[name] = fingerprint
        for shard, changes in shards.items():
            self._write_shard(shard, changes)
        saved: dict[int, dict[str, Saved | None]] = {}
        for name, kept in self._saved.items():
            saved.setdefault(shard_of(name), {})[name] = kept
        for shard, files in saved.items():
            self._write_saved(shard, files)
        return self._sums

    def _write_shard(self, shard: int, changes: dict[str, str | None]) -> None:
        entries, old = read_shard(self._connection, shard)
        for name, fingerprint in changes.items():
            if fingerprint is None:
                entries.pop(name, None)
            else:
                entries[name] = fingerprint
        new = 0
        if entries:
            body = pack(entries)
            new = shard_checksum(shard, body)
            self._connection.execute("INSERT OR REPLACE INTO settled VALUES (?, ?, ?)", (shard, body, new))
        else:
            self._connection.execute("DELETE FROM settled WHERE shard = ?", (shard,))
        self._add(settled=new - old)

    def _write_saved(self, shard: int, changes: dict[str, Saved | None]) -> None:
        entries, old = read_saved_shard(self._connection, shard)
        for name, saved in changes.items():
            entries.pop(name, None)
            if saved is not None:
                entries[name] = [(file.path, saved.place) for file in saved.files]
        new = 0
        if any(entries.values()):
            body = pack_saved(entries)
            new = shard_checksum(shard, body)
            self._connection.execute("INSERT OR REPLACE INTO saved VALUES (?, ?, ?)", (shard, body, new))
        else:
            self._connection.execute("DELETE FROM saved WHERE shard = ?", (shard,))
        self._add(saved=new - old)

    def _take_entries(self, names: Iterable[str]) -> list[Entry]:
        found = list(entries_by(self._connection, "name", names))
        for entry, written in found:
            if is_settled(entry):
                self._settled[entry.name] = None
                if entry.save:
                    self._saved[entry.name] = None
            else:
                self._add(open=-written)
            self._connection.execute("DELETE FROM entries WHERE name = ?", (entry.name,))
        return [entry for entry, _ in found]

    def _put_entry(self, entry: Entry) -> None:
        values, written = sealed(entry_row(entry))
        settled = is_settled(entry)
        if settled:
            self._settled[entry.name] = entry.fingerprint
            if entry.save:
                self._saved[entry.name] = entry.saved
        else:
            self._add(open=written)
        self._connection.execute(_PUT_ENTRY, (*values, int(settled)))

    def _take_past(self, job_ids: Iterable[str]) -> list[PastJob]:
        found = list(past_by(self._connection, "job_id", job_ids))
        for job, written in found:
            if not job.status.is_final:
                self._add(superseded=-written)
            self._connection.execute("DELETE FROM past WHERE job_id = ?", (job.job_id,))
        return [job for job, _ in found]

    def _put_past(self, job: PastJob) -> None:
        values, written = sealed(past_row(job))
        if not job.status.is_final:
            self._add(superseded=written)
        self._connection.execute(_PUT_PAST, values)

    def _take_intents(self, uuids: Iterable[str]) -> None:
        """What goes need not be decoded: its checksum leaves the sum, as the row leaves the table."""
        for uuid in uuids:
            row = self._connection.execute("SELECT checksum FROM intents WHERE uuid = ?", (uuid,)).fetchone()
            if row is not None:
                self._add(intents=-row[0])
                self._connection.execute("DELETE FROM intents WHERE uuid = ?", (uuid,))

    def _put_intent(self, intent: Intent) -> None:
        values, written = sealed(intent_row(intent))
        self._add(intents=written)
        self._connection.execute(_PUT_INTENT, values)

    def _add(self, *, settled: int = 0, open: int = 0, superseded: int = 0, intents: int = 0, saved: int = 0) -> None:
        sums = self._sums
        self._sums = Sums(
            sums.settled + settled, sums.open + open, sums.superseded + superseded, sums.intents + intents,
            sums.saved + saved,
        )  # fmt: skip
