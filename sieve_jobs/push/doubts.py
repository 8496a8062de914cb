"""Doubts: pushes that went unanswered are looked for, and each is adopted, made again, dropped, or held."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from sieve_jobs.errors import CallError, RefusedError
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.decide import decide
from sieve_jobs.push.adopt import adopt
from sieve_jobs.push.draft import Order
from sieve_jobs.push.events import Dropped
from sieve_jobs.push.projection import Likeness, hash_of, holds_secret, likeness, project
from sieve_jobs.push.reconcile import Listing, judge, list_jobs, since
from sieve_jobs.push.run import Run
from sieve_jobs.push.verdict import Absent, Match, Unclear, Verdict
from sieve_jobs.spec.digest import digest_under
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.state.entry import Entry, Intent
from sieve_jobs.state.writes import ClearIntent
from sieve_jobs.wire import Job

DATE_STEP = 1.0
"""Seconds that a time told by a `Date` may be wrong by."""
MOST_ATTEMPTS = 3
"""Attempts of one push without an answer, after which a person decides."""


@dataclass(frozen=True)
class Doubt:
    """A push that may have arrived, in this run or an earlier one."""

    intent: Intent
    change: Change | None
    """The row of the plan that it belongs to; None if the run is narrowed to others: it is only adopted then."""
    before: Entry | None
    seen_at: float
    """Monotonic seconds from which on it is known to this run."""
    own: bool
    """This run made the push."""


class Doubts:
    """The doubts of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.open: list[Doubt] = []

    def add(self, intent: Intent, change: Change | None, before: Entry | None, *, own: bool) -> None:
        """*own*: this run made the push, so that its class is busy already."""
        if not own:
            self.run.orders.block(hash_of(intent.projection))
        self.open.append(Doubt(intent, change, before, self.run.clock.monotonic(), own))

    async def look(self) -> None:
        """One look at the far side for every open doubt. Nothing may be under way: it could be taken for a doubt."""
        run = self.run
        if not self.open or run.ending.is_set():
            return
        waited = {doubt.intent.uuid: self._waited(doubt) for doubt in self.open}
        try:
            if run.client.engine is None:
                await run.client.jobs(limit=1)
            waited = {doubt.intent.uuid: self._waited(doubt) for doubt in self.open}
            verdicts = await (self._by_key() if run.client.engine else self._by_name_and_list())
        except CallError as error:
            problem = run.call_failed(error, "look for pushes in doubt")
            verdicts = {doubt.intent.uuid: Unclear(problem.message) for doubt in self.open}
        for doubt in list(self.open):
            self._conclude(doubt, verdicts[doubt.intent.uuid], waited[doubt.intent.uuid])

    def waiting(self) -> int:
        """How many doubts this run waits for: those it would push again."""
        return 0 if self.run.options.settle is None else sum(doubt.change is not None for doubt in self.open)

    def left(self) -> float:
        """Seconds until the settle time of all of those is over."""
        waited = (self._waited(doubt) for doubt in self.open if doubt.change is not None)
        return max((self.run.options.settle or 0.0) - min(waited, default=0.0), 0.0)

    def hold_rest(self) -> None:
        """What is still open is for a person to decide, or for the next run to look for."""
        why = "it is not in the far side's list of jobs, and may yet appear there"
        if self.run.ending.is_set():
            why = "the run ended before it was found; the next apply looks for it"
        for doubt in self.open:
            if doubt.change is not None:
                self.run.hold(doubt.change, doubt.intent, why, ())
        self.open.clear()

    async def _by_key(self) -> dict[str, Verdict]:
        """Our engine knows every push by its key."""
        gate = asyncio.Semaphore(self.run.options.concurrency)

        async def ask(uuid: str) -> tuple[str, Verdict]:
            async with gate:
                job = await self.run.client.job_by_ref(uuid)
                return uuid, Absent() if job is None else Match(job)

        return dict(await asyncio.gather(*(ask(doubt.intent.uuid) for doubt in self.open)))

    async def _by_name_and_list(self) -> dict[str, Verdict]:
        """A job that a push's own answer named is asked for itself; the other pushes are looked for in the list."""
        found: dict[str, Verdict] = {}
        for doubt in self.open:
            verdict = await self._by_name(doubt.intent)
            if verdict is not None:
                found[doubt.intent.uuid] = verdict
        named = frozenset(verdict.job.id for verdict in found.values() if isinstance(verdict, Match))
        left = [doubt.intent for doubt in self.open if doubt.intent.uuid not in found]
        return found | (await self._by_list(left, named) if left else {})

    async def _by_name(self, intent: Intent) -> Verdict | None:
        """None: its answer named no job, or one that cannot be it."""
        run = self.run
        if intent.confirmed_job is None:
            return None
        try:
            job = await run.client.job(intent.confirmed_job)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        found = likeness(intent.projection, job, run.options.key)
        strange = run.organization not in (None, job.organization_id)
        await run.recorder.flush()
        if found is Likeness.NO or strange or run.store.held([job.id]):
            return None
        why = f"a part of job {job.id}, which its answer named, cannot be compared"
        return Match(job) if found is Likeness.YES else Unclear(why, (job.id,))

    async def _by_list(self, intents: Sequence[Intent], named: frozenset[str]) -> dict[str, Verdict]:
        run = self.run
        listing = await list_jobs(run.client, min(map(since, intents)))
        taken = named | await self._taken(listing)
        found = judge(intents, listing, taken=taken, organization_id=run.organization, key=run.options.key)
        return dict(found)

    async def _taken(self, listing: Listing) -> frozenset[str]:
        """Ids of the listed jobs that the state holds."""
        run = self.run
        await run.recorder.flush()
        return run.store.held(job.id for job in listing.jobs)

    def _waited(self, doubt: Doubt) -> float:
        """Seconds that surely passed since the push: in this run, or as the clocks of both sides agree.

        One alone may have jumped, or be another server's: then this run waits for all of the time itself.
        """
        run, intent = self.run, doubt.intent
        here, now = run.clock.monotonic() - doubt.seen_at, run.client.server_now()
        if now is None or intent.server_at is None:
            return here
        there = (now - intent.server_at).total_seconds() - DATE_STEP
        return max(here, min(there, (run.clock.now() - intent.at).total_seconds()))

    def _conclude(self, doubt: Doubt, verdict: Verdict, waited: float) -> None:
        run, settle = self.run, self.run.options.settle
        is_over = run.client.engine is True or (settle is not None and waited >= settle)
        match verdict:
            case Match(job):
                self._close(doubt)
                self._adopt(doubt, job)
            case Unclear(why, candidates):
                self.open.remove(doubt)
                if doubt.change is not None:
                    run.hold(doubt.change, doubt.intent, why, candidates)
            case Absent() if doubt.change is not None and is_over:
                self._again(doubt, doubt.change)

    def _close(self, doubt: Doubt) -> None:
        self.open.remove(doubt)
        self.run.orders.unblock(hash_of(doubt.intent.projection))

    def _adopt(self, doubt: Doubt, job: Job) -> None:
        """The push arrived. If the spec asks for something else by now, that is pushed next."""
        run, intent, change = self.run, doubt.intent, doubt.change
        how = "by its key" if run.client.engine else "by its function and inputs, in the far side's list"
        entry = adopt(run, intent, job, how, before=doubt.before, change=change)
        if doubt.own:
            run.pushed.add(intent.name)
        if change is not None and change.detail is not None and still_wanted(run, intent, change.detail) is Still.NO:
            self._next(change, entry, doubt.before)

    def _again(self, doubt: Doubt, change: Change) -> None:
        """The push never arrived: it is made again if the spec still asks for it, else what the spec asks for now."""
        run, intent = self.run, doubt.intent
        if intent.attempt >= MOST_ATTEMPTS:
            self.open.remove(doubt)
            run.hold(change, intent, f"{intent.attempt} attempts went unanswered, and none of them shows", ())
            return
        still = Still.NO if change.detail is None else still_wanted(run, intent, change.detail)
        if still is Still.UNCLEAR:
            self.open.remove(doubt)
            run.hold(
                change,
                intent,
                "it holds a secret, and was made with another SIEVE_JOBS_STATE_KEY: they cannot be compared",
                (),
            )
            return
        if change.detail is not None and still is Still.YES:
            reason = Reason(intent.draft.reason)
            order = Order(change, change.detail, reason, doubt.before, run.options.key, Action.RESOLVE, intent)
            run.orders.add(order)
            self._close(doubt)
            return
        self._close(doubt)
        run.recorder.later(ClearIntent(intent.uuid))
        run.emit(Dropped(intent.name, "it never arrived, and the spec does not ask for it any more"))
        run.row(change)
        run.dropped.add(change.name)
        if change.detail is not None:
            self._next(change, doubt.before, None)

    def _next(self, change: Change, entry: Entry | None, before: Entry | None) -> None:
        """With the doubt out of the way: what the plan would have said of the spec without it.

        *before* is the entry that *entry* just replaced.
        """
        run, detail = self.run, change.detail
        if detail is None or run.options.continue_only:
            return
        own = [job for job in run.store.past([detail.digest]).get(detail.digest, ()) if job.name == change.name]
        if before is not None and before.digest == detail.digest and not before.lost:
            own.insert(0, before.past())
        options = replace(run.options.plan, rerun=frozenset())
        decision = decide(detail, entry, own, options=options, target=run.plan.where.target)
        if decision.action is Action.PUSH:
            run.dropped.discard(change.name)
            run.orders.add(Order(change, detail, decision.reason, entry, run.options.key))
        elif decision.action is Action.REUSE:
            run.dropped.discard(change.name)
            run.reuses.append(
                replace(change, action=Action.REUSE, reason=decision.reason, reuses=decision.reuses, entry=entry)
            )


class Still(Enum):
    """Whether a spec still asks for what was pushed."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    """All that can be compared is the same; a secret cannot, as it was tagged with another key."""


def still_wanted(run: Run, intent: Intent, detail: Detail) -> Still:
    """Whether the spec as it is now asks for what was pushed, and would be seen the same in the far side's list."""
    ignored, key = run.options.plan.ignore_query, run.options.key
    if digest_under(detail, intent.draft.variables, ignore_query=ignored) != intent.draft.digest:
        return Still.NO
    now = project(detail.spec, key)
    if hash_of(now) == hash_of(intent.projection):
        return Still.YES
    other_key = now["key"] != intent.projection.get("key") and holds_secret(intent.projection)
    return Still.UNCLEAR if other_key else Still.NO
