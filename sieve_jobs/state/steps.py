"""The steps of migration, each as its release wrote it: from then on it stays as it is.

They know rows as those releases had them, and nothing of today's. What is damaged stays so: a row gets a new checksum
only if the one it had was right.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence

from sieve_jobs.state.problems import RowError

SAVED = """CREATE TABLE saved (
      shard INTEGER PRIMARY KEY,
      body BLOB NOT NULL,
      checksum INTEGER NOT NULL
    )"""

_HEADER = (
    "lineage", "serial", "endpoint", "organization_id", "written_at", "tool", "settled_sum", "open_sum",
    "superseded_sum", "intents_sum",
)  # fmt: skip
_ENTRIES = (
    "name", "digest", "fingerprint", "parts", "tags", "variables", "function", "path", "line", "reason", "job_id",
    "run_id", "status", "pushed_at", "completed_at", "error", "git_commit", "reported", "orphaned", "lost", "protect",
)  # fmt: skip
_PAST = (
    "job_id", "run_id", "name", "digest", "function", "status", "pushed_at", "completed_at", "error", "tags",
)  # fmt: skip
_INTENTS = (
    "uuid", "name", "attempt", "at", "server_at", "first_at", "endpoint", "organization_id", "projection",
    "projection_hash", "draft", "confirmed_job",
)  # fmt: skip
_DRAFT = _INTENTS.index("draft")


def outputs_are_saved(connection: sqlite3.Connection) -> None:
    """From 1 to 2: entries say where outputs go (`save`), entries and earlier jobs what was saved; nothing so far.

    A checksum covers its whole row, so each is made anew, and the sums over them too.
    """
    before = connection.execute("SELECT open_sum, superseded_sum, intents_sum FROM header").fetchone()
    sums = [
        _rewritten(connection, "entries", _ENTRIES, "settled = 0", ("", None)),
        _rewritten(connection, "past", _PAST, "status NOT IN ('finished', 'error', 'cancelled')", (None,)),
        _rewritten(connection, "intents", _INTENTS, "1", ()),
    ]
    _rewritten(connection, "header", _HEADER, "0", ())  # for its check alone
    if tuple(old for old, _ in sums) != before:
        raise RowError("rows are missing")
    connection.execute(SAVED)
    connection.execute("ALTER TABLE entries ADD COLUMN save TEXT NOT NULL DEFAULT ''")
    connection.execute("ALTER TABLE entries ADD COLUMN saved TEXT")
    connection.execute("ALTER TABLE past ADD COLUMN saved TEXT")
    connection.execute("ALTER TABLE header ADD COLUMN saved_sum INTEGER NOT NULL DEFAULT 0")
    connection.execute("UPDATE header SET open_sum = ?, superseded_sum = ?, intents_sum = ?", [new for _, new in sums])
    row = connection.execute(f"SELECT {', '.join(_HEADER)} FROM header").fetchone()  # noqa: S608 -- our own names
    connection.execute("UPDATE header SET checksum = ?", (_checksum((*row, 0)),))


def _rewritten(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], counts: str, more: Sequence[str | None]
) -> tuple[int, int]:
    """Gives every row of *table* the checksum it has with the values *more* behind *columns*.

    Returns the sums of the old checksums and of the new ones, over the rows that *counts* is true of.
    """
    query = f"SELECT rowid, {counts}, checksum, {', '.join(columns)} FROM {table}"  # noqa: S608 -- our own names
    old = new = 0
    for rowid, is_counted, checksum, *values in connection.execute(query).fetchall():
        if _checksum(values) != checksum:
            raise RowError("a row does not match its checksum")
        if table == "intents":
            # Its draft is an entry as JSON.
            draft = json.loads(values[_DRAFT]) | {"save": "", "saved": None}
            values[_DRAFT] = json.dumps(draft, separators=(",", ":"))
            connection.execute("UPDATE intents SET draft = ? WHERE rowid = ?", (values[_DRAFT], rowid))
        after = _checksum((*values, *more))
        connection.execute(f"UPDATE {table} SET checksum = ? WHERE rowid = ?", (after, rowid))  # noqa: S608 -- our own names
        if is_counted:
            old, new = old + checksum, new + after
    return old, new


def _checksum(row: Sequence[object]) -> int:
    """CRC-32 over the values of a row; text that is not UTF-8 lies there as bytes."""
    texts = (value.decode(errors="surrogatepass") if isinstance(value, bytes) else value for value in row)
    joined = "\x1f".join(["\x00" if value is None else str(value) for value in texts])
    return zlib.crc32(joined.encode(errors="surrogatepass"))
