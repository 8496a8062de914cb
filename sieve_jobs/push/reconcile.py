"""Reconcile: finds the pushes that went unanswered in the far side's list of jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sieve_jobs.push.answer import TooLargeError
from sieve_jobs.push.client import Client
from sieve_jobs.push.projection import Likeness, likeness
from sieve_jobs.push.verdict import Verdict, judged
from sieve_jobs.spec.tags import TagKey
from sieve_jobs.state.entry import Intent
from sieve_jobs.wire import PAGE_LIMIT, Job

MOST_PAGES = 20
OVERLAP = 50
"""Jobs that two pages share, so that a list which moves on between them is noticed."""
MARGIN = timedelta(seconds=5)
"""How much older than its push a job may seem by the same clock."""
UNKNOWN_CLOCK_MARGIN = timedelta(seconds=300)
"""The same where only this machine's clock is known."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The far side's jobs, back to some instant."""

    jobs: tuple[Job, ...]
    gap: str | None = None
    """Why it may lack jobs of that time; None where it is known to be whole."""


def since(intent: Intent) -> datetime:
    """The earliest `created_at`, by the far side's clock, that a job of *intent* can have.

    The first of several attempts may have been another machine's, whose clock was not compared.
    """
    if intent.server_at is None:
        return intent.first_at - UNKNOWN_CLOCK_MARGIN
    by_server = intent.first_at + (intent.server_at - intent.at)
    return by_server - (MARGIN if intent.attempt == 1 else UNKNOWN_CLOCK_MARGIN)


def judge(
    intents: Sequence[Intent],
    listing: Listing,
    *,
    taken: Collection[str],
    organization_id: str | None,
    key: TagKey | None,
) -> Mapping[str, Verdict]:
    """A verdict for each of *intents*, by its uuid. Pure.

    *taken* are the ids of jobs that the state holds already: none of them is an unanswered push.
    """
    jobs = [job for job in listing.jobs if job.id not in taken and organization_id in (None, job.organization_id)]
    mixed = organization_id is None and len({job.organization_id for job in listing.jobs}) > 1
    found = {intent.uuid: _candidates(intent, jobs, key) for intent in intents}
    return judged(found, rival="another push in doubt", mixed=mixed, gap=listing.gap)


def _candidates(intent: Intent, jobs: Sequence[Job], key: TagKey | None) -> list[tuple[Job, Likeness]]:
    earliest = since(intent)
    recent = (job for job in jobs if job.created_at is None or job.created_at >= earliest)
    weighed = ((job, likeness(intent.projection, job, key)) for job in recent)
    return [(job, found) for job, found in weighed if found is not Likeness.NO]


async def list_jobs(client: Client, back_to: datetime | None, *, until: Collection[str] = frozenset()) -> Listing:
    """Reads `/v2/jobs` back to *back_to* (None: to its end), or *until* all of these ids were seen.

    At most MOST_PAGES pages are read; what is not known to be whole says so.

    Offsets move when jobs are pushed meanwhile, so pages of several jobs overlap; without a common job it is read anew.
    It ends early only once the order is shown to be newest first. Raises CallError.
    """
    listing = Listing((), "the list moved on while it was read")
    for _ in range(3):
        listing = await _read(client, back_to, frozenset(until))
        if listing.gap != _MOVED:
            break
    return listing


_MOVED = "the list moved on faster than it could be read"


async def _read(client: Client, back_to: datetime | None, until: frozenset[str]) -> Listing:
    seen: dict[str, Job] = {}
    offset, limit, last_page, overlap = 0, PAGE_LIMIT, frozenset[str](), 0
    for _ in range(MOST_PAGES):
        try:
            page = await client.jobs(limit=limit, offset=offset)
        except TooLargeError:
            if limit <= OVERLAP * 2:
                raise
            limit //= 2
            continue
        if overlap and not any(job.id in last_page for job in page.jobs):
            return Listing(tuple(seen.values()), _MOVED)
        seen |= {job.id: job for job in page.jobs}
        if until and until <= seen.keys():
            return Listing(tuple(seen.values()))
        order = _order([*seen.values()])
        if page.next_offset < 0:
            whole = not last_page or order != "unclear"
            return Listing(tuple(seen.values()), None if whole else "its list of jobs has no clear order")
        oldest = page.jobs[-1].created_at if page.jobs else None
        if order == "newest first" and back_to is not None and oldest is not None and oldest < back_to:
            return Listing(tuple(seen.values()))
        last_page = frozenset(job.id for job in page.jobs)
        overlap = min(OVERLAP, len(page.jobs) // 2)  # none behind a job so large that it has a page for itself
        offset = max(page.next_offset - overlap, 1)
    return Listing(tuple(seen.values()), f"its list of jobs is longer than {MOST_PAGES} pages")


def _order(jobs: Sequence[Job]) -> str:
    """How the list is ordered, as far as it was read: by rows that all say when they were made."""
    times = [job.created_at for job in jobs]
    if not times or any(at is None for at in times):
        return "unclear"
    pairs = [(a, b) for a, b in pairwise(times) if a is not None and b is not None]
    if all(a >= b for a, b in pairs):
        return "newest first"
    return "oldest first" if all(a <= b for a, b in pairs) else "unclear"
