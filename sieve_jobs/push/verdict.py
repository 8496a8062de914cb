"""Verdict: which job of the far side's list is the one that is looked for, if that can be told at all. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sieve_jobs.push.projection import Likeness
from sieve_jobs.wire import Job


@dataclass(frozen=True, slots=True)
class Match:
    """Exactly one job is it."""

    job: Job


@dataclass(frozen=True, slots=True)
class Absent:
    """No job is it."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody but a person can tell. *why* is a clause, *candidates* are ids of jobs it could be."""

    why: str
    candidates: tuple[str, ...] = ()


Verdict: TypeAlias = Match | Absent | Unclear
Candidates: TypeAlias = Sequence[tuple[Job, Likeness]]
"""Jobs it could be, with how like it they are."""


def judged(
    found: Mapping[str, Candidates], *, rival: str, mixed: bool, gap: str | None = None
) -> Mapping[str, Verdict]:
    """A verdict for each of *found*. A job that could be two of them settles neither.

    *rival* is what the others are ("another spec"). *mixed*: the list holds jobs of several organisations, and ours is
    not known. *gap* is why the list may lack jobs, where that matters: then none is a match, and none is absent.
    """
    claims = Counter(job.id for candidates in found.values() for job, _ in candidates)
    return {name: _verdict(candidates, claims, rival, gap, mixed=mixed) for name, candidates in found.items()}


def _verdict(candidates: Candidates, claims: Mapping[str, int], rival: str, gap: str | None, *, mixed: bool) -> Verdict:
    ids = tuple(job.id for job, _ in candidates)
    if not candidates:
        return Unclear(gap) if gap else Absent()
    if len(candidates) > 1:
        return Unclear(f"{len(candidates)} jobs could be it", ids)
    job, found = candidates[0]
    if claims[job.id] > 1:
        return Unclear(f"the one job that could be it could be that of {rival} too", ids)
    if found is Likeness.UNSURE:
        return Unclear("a part of the one job that could be it cannot be compared", ids)
    if mixed:
        return Unclear("the list holds jobs of several organisations, and ours is not known yet", ids)
    return Unclear(gap, ids) if gap else Match(job)
