"""Reading a whole SQLite state. Nothing is believed that does not match its checksum.

What an unchanged plan has no rows of is decoded in lookups.py, which is loaded when there are some.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from sieve_jobs.state.loaded import SavedOutputs, State
from sieve_jobs.state.problems import RowError
from sieve_jobs.state.rows import HEADER_COLUMNS, HeaderRow, decoded, header_of, select, verified
from sieve_jobs.state.shards import shard_checksum, unpack, unpack_saved


def read_header(connection: sqlite3.Connection) -> HeaderRow:
    """Raises RowError, as every function here does for rows that are not as they were written."""
    rows = connection.execute(select("header", HEADER_COLUMNS)).fetchall()
    if len(rows) != 1:
        raise RowError("the header is missing")
    return decoded(header_of, verified(rows[0]))


def read_state(connection: sqlite3.Connection) -> State:
    """The whole state as a load gives it. The caller holds one snapshot around it."""
    row = read_header(connection)
    settled = unpack(_read_shards(connection, "settled", row.sums.settled))
    bodies = _read_shards(connection, "saved", row.sums.saved)
    saved = unpack_saved(bodies) if bodies else SavedOutputs()
    if not row.sums.has_unsettled and not _has_unsettled(connection):
        return State(row.header, settled, saved=saved)
    from sieve_jobs.state.lookups import read_unsettled

    return replace(read_unsettled(connection, row, settled), saved=saved)


def _read_shards(connection: sqlite3.Connection, table: str, expected: int) -> list[bytes]:
    rows = connection.execute(f"SELECT shard, body FROM {table}").fetchall()  # noqa: S608 -- our own names
    try:
        total = sum([shard_checksum(shard, body) for shard, body in rows])
    except TypeError as error:
        raise RowError(f"the {table} entries have the wrong type") from error
    if total != expected:
        raise RowError(f"the {table} entries do not match their checksum")
    return [body for _, body in rows]


def _has_unsettled(connection: sqlite3.Connection) -> bool:
    """Whether there is any row that a plan reads whole; checksums that add up to nothing do not say so."""
    queries = (
        "SELECT 1 FROM entries WHERE settled = 0",
        "SELECT 1 FROM intents",
        # By its index; lookups.py says which of them have not ended.
        "SELECT 1 FROM past WHERE status NOT IN ('finished', 'error', 'cancelled')",
    )
    return any(connection.execute(f"{query} LIMIT 1").fetchone() for query in queries)
