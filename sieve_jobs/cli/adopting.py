"""`state adopt`: a lost state rebuilt from the far side's list of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.connection import call, far_side
from sieve_jobs.cli.consent import require_yes
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import redactor_of
from sieve_jobs.cli.locking import writable
from sieve_jobs.cli.options import DURATION, names_argument, verb
from sieve_jobs.cli.planning import make_plan, plan_options
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode, SieveJobsError, UsageError
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.render.quantity import count
from sieve_jobs.render.text import escape
from sieve_jobs.state.writes import Pin, PutEntry, Write

if TYPE_CHECKING:
    from sieve_jobs.push.reconcile import Listing
    from sieve_jobs.push.verdict import Unclear
    from sieve_jobs.spec.jobspec import Detail
    from sieve_jobs.state.store import Store
    from sieve_jobs.wire import Job

SHOWN = 5
"""Ids of candidates in a line."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the list says of the specs without an entry, by name."""

    matches: Mapping[str, Job]
    unclear: Mapping[str, Unclear]
    absent: Sequence[str]
    gap: str | None = None
    """Why jobs may be missing in the list."""
    details: Mapping[str, Detail] = field(default_factory=dict)
    """All of them."""
    serial: int = 0
    """Of the state that has no entry of them."""


@verb(
    "adopt",
    "sieve-jobs state adopt --dry-run -t prod",
    "sieve-jobs state adopt dub-intro --job 1b4ef0d2-5f0c-4f7e-9d2a-0c9a4c1f8d11 -t prod",
)
@names_argument
@click.option("--job", "job_id", metavar="ID", help="The one NAME's job, where several could be it.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken over; write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed on a remote target without a terminal.")
@click.option("--lock-timeout", type=DURATION, default=0.0, help="Wait so long for another run; default 0.")
def adopt(
    session: Session, names: tuple[str, ...], *, job_id: str | None, dry_run: bool, yes: bool, lock_timeout: float
) -> ExitCode:
    """Rebuild a lost state: take over jobs of the far side that are what the specs ask for.

    Of specs without an entry, one whose function and inputs are those of exactly one running or finished job gets it.
    What is not clear is listed, exit code 5; what has no job is left for apply. A job's env cannot be compared.
    """
    session = session.to_write()
    with writable(session, "state adopt", lock_timeout, new_state=True) as held:
        while True:
            found = _looked(session, held.store, names, job_id)
            if dry_run or not found.matches:
                break
            told = f"{count(len(found.matches), 'job')} to take over"
            require_yes(session, told, session.target.name, session.target.endpoint, yes=yes, quiet=session.as_json)
            if held.secure(found.serial):
                held.store.commit(_writes(session, found), found.serial)
                break
            session.streams.say("another run wrote the state meanwhile; looked again:")
    _answer(session, found, dry_run=dry_run)
    return ExitCode.DECISION if found.unclear else ExitCode.OK


def _looked(session: Session, store: Store, names: Sequence[str], job_id: str | None) -> _Found:
    """What the far side has for the specs of *names* that have no entry in the state as it is now."""
    planned = make_plan(session, store, plan_options(session, names))
    details = {
        change.name: change.detail
        for change in planned.plan.changes
        if change.action is Action.PUSH and change.reason is Reason.NEW and change.detail is not None
    }
    header = planned.state.header
    if job_id is not None and (len(names) != 1 or len(details) != 1):
        raise UsageError(Diagnostic(Code.USAGE, "--job goes with one NAME, of a spec that has no entry"))
    if header.endpoint not in (None, session.target.endpoint):
        raise SieveJobsError(
            Diagnostic(Code.STATE_OF_OTHER_ENDPOINT, f"this state belongs to the endpoint '{header.endpoint}'")
        )
    found = _look(session, store, details, header.organization_id, job_id)
    return replace(found, details=details, serial=header.serial)


