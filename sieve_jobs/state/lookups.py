"""Reading rows of a SQLite state: by key, and those entries, intents and earlier jobs that a load reads whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from sieve_jobs.state.entry import Entry, Intent, PastJob
from sieve_jobs.state.loaded import State
from sieve_jobs.state.problems import RowError
from sieve_jobs.state.records import (
    ENTRY_COLUMNS,
    INTENT_COLUMNS,
    PAST_COLUMNS,
    entry_of,
    intent_of,
    past_of,
)
from sieve_jobs.state.rows import HeaderRow, Row, decoded, select, verified
from sieve_jobs.state.shards import shard_checksum, shard_of, unpack, unpack_saved
from sieve_jobs.wire import FINAL

T = TypeVar("T")

_CHUNK = 500
"""Values in one IN list; SQLite before 3.32 takes at most 999."""

ENDED = ", ".join(f"'{status.value}'" for status in sorted(FINAL))
"""The final statuses as an SQL list."""


def read_unsettled(connection: sqlite3.Connection, row: HeaderRow, settled: Mapping[str, str]) -> State:
    """The state of *row* and *settled*, with all else that a load reads. Raises RowError, as all here."""
    opened = [entry for entry, _ in _checked(_open_entries(connection), row.sums.open, entry_of)]
    superseded = _checked(_superseded(connection), row.sums.superseded, past_of)
    intents = _checked(_intents(connection), row.sums.intents, intent_of)
    return State(
        header=row.header,
        settled=settled,
        open={entry.name: entry for entry in opened},
        intents=tuple(sorted((intent for intent, _ in intents), key=lambda intent: (intent.first_at, intent.uuid))),
        superseded=tuple(job for job, _ in superseded),
    )


def entries_by(connection: sqlite3.Connection, column: str, keys: Iterable[str]) -> Iterator[tuple[Entry, int]]:
    """Entries whose *column* (name or job_id) is one of *keys*, each with its row's checksum."""
    return _rows_by(connection, "entries", ENTRY_COLUMNS, (column, keys), entry_of)


def past_by(connection: sqlite3.Connection, column: str, keys: Iterable[str]) -> Iterator[tuple[PastJob, int]]:
    """Earlier jobs whose *column* (job_id, digest or name) is one of *keys*, each with its row's checksum."""
    return _rows_by(connection, "past", PAST_COLUMNS, (column, keys), past_of)


def read_history(connection: sqlite3.Connection) -> list[PastJob]:
    """All earlier jobs, newest first."""
    rows = connection.execute(select("past", PAST_COLUMNS))
    return newest_first(decoded(past_of, verified(values)) for values in rows)


def read_intents(connection: sqlite3.Connection) -> list[Intent]:
    """All intents, in order of their first attempt."""
    found = [decoded(intent_of, verified(values)) for values in _intents(connection)]
    return sorted(found, key=lambda intent: (intent.first_at, intent.uuid))


def count_rows(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many entries and earlier jobs there are."""
    found = connection.execute("SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM past)").fetchone()
    entries, past = map(int, found)
    return entries, past


def newest_first(jobs: Iterable[PastJob]) -> list[PastJob]:
    return sorted(jobs, key=lambda job: (job.pushed_at, job.job_id), reverse=True)


def read_shard(connection: sqlite3.Connection, shard: int) -> tuple[dict[str, str], int]:
    """Name to fingerprint in one shard, and its checksum; nothing and 0 for one that is not there."""
    found = _shard(connection, "settled", shard)
    return ({}, 0) if found is None else (unpack([found[0]]), found[1])


def read_saved_shard(connection: sqlite3.Connection, shard: int) -> tuple[dict[str, list[tuple[str, str]]], int]:
    """Name to the paths and places of what it saved, and the shard's checksum; nothing and 0 for one not there."""
    found = _shard(connection, "saved", shard)
    if found is None:
        return {}, 0
    entries: dict[str, list[tuple[str, str]]] = {}
    for path, place, name in zip(*unpack_saved([found[0]]), strict=True):
        entries.setdefault(name, []).append((path, place))
    return entries, found[1]


def _shard(connection: sqlite3.Connection, table: str, shard: int) -> tuple[bytes, int] | None:
    query = f"SELECT body, checksum FROM {table} WHERE shard = ?"  # noqa: S608 -- our own names
    found = connection.execute(query, (shard,)).fetchone()
    if found is None:
        return None
    body, checksum = found
    if not isinstance(body, bytes) or shard_checksum(shard, body) != checksum:
        raise RowError(f"the {table} entries do not match their checksum")
    return body, checksum


def require_absent(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Raises RowError if the settled entries hold one of *names*, for which there is no row."""
    for name in names:
        if name in read_shard(connection, shard_of(name))[0]:
            raise RowError("an entry is missing")


def _open_entries(connection: sqlite3.Connection) -> sqlite3.Cursor:
    return connection.execute(f"{select('entries', ENTRY_COLUMNS)} WHERE settled = 0")


def _superseded(connection: sqlite3.Connection) -> sqlite3.Cursor:
    return connection.execute(f"{select('past', PAST_COLUMNS)} WHERE status NOT IN ({ENDED}) ORDER BY job_id")


def _intents(connection: sqlite3.Connection) -> sqlite3.Cursor:
    return connection.execute(select("intents", INTENT_COLUMNS))


def _checked(rows: sqlite3.Cursor, expected: int, decode: Callable[[Row], T]) -> list[tuple[T, int]]:
    """Decoded rows with their checksums, which must add up to *expected*."""
    found = [(decoded(decode, verified(values)), int(values[-1])) for values in rows]
    if sum(checksum for _, checksum in found) != expected:
        raise RowError("rows are missing")
    return found


def _rows_by(
    connection: sqlite3.Connection,
    table: str,
    columns: Sequence[str],
    by: tuple[str, Iterable[str]],
    decode: Callable[[Row], T],
) -> Iterator[tuple[T, int]]:
    column, keys = by
    for chunk in _chunks(keys):
        for values in connection.execute(select(table, columns, column, len(chunk)), chunk).fetchall():
            yield decoded(decode, verified(values)), int(values[-1])


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(dict.fromkeys(keys))
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
