"""A state as a tree of small files: `head.json`, and shards by name hash with one entry a line. Pure.

A change of one entry changes one shard and the head, so that little travels: 100,000 entries make shards of a
hundred lines. Files are canonical: the same state gives the same bytes wherever it is written, but for the head,
which carries a nonce.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sieve_jobs.state.entry import Entry, Intent, PastJob
from sieve_jobs.state.export import entry_document, intent_document, past_document, time_text
from sieve_jobs.state.lease import Lease, lease_document, parse_lease
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.parse import DocumentError, Fields, load_json, parse_entry, parse_facts, parse_intent, parse_past
from sieve_jobs.state.shards import shard_of
from sieve_jobs.wire import Json

T = TypeVar("T", Entry, PastJob)

FORMAT = 3
"""Raised by what an older version would read wrongly, or not at all.

Rows of format 1 do not say what was saved; heads before format 3 neither count the rows nor name the project.
"""
HEAD = "head.json"
_SHARD = re.compile(r"(entries|past)/([0-9a-f]{2})/([0-9a-f]{3})\.jsonl")


class NewerFormatError(DocumentError):
    """Written by a version that knows more. *tool* is that version."""

    def __init__(self, found: int, tool: str) -> None:
        super().__init__(f"format {found}")
        self.found = found
        self.tool = tool


@dataclass(frozen=True, slots=True)
class Rows:
    """How many there are: files that are not found where they should be show by it."""

    entries: int = 0
    past: int = 0

    def __add__(self, other: Rows) -> Rows:
        return Rows(self.entries + other.entries, self.past + other.past)

    def __sub__(self, other: Rows) -> Rows:
        return Rows(self.entries - other.entries, self.past - other.past)


@dataclass(frozen=True, slots=True)
class Head:
    """What is swapped as one: the header, the lease, and pushes that were not answered."""

    header: Header
    tool: str
    """Version of sieve-jobs that wrote it."""
    fence: int = 0
    """Rises with each holder of the lease."""
    nonce: str = ""
    """Random: two writers never write the same bytes, so that only one of them can have won."""
    depth: int = 0
    """Commits up to this one since history was last cut."""
    lease: Lease | None = None
    intents: tuple[Intent, ...] = ()
    rows: Rows | None = None
    """None where an earlier version wrote it, which did not count."""
    folder: str | None = None
    """Of the project that it belongs to, from the repository's top; None where an earlier version wrote it."""


def head_text(head: Head) -> bytes:
    header = head.header
    return _text(
        {
            "format": FORMAT,
            "tool": head.tool,
            "lineage": header.lineage,
            "serial": header.serial,
            "endpoint": header.endpoint,
            "organization_id": header.organization_id,
            "written_at": time_text(header.written_at),
            "fence": head.fence,
            "nonce": head.nonce,
            "depth": head.depth,
            "lease": None if head.lease is None else lease_document(head.lease),
            "intents": [intent_document(intent) for intent in head.intents],
            "folder": head.folder,
            "rows": None if head.rows is None else {"entries": head.rows.entries, "past": head.rows.past},
        },
        indent=1,
    )


def parse_head(text: bytes) -> Head:
    """Raises DocumentError, NewerFormatError for one of a later version, of which nothing else is looked at."""
    value = load_json(text)
    fields = Fields(value, HEAD)
    found, tool = fields.number("format"), fields.text("tool", empty=True)
    if found > FORMAT:
        raise NewerFormatError(found, tool)
    if found < 1:
        raise DocumentError(f"{HEAD}.format: expected a number from 1")
    facts = parse_facts(fields)
    lease, rows = fields.take("lease"), fields.later("rows", fields.object)
    head = Head(
        header=Header(facts.lineage, facts.serial, facts.endpoint, facts.organization_id, facts.written_at),
        tool=tool, fence=fields.number("fence"), nonce=fields.text("nonce"), depth=fields.number("depth"),
        lease=None if lease is None else parse_lease(lease),
        intents=tuple(parse_intent(item, f"intents[{i}]") for i, item in enumerate(fields.rows("intents"))),
        rows=None if rows is None else _rows(rows),
        folder=fields.later("folder", lambda key: fields.text(key, empty=True)),
    )  # fmt: skip
    fields.done()
    require_unlike((intent.uuid for intent in head.intents), "intents", "uuid")
    return head


