"""Guards of apply: another endpoint or organisation, an unset secret, an empty state although its jobs exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import CallError, GuardedError, InvalidError
from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.plan import Plan
from sieve_jobs.push.client import Client
from sieve_jobs.push.gone import key_of_another
from sieve_jobs.push.options import ApplyOptions
from sieve_jobs.push.outcome import Outcome, of_error
from sieve_jobs.push.projection import Likeness, likeness, project
from sieve_jobs.push.reconcile import Listing, list_jobs
from sieve_jobs.state.loaded import Header, State
from sieve_jobs.wire import Job

SHOWN = 5
"""Names in a message."""


ASK = "ask the far side for its jobs before the first push"


async def refuse(plan: Plan, state: State, client: Client, options: ApplyOptions) -> None:
    """Raises InvalidError and GuardedError for what keeps *plan* from being begun, CallError if nobody tells."""
    refuse_other_endpoint(plan, state.header)
    _refuse_unset_secrets(plan, options)
    await _refuse_forgotten_jobs(plan, state, client, options)
    await _refuse_key_of_another(plan, state, client, options)


def refuse_other_endpoint(plan: Plan, header: Header) -> None:
    """Raises GuardedError where the state was made with another endpoint."""
    if header.endpoint not in (None, plan.where.endpoint):
        raise GuardedError(
            Diagnostic(
                Code.STATE_OF_OTHER_ENDPOINT,
                f"this state belongs to the endpoint '{header.endpoint}', the target says '{plan.where.endpoint}'",
                hint="give the target a name or a state of its own: jobs of one far side mean nothing to another",
            )
        )


def unset_secret(change: Change) -> Diagnostic | None:
    """Why *change* cannot be pushed: a secret it needs is not set. To plan it, the secret's name was enough."""
    missing = change.detail.spec.missing if change.detail is not None else ()
    if not missing:
        return None
    names = ", ".join(f"${{{name}}}" for name in missing)
    return Diagnostic(
        Code.SECRET_UNSET,
        f"'{change.name}' cannot be pushed: {names} is not set",
        Place(change.path, change.line),
        hint="set it in the environment, or in .env beside the config",
    )


def _refuse_unset_secrets(plan: Plan, options: ApplyOptions) -> None:
    pushes = [change for change in plan.changes if change.action is Action.PUSH]
    problems = [problem for change in pushes if (problem := unset_secret(change)) is not None]
    if problems and not options.continue_only:
        raise InvalidError(*problems)


async def _refuse_forgotten_jobs(plan: Plan, state: State, client: Client, options: ApplyOptions) -> None:
    """Raises GuardedError where a state that never pushed meets jobs like those it is about to push.

    Then the state was lost, or is not the one meant. Raises CallError if the far side cannot be asked.
    """
    pushes = [change for change in plan.changes if change.action is Action.PUSH]
    known = not state.is_empty or state.header.endpoint is not None
    if known or options.plan.local or options.new_state or options.continue_only or not pushes:
        return
    listing = await list_jobs(client, None)
    found = list(islice(_met(pushes, listing, options), SHOWN + 1))
    if found:
        names = ", ".join(f"'{name}'" for name in found[:SHOWN]) + (" …" if len(found) > SHOWN else "")
        raise GuardedError(
            Diagnostic(
                Code.EMPTY_STATE_BUT_JOBS,
                f"the state is empty, but the far side already has jobs like those to be pushed: {names}",
                hint="bring the state back, or take the jobs over with state adopt; --new-state pushes them all",
            )
        )


async def _refuse_key_of_another(plan: Plan, state: State, client: Client, options: ApplyOptions) -> None:
    """Raises GuardedError where the api key is not of the organisation that the state belongs to.

    Asked before the first push, which would tell as well but buy a job there. Raises CallError where nothing could
    be pushed either; whatever else goes wrong leaves it to the first push.
    """
    if options.plan.local or options.continue_only or not any(it.action is Action.PUSH for it in plan.changes):
        return
    try:
        stranger = await key_of_another(client, state.header.organization_id)
    except CallError as error:
        if of_error(error) in (Outcome.STOPPED, Outcome.UNREACHABLE):
            raise
        return
    if stranger is not None:
        raise GuardedError(stranger)


def _met(pushes: Sequence[Change], listing: Listing, options: ApplyOptions) -> Iterator[str]:
    """Names of *pushes* that a listed job is like."""
    by_function: defaultdict[str | None, list[Job]] = defaultdict(list)
    for job in listing.jobs:
        by_function[job.function].append(job)
    for change in pushes:
        if change.detail is None:
            continue
        spec = change.detail.spec
        projection = project(spec, options.key)
        function = spec.function.partition(":")[0] if spec.function is not None else None
        jobs = listing.jobs if function is None else (*by_function[function], *by_function[None])
        if any(likeness(projection, job, options.key) is not Likeness.NO for job in jobs):
            yield change.name
