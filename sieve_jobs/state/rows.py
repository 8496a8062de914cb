"""Rows of values, each with a checksum, as SQLite holds them, and the header as one.

A checksum finds what a disk or a careless copy did to a row; it is no defence against someone who means it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias, TypeVar

from sieve_jobs.state.loaded import Header
from sieve_jobs.state.problems import RowError
from sieve_jobs.wire import format_time, parse_time

T = TypeVar("T")

Value: TypeAlias = "str | int | None"
Row: TypeAlias = tuple[Value, ...]
Stored: TypeAlias = "str | int | bytes | None"
"""As SQLite holds it: text with lone surrogates (a path that is not UTF-8) is a blob, since SQLite's text is UTF-8."""

HEADER_COLUMNS = (
    "lineage", "serial", "endpoint", "organization_id", "written_at", "tool",
    "settled_sum", "open_sum", "superseded_sum", "intents_sum",
    "saved_sum",
)  # fmt: skip


class Sums(NamedTuple):
    """Checksums added up over the rows that every load reads: a row that is missing or doubled shows."""

    settled: int = 0
    """Over the shards of the settled entries."""
    open: int = 0
    """Over the entries that are not settled."""
    superseded: int = 0
    """Over the earlier jobs that have not ended."""
    intents: int = 0
    saved: int = 0
    """Over the shards of what settled entries saved."""

    @property
    def has_unsettled(self) -> bool:
        """Whether a load reads rows of entries, earlier jobs or intents; sums that come to nothing do not say so."""
        return bool(self.open or self.superseded or self.intents)


class HeaderRow(NamedTuple):
    """The header as stored: what people know of it, and what the store needs to trust its rows."""

    header: Header
    tool: str
    """Version of sieve-jobs that wrote last; stays readable in every schema version."""
    sums: Sums


def header_row(row: HeaderRow) -> Row:
    header = row.header
    return (
        header.lineage, header.serial, header.endpoint, header.organization_id,
        formatted(header.written_at), row.tool, *row.sums,
    )  # fmt: skip


def header_of(row: Sequence[Value]) -> HeaderRow:
    """The header of a row whose checksum was right. Raises ValueError or TypeError for what is none."""
    lineage, serial, endpoint, organization, written_at, tool, *sums = row
    header = Header(
        lineage=text(lineage), serial=number(serial), endpoint=optional(endpoint),
        organization_id=optional(organization), written_at=time_of(written_at),
    )  # fmt: skip
    return HeaderRow(header, text(tool), Sums(*map(number, sums)))


def checksum(row: Row) -> int:
    """CRC-32 over all values of a row."""
    return zlib.crc32(_joined(row).encode(errors="surrogatepass"))


def sealed(row: Row) -> tuple[tuple[Stored, ...], int]:
    """`stored(row)` with the row's checksum at its end, and that checksum."""
    joined = _joined(row)
    written = zlib.crc32(joined.encode(errors="surrogatepass"))
    # Nearly all rows are ASCII: what holds of the text as a whole need not be asked of each value.
    return (*(row if joined.isascii() else stored(row)), written), written


def stored(row: Row) -> tuple[Stored, ...]:
    """A row as SQLite takes it."""
    return tuple([_store(value) for value in row])


def restored(values: Iterable[Stored]) -> Row:
    """A row as it was given to `stored`. Raises RowError for what no row holds."""
    return tuple([_restore(value) for value in values])


def verified(values: Sequence[Stored]) -> Row:
    """A row read together with its checksum as last value, without it. Raises RowError if it is not as written."""
    row = restored(values[:-1])
    if values[-1] != checksum(row):
        raise RowError("a row does not match its checksum")
    return row


def select(table: str, columns: Sequence[str], key: str = "", count: int = 0) -> str:
    """A query for *columns* and the checksum behind them; with *key*, of rows where it is one of *count* values."""
    where = f" WHERE {key} IN ({', '.join('?' * count)})" if key else ""
    return f"SELECT {', '.join(columns)}, checksum FROM {table}{where}"  # noqa: S608 -- our own names, bound values


def decoded(decode: Callable[[Row], T], row: Row) -> T:
    """What *decode* makes of *row*. Raises RowError where it cannot."""
    try:
        return decode(row)
    except (ValueError, KeyError, TypeError) as error:
        raise RowError("a row is not readable") from error


def _joined(row: Row) -> str:
    return "\x1f".join(["\x00" if value is None else str(value) for value in row])


def _store(value: Value) -> Stored:
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode(errors="surrogatepass")
    return value


def _restore(value: Stored) -> Value:
    if isinstance(value, bytes):
        try:
            return value.decode(errors="surrogatepass")
        except UnicodeDecodeError as error:
            raise RowError("a text is not readable") from error
    if isinstance(value, float):
        raise RowError("a number has the wrong type")
    return value


def text(value: object) -> str:
    """*value*, which must be a text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def optional(value: object) -> str | None:
    return None if value is None else text(value)


def number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("not a number")
    return value


def formatted(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)


def time_of(value: object) -> datetime | None:
    return None if value is None else parse_time(text(value))
