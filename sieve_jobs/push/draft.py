"""Drafts: what is written to the state before and after a push. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.push.projection import hash_of, project
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.spec.tags import TagKey
from sieve_jobs.state.entry import Entry, Intent
from sieve_jobs.state.writes import ClearIntent, PutEntry, PutPast, Write
from sieve_jobs.wire import Json, Status


@dataclass(frozen=True)
class Order:
    """One push that is to be made."""

    change: Change
    detail: Detail
    reason: Reason
    before: Entry | None
    """The entry of that name now; its job becomes an earlier one."""
    key: TagKey | None
    action: Action = Action.PUSH
    intent: Intent | None = None
    """The push in doubt that this one repeats."""

    @property
    def name(self) -> str:
        return self.change.name

    @cached_property
    def projection(self) -> dict[str, Json]:
        return project(self.detail.spec, self.key)

    @cached_property
    def projection_hash(self) -> str:
        return hash_of(self.projection)


def draft_entry(detail: Detail, reason: Reason, *, now: datetime, commit: str | None) -> Entry:
    """The entry that a push of *detail* will leave; its job is not known yet."""
    spec = detail.spec
    return Entry(
        name=spec.name, digest=detail.digest, fingerprint=detail.fingerprint, parts=detail.parts, tags=detail.tags,
        variables=spec.variables, function=spec.target_function, path=spec.path, line=spec.line, reason=reason.value,
        job_id="", run_id="", status=Status.QUEUED, pushed_at=now, commit=commit, protect=spec.protect,
        save=spec.save or "",
    )  # fmt: skip


def intent_of(
    order: Order, doubt: Intent | None, *, key: str, now: datetime, server_now: datetime | None, endpoint: str,
    organization: str | None, commit: str | None,
) -> Intent:  # fmt: skip
    """The intent of *order*'s first attempt, with *key*, or of the next one of the push in *doubt* that it repeats."""
    draft = draft_entry(order.detail, order.reason, now=now, commit=commit)
    if doubt is not None:
        return replace(
            doubt, attempt=doubt.attempt + 1, at=now, server_at=server_now, draft=draft,
            projection=order.projection, projection_hash=order.projection_hash,
        )  # fmt: skip
    return Intent(
        uuid=key, attempt=1, at=now, server_at=server_now, first_at=now, endpoint=endpoint,
        organization_id=organization, projection=order.projection, projection_hash=order.projection_hash, draft=draft,
    )  # fmt: skip


def entry_of(intent: Intent, job_id: str, run_id: str, status: Status) -> Entry:
    """The entry that *intent* becomes with its job."""
    return replace(intent.draft, job_id=job_id, run_id=run_id, status=status, pushed_at=intent.at)


def answered(intent: Intent, before: Entry | None, job_id: str, run_id: str, status: Status) -> Sequence[Write]:
    """The writes that turn *intent* into an entry with its job. What *before* held becomes an earlier job."""
    entry = entry_of(intent, job_id, run_id, status)
    writes: list[Write] = [PutEntry(entry), ClearIntent(intent.uuid)]
    if before is not None and before.job_id not in ("", job_id) and not before.lost:
        writes.append(PutPast(before.past()))
    return writes
