"""A state as loaded: its header, and its entries split into those that are settled and those that are not.

Loaded by every plan, so it brings none of the types that a plan over an unchanged tree has no rows of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sieve_jobs.state.entry import Entry, Intent, PastJob


@dataclass(frozen=True, slots=True)
class Header:
    """Facts of a state as a whole."""

    lineage: str
    """Random, made with the state: two states with unlike lineages are unlike states."""
    serial: int
    """Rises by one a commit."""
    endpoint: str | None = None
    """Pinned by the first push."""
    organization_id: str | None = None
    """Pinned by the first push; a key of another organisation is refused."""
    written_at: datetime | None = None
    """Time of the last commit: how old this knowledge is."""


class SavedOutputs(NamedTuple):
    """Every output that a settled entry saved, as columns of one length: 10,000 of them cost a millisecond."""

    paths: Sequence[str] = ()
    """From the project's root."""
    places: Sequence[str] = ()
    """Id of the project folder that has it."""
    names: Sequence[str] = ()
    """Of the entry."""


@dataclass(frozen=True, slots=True)
class State:
    """A state as loaded. Split so that an unchanged plan reads two short columns of nearly all rows."""

    header: Header
    settled: Mapping[str, str] = field(default_factory=dict)
    """name to fingerprint of every entry whose job finished and whose spec was there at the last run."""
    open: Mapping[str, Entry] = field(default_factory=dict)
    """Every other entry, whole: running, ended badly, lost, orphaned."""
    intents: tuple[Intent, ...] = ()
    superseded: tuple[PastJob, ...] = ()
    """Earlier jobs that were not known to have ended: they are followed too."""
    saved: SavedOutputs = field(default_factory=SavedOutputs)
    """Of the settled entries: whether they still lie there is for the disk to say."""

    @property
    def is_empty(self) -> bool:
        return not (self.settled or self.open or self.intents)
