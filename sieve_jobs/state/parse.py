"""The documents of state/export.py back to entries, earlier jobs and intents: strictly, as nothing is guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sieve_jobs.spec.jobspec import Tags
from sieve_jobs.spec.save import stays_inside
from sieve_jobs.state.entry import Entry, Intent, PastJob, Saved, SavedFile
from sieve_jobs.wire import Json, Status

T = TypeVar("T")

Document = Mapping[str, Json]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_SHOWN = 60
"""Characters of a value's key path in a message."""


class DocumentError(ValueError):
    """A document that is not one of a state. The text says where and what was expected, and quotes no value."""


def load_json(text: str | bytes) -> Json:
    """The JSON in *text*. Raises DocumentError for what is none, for NaN and infinities, and for nesting bombs."""
    try:
        found: Json = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unlike)
    except DocumentError:
        raise
    except RecursionError as error:
        raise DocumentError("nested too deeply") from error
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise DocumentError(f"not JSON at line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise DocumentError("not JSON: a number out of range") from error
    return found


def parse_entry(value: Json, at: str = "entry", *, draft: bool = False) -> Entry:
    """An entry from its document; with *draft* the entry of an intent, which has no job yet. Raises DocumentError."""
    fields = Fields(value, at)
    entry = Entry(
        name=fields.line("name"), digest=fields.text("digest"), fingerprint=fields.line("fingerprint", empty=True),
        parts=fields.object("parts"), tags=_tags(fields.take("tags"), f"{at}.tags"),
        variables=_booleans(fields.take("variables"), f"{at}.variables"), function=fields.text("function"),
        path=fields.text("path", empty=True), line=fields.number("line"), reason=fields.text("reason", empty=True),
        job_id=fields.text("job_id", empty=draft), run_id=fields.text("run_id", empty=True),
        status=fields.status("status"), pushed_at=fields.time("pushed_at"),
        completed_at=fields.optional("completed_at", fields.time), error=fields.text("error", empty=True),
        commit=fields.optional("commit", fields.text), reported=fields.boolean("reported"),
        orphaned=fields.boolean("orphaned"), lost=fields.boolean("lost"), protect=fields.boolean("protect"),
        save=fields.later("save", fields.inside_or_empty) or "",
        saved=_saved(fields.later("saved", fields.object), f"{at}.saved"),
    )  # fmt: skip
    fields.done()
    return entry


def parse_past(value: Json, at: str = "past") -> PastJob:
    """As parse_entry, for an earlier job."""
    fields = Fields(value, at)
    job = PastJob(
        job_id=fields.text("job_id"), run_id=fields.text("run_id", empty=True), name=fields.line("name"),
        digest=fields.text("digest"), function=fields.text("function"), status=fields.status("status"),
        pushed_at=fields.time("pushed_at"), completed_at=fields.optional("completed_at", fields.time),
        error=fields.text("error", empty=True), tags=_tags(fields.take("tags"), f"{at}.tags"),
        saved=_saved(fields.later("saved", fields.object), f"{at}.saved"),
    )  # fmt: skip
    fields.done()
    return job


def parse_intent(value: Json, at: str = "intent") -> Intent:
    """As parse_entry, for an intent, whose name is its draft's."""
    fields = Fields(value, at)
    name = fields.line("name")
    intent = Intent(
        uuid=fields.text("uuid"), attempt=fields.number("attempt"), at=fields.time("at"),
        server_at=fields.optional("server_at", fields.time), first_at=fields.time("first_at"),
        endpoint=fields.text("endpoint"), organization_id=fields.optional("organization_id", fields.text),
        projection=fields.object("projection"), projection_hash=fields.text("projection_hash"),
        draft=parse_entry(fields.take("draft"), f"{at}.draft", draft=True),
        confirmed_job=fields.optional("confirmed_job", fields.text),
    )  # fmt: skip
    fields.done()
    if name != intent.name:
        raise DocumentError(f"{at}.name: not the name of its draft")
    return intent


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands at the head of a whole state: see loaded.Header."""

    lineage: str
    serial: int
    endpoint: str | None
    organization_id: str | None
    written_at: datetime | None


def parse_facts(fields: Fields) -> Facts:
    """The header's facts out of a larger object."""
    return Facts(
        lineage=fields.line("lineage"), serial=fields.number("serial"),
        endpoint=fields.optional("endpoint", fields.text),
        organization_id=fields.optional("organization_id", fields.text),
        written_at=fields.optional("written_at", fields.time),
    )  # fmt: skip


class Fields:
    """The fields of one object, each taken once; what is left over, or missing, is a mistake."""

    def __init__(self, value: Json, at: str) -> None:
        if not isinstance(value, dict):
            raise DocumentError(f"{at}: expected an object")
        self._left = dict(value)
        self._at = at

    def take(self, key: str) -> Json:
        try:
            return self._left.pop(key)
        except KeyError:
            raise DocumentError(f"{self._at}: '{key}' is missing") from None

    def text(self, key: str, *, empty: bool = False) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not (value or empty):
            raise self._wrong(key, "a text")
        return value

    def line(self, key: str, *, empty: bool = False) -> str:
        """A text that stands on one line of a packed shard."""
        value = self.text(key, empty=empty)
        if "\n" in value:
            raise self._wrong(key, "a text on one line")
        return value

    def inside(self, key: str) -> str:
        """A path of an output, or the pattern of one: files are written there."""
        return self._inside(key, self.line(key))

    def inside_or_empty(self, key: str) -> str:
        """As inside, or nothing."""
        value = self.line(key, empty=True)
        return self._inside(key, value) if value else value

    def number(self, key: str) -> int:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
            raise self._wrong(key, "a whole number")
        return value

    def boolean(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def status(self, key: str) -> Status:
        try:
            return Status(self.text(key))
        except ValueError:
            raise self._wrong(key, "a status of a job") from None

    def time(self, key: str) -> datetime:
        value = self.text(key)
        try:
            if _TIME.fullmatch(value):
                return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise self._wrong(key, "a time such as 2026-11-23T12:00:00.000000Z")

    def object(self, key: str) -> dict[str, Json]:
        value = self.take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, "an object")
        return value

    def rows(self, key: str) -> list[Json]:
        value = self.take(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return value

    def optional(self, key: str, kind: Callable[[str], T]) -> T | None:
        if key in self._left and self._left[key] is None:
            del self._left[key]
            return None
        return kind(key)

    def later(self, key: str, kind: Callable[[str], T]) -> T | None:
        """As optional, of a field that documents of earlier releases do not have."""
        return self.optional(key, kind) if key in self._left else None

    def done(self) -> None:
        for key in self._left:
            raise DocumentError(f"{self._at}: unknown key '{key[:_SHOWN]}'")

    def _inside(self, key: str, value: str) -> str:
        if not stays_inside(value):
            raise self._wrong(key, "a path below the project's root, outside of .git and .sieve-jobs")
        return value

    def _wrong(self, key: str, expected: str) -> DocumentError:
        return DocumentError(f"{self._at}.{key}: expected {expected}")


def _tags(value: Json, at: str) -> Tags:
    fields = Fields(value, at)
    tags = Tags(
        key=fields.text("key", empty=True), env=_texts(fields.take("env"), f"{at}.env"),
        secrets=_texts(fields.take("secrets"), f"{at}.secrets"), webhooks=fields.text("webhooks", empty=True),
    )  # fmt: skip
    fields.done()
    return tags


def _saved(value: dict[str, Json] | None, at: str) -> Saved | None:
    if value is None:
        return None
    fields = Fields(value, at)
    rows = fields.rows("files")
    saved = Saved(
        asked=fields.inside("asked"), place=fields.line("place"), complete=fields.boolean("complete"),
        files=tuple(_saved_file(row, f"{at}.files[{index}]") for index, row in enumerate(rows)),
    )  # fmt: skip
    fields.done()
    return saved


def _saved_file(value: Json, at: str) -> SavedFile:
    fields = Fields(value, at)
    file = SavedFile(fields.inside("path"), fields.number("size"), fields.text("sha256"))
    fields.done()
    return file


def _texts(value: Json, at: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise DocumentError(f"{at}: expected an object")
    found = {key: item for key, item in value.items() if isinstance(item, str)}
    if len(found) != len(value):
        raise DocumentError(f"{at}: expected texts")
    return found


def _booleans(value: Json, at: str) -> dict[str, bool]:
    if not isinstance(value, dict):
        raise DocumentError(f"{at}: expected an object")
    found = {key: item for key, item in value.items() if isinstance(item, bool)}
    if len(found) != len(value):
        raise DocumentError(f"{at}: expected true or false")
    return found


def _unlike(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("a key stands twice in one object")
    return found


def _no_constant(_: str) -> Json:
    raise ValueError("not a number of JSON")
