"""What of the engine's data may go, decided from facts about it: pure.

A job goes when it ended before a time, nobody is owed news of it and nothing that is open needs it. Jobs of one family
go from the top: a job stays as long as the one that pushed it, so that what is shown of that one stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from urllib.parse import unquote

KEEP = 7 * 86_400.0
"""Seconds for which what has ended is kept where nobody says."""
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""The form of the ids of jobs and files."""
_PIECE = 1 << 18
"""Characters of a text that are looked at in one go: what a regular expression does holds up all threads."""
_OVERLAP = 36 * 3
"""The longest form of an id: every character of it percent-encoded."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job at its end, with what speaks for keeping it."""

    seq: int
    id: str
    parent: str | None
    """The job that pushed it, if that is still there."""
    has_open_child: bool


def ids_in(text: str) -> Iterator[str]:
    """Every id that *text* holds: in a file's URL, as it is or percent-encoded, in a path, or by itself."""
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE + _OVERLAP]
        yield from ID.findall(unquote(piece) if "%" in piece else piece)


def doomed(jobs: Iterable[Ended], needed: Set[str], gone: Set[str]) -> list[Ended]:
    """Those of *jobs*, oldest first, that may go.

    *needed* are ids that open jobs name, *gone* jobs that go before these: a job is younger than the one that pushed
    it, so that one pass over all of them is enough.
    """
    going: list[Ended] = []
    above = set(gone)
    for job in jobs:
        if job.id in needed or job.has_open_child or (job.parent is not None and job.parent not in above):
            continue
        going.append(job)
        above.add(job.id)
    return going


def spared(jobs: Sequence[Ended], needed: Set[str]) -> frozenset[str]:
    """Those of the *jobs* that were to go which stay after all, as *needed* came to be known since.

    Add them to what is needed before asking about further ones.
    """
    kept: set[str] = set()
    for job in jobs:
        if job.id in needed or job.parent in needed or job.parent in kept:
            kept.add(job.id)
    return frozenset(kept)


def is_stale_upload(name: str, changed: float, before: float, needed: Set[str]) -> bool:
    """Whether the upload in the folder *name*, last written at *changed* (Unix time), may go."""
    return changed < before and ID.fullmatch(name) is not None and name not in needed
