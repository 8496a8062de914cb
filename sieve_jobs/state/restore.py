"""An exported state read back: every row checked, then all of it as the writes of one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sieve_jobs.state.entry import Entry, Intent, PastJob
from sieve_jobs.state.export import FORMAT_VERSION
from sieve_jobs.state.parse import (
    DocumentError,
    Facts,
    Fields,
    load_json,
    parse_entry,
    parse_facts,
    parse_intent,
    parse_past,
)
from sieve_jobs.state.snapshot import require_unlike
from sieve_jobs.state.writes import Pin, PutEntry, PutIntent, PutPast, Restore, Write


@dataclass(frozen=True, slots=True)
class Exported:
    """A whole state, as `state export` gives it."""

    facts: Facts
    entries: tuple[Entry, ...]
    past: tuple[PastJob, ...]
    intents: tuple[Intent, ...]


def parse_export(text: bytes) -> Exported:
    """The state in *text*. Raises DocumentError with the first thing that is not as it should be."""
    fields = Fields(load_json(text), "export")
    version = fields.text("format_version")
    if version != FORMAT_VERSION:
        raise DocumentError(
            f"export.format_version: '{version[:20]}' is not {FORMAT_VERSION}, which this version reads"
        )
    exported = Exported(
        facts=parse_facts(fields),
        entries=tuple(parse_entry(row, f"entries[{i}]") for i, row in enumerate(fields.rows("entries"))),
        past=tuple(parse_past(row, f"past[{i}]") for i, row in enumerate(fields.rows("past"))),
        intents=tuple(parse_intent(row, f"intents[{i}]") for i, row in enumerate(fields.rows("intents"))),
    )
    fields.done()
    require_unlike((entry.name for entry in exported.entries), "entries", "name")
    require_unlike((entry.job_id for entry in exported.entries), "entries", "job_id")
    require_unlike((job.job_id for job in exported.past), "past", "job_id")
    require_unlike((intent.uuid for intent in exported.intents), "intents", "uuid")
    return exported


def restoring(exported: Exported) -> Sequence[Write]:
    """The writes that make a state of it, in place of what was there."""
    facts = exported.facts
    return [
        Restore(facts.lineage, facts.serial),
        Pin(facts.endpoint, facts.organization_id),
        *(PutEntry(entry) for entry in exported.entries),
        *(PutPast(job) for job in exported.past),
        *(PutIntent(intent) for intent in exported.intents),
    ]