def _look(
    session: Session, store: Store, details: Mapping[str, Detail], organization: str | None, job_id: str | None
) -> _Found:
    from sieve_jobs.push.reconcile import list_jobs
    from sieve_jobs.push.takeover import match
    from sieve_jobs.push.verdict import Match, Unclear

    if not details:
        return _Found({}, {}, ())
    with far_side(session) as far:
        try:
            if job_id is not None:
                return _chosen(session, store, details, organization, call(far, lambda client: client.job(job_id)))
            listing: Listing = call(far, lambda client: list_jobs(client, None))
        except CallError as error:
            message = redactor_of(session).clean(error.message)
            raise SieveJobsError(
                Diagnostic(Code.CALL_FAILED, f"could not ask for jobs: {message}; nothing was written")
            ) from error
    verdicts = match(
        [*details.values()], listing, taken=store.held(job.id for job in listing.jobs), organization_id=organization,
        key=session.key,
    )  # fmt: skip
    matches = {name: verdict.job for name, verdict in verdicts.items() if isinstance(verdict, Match)}
    unclear = {name: verdict for name, verdict in verdicts.items() if isinstance(verdict, Unclear)}
    return _Found(matches, unclear, sorted({*details} - {*matches, *unclear}), listing.gap)


def _chosen(
    session: Session, store: Store, details: Mapping[str, Detail], organization: str | None, job: Job
) -> _Found:
    """A person may know more than the list shows, but not that a job of another function is this one."""
    from sieve_jobs.push.takeover import runs_function

    ((name, detail),) = details.items()
    why = None
    if organization not in (None, job.organization_id):
        why = "belongs to another organisation"
    elif not runs_function(detail.spec, job, session.key):
        why = f"runs '{job.function or job.function_id}', not '{detail.spec.target_function}'"
    elif store.held([job.id]):
        why = "already belongs to a spec"
    if why is not None:
        raise UsageError(Diagnostic(Code.NOTHING_NAMED_SO, f"job {job.id} cannot be that of '{name}': it {why}"))
    return _Found({name: job}, {}, ())


def _writes(session: Session, found: _Found) -> Sequence[Write]:
    from sieve_jobs.cli.pushing import checked_out
    from sieve_jobs.push.takeover import taken_over

    now, commit = datetime.now(UTC), checked_out(session)
    jobs = sorted(found.matches.items())
    organization = next((job.organization_id for _, job in jobs if job.organization_id), None)
    entries = [taken_over(found.details[name], job, now=now, commit=commit) for name, job in jobs]
    return [Pin(session.target.endpoint, organization), *map(PutEntry, entries)]


def _answer(session: Session, found: _Found, *, dry_run: bool) -> None:
    if found.gap:
        session.streams.say(f"note: jobs may be missing: {escape(found.gap)}")
    if session.as_json:
        session.streams.document({
            "target": session.target.name,
            "dry_run": dry_run,
            "adopted": [
                {"name": name, "job_id": job.id, "status": job.status.value}
                for name, job in sorted(found.matches.items())
            ],
            "unclear": [
                {"name": name, "why": verdict.why, "job_ids": list(verdict.candidates)}
                for name, verdict in sorted(found.unclear.items())
            ],
            "unmatched": list(found.absent),
        })  # fmt: skip
        return
    verb_ = "would adopt" if dry_run else "adopted"
    lines = [f"{verb_} {escape(name)}: job {job.id}, {job.status.value}" for name, job in sorted(found.matches.items())]
    for name, verdict in sorted(found.unclear.items()):
        ids = ", ".join(verdict.candidates[:SHOWN]) + (" …" if len(verdict.candidates) > SHOWN else "")
        lines.append(f"unclear {escape(name)}: {verdict.why}{f' ({ids})' if ids else ''}")
    lines += [f"no job for {escape(name)}: apply pushes it" for name in found.absent]
    session.streams.answer("\n".join(lines or ["every spec has its entry"]))
    if found.unclear:
        session.streams.say("`sieve-jobs state adopt NAME --job ID` decides; apply pushes what has no entry")