def entry_path(name: str) -> str:
    return _path("entries", name)


def past_path(job_id: str) -> str:
    return _path("past", job_id)


def is_shard(path: str) -> bool:
    """Whether *path* is a shard of this format; what else lies in a snapshot is damage."""
    match = _SHARD.fullmatch(path)
    return match is not None and int(match[2], 16) == int(match[3], 16) >> 5


def edited(text: bytes, changes: Mapping[str, Entry | PastJob | None]) -> bytes:
    """The shard *text* with what *changes* says of its keys; empty if nothing is left. Raises DocumentError."""
    lines = dict(_lines(text))
    for key, row in changes.items():
        if row is None:
            lines.pop(key, None)
        else:
            lines[key] = _text(entry_document(row) if isinstance(row, Entry) else past_document(row))
    return b"".join(lines[key] for key in sorted(lines))


def parse_shard(path: str, text: bytes) -> Iterable[Entry | PastJob]:
    """The rows of the shard at *path*. Raises DocumentError for what does not belong there."""
    rows: list[Entry | PastJob] = []
    keys: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        value, at = load_json(line), f"{path}:{number}"
        row: Entry | PastJob = parse_entry(value, at) if path.startswith("entries/") else parse_past(value, at)
        key = row.name if isinstance(row, Entry) else row.job_id
        if (entry_path(key) if isinstance(row, Entry) else past_path(key)) != path:
            raise DocumentError(f"{at}: belongs to another shard")
        rows.append(row)
        keys.append(key)
    if any(a >= b for a, b in itertools.pairwise(keys)):
        raise DocumentError(f"{path}: not in order")
    return rows


def keys_of(text: bytes) -> list[str]:
    """The keys of a shard's rows, without a look at the rest."""
    return [key for key, _ in _lines(text)]


def rows_in(shards: Mapping[str, bytes]) -> Rows:
    """The rows of *shards*, text by path, without a look at what they say."""
    lines = {path: text.count(b"\n") for path, text in shards.items()}
    entries = sum(count for path, count in lines.items() if path.startswith("entries/"))
    return Rows(entries, sum(lines.values()) - entries)


def unlike_rows(counted: Rows, found: Rows) -> str | None:
    """How *found* is not what a head *counted*, None where it is."""
    if counted == found:
        return None
    told = (f"{rows.entries} and {rows.past}" for rows in (counted, found))
    return "its head counts entries and earlier jobs as {}, its files hold {}".format(*told)


def require_unlike(keys: Iterable[str], what: str, field: str) -> None:
    """Raises DocumentError where two are equal."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise DocumentError(f"{what}: two have the same {field}")
        seen.add(key)


def _rows(value: Json) -> Rows:
    fields = Fields(value, f"{HEAD}.rows")
    rows = Rows(entries=fields.number("entries"), past=fields.number("past"))
    fields.done()
    return rows


def _path(kind: str, key: str) -> str:
    shard = shard_of(key)
    return f"{kind}/{shard >> 5:02x}/{shard:03x}.jsonl"


def _lines(text: bytes) -> Iterable[tuple[str, bytes]]:
    for line in text.splitlines(keepends=True):
        value = load_json(line)
        key = (value.get("name") if "fingerprint" in value else value.get("job_id")) if isinstance(value, dict) else 0
        if not isinstance(key, str):
            raise DocumentError("a line of a shard is none")
        yield key, line


def _text(document: Mapping[str, Json], *, indent: int | None = None) -> bytes:
    separators = (",", ":") if indent is None else (",", ": ")
    return f"{json.dumps(document, sort_keys=True, separators=separators, indent=indent)}\n".encode()
