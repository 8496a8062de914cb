"""Resolve: a person's answer to pushes in doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode, UsageError
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.plan import Plan
from sieve_jobs.push.adopt import adopt
from sieve_jobs.push.client import Client
from sieve_jobs.push.conduct import conduct, pump
from sieve_jobs.push.doubts import Doubts, Still, still_wanted
from sieve_jobs.push.draft import Order
from sieve_jobs.push.events import Dropped, Event
from sieve_jobs.push.guard import refuse_other_endpoint
from sieve_jobs.push.options import ApplyOptions
from sieve_jobs.push.projection import Likeness, likeness
from sieve_jobs.push.report import report_made
from sieve_jobs.push.result import ApplyResult
from sieve_jobs.push.run import Run, place_of
from sieve_jobs.state.entry import Entry, Intent
from sieve_jobs.state.loaded import State
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import ClearIntent


@dataclass(frozen=True, slots=True)
class Adopt:
    """The push made this job."""

    job_id: str


@dataclass(frozen=True, slots=True)
class PushAgain:
    """The push made nothing, or what it made does not matter: it is made again, under the same key."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The push is forgotten; what the spec asks for is the next plan's matter."""


Answer: TypeAlias = Adopt | PushAgain | Drop


@dataclass(frozen=True, slots=True)
class _Asked:
    """A doubt that somebody answered."""

    intent: Intent
    change: Change
    before: Entry | None


async def resolve(
    plan: Plan, answers: Mapping[str, Answer], store: Store, client: Client, *, options: ApplyOptions,
    emit: Callable[[Event], None],
) -> ApplyResult:  # fmt: skip
    """Carries out *answers*, by name, and follows what runs because of them. *plan* was made under the state's lock.

    Raises UsageError for a name of which no push is in doubt; otherwise as apply.
    """
    state = store.load()
    refuse_other_endpoint(plan, state.header)
    asked = _asked(plan, answers, state, store)
    run = Run(plan, store, state.header, client, options=options, emit=emit)
    return report_made(run, await conduct(run, lambda doubts: _answer(run, asked, answers, doubts)))


def _asked(plan: Plan, answers: Mapping[str, Answer], state: State, store: Store) -> list[_Asked]:
    intents = {intent.name: intent for intent in state.intents}
    unknown = [name for name in answers if name not in intents]
    if unknown:
        raise UsageError(*(Diagnostic(Code.NOTHING_NAMED_SO, f"no push of '{name}' is in doubt") for name in unknown))
    rows = {change.intent.uuid: change for change in plan.changes if change.intent is not None}
    entries = store.get(answers)
    asked = []
    for name in answers:
        intent, draft = intents[name], intents[name].draft
        made = Change(
            name, Action.RESOLVE, Reason.IN_DOUBT, draft.path, draft.line, draft.digest, entry=entries.get(name),
            intent=intent,
        )  # fmt: skip
        asked.append(_Asked(intent, rows.get(intent.uuid, made), entries.get(name)))
    return asked


async def _answer(run: Run, asked: list[_Asked], answers: Mapping[str, Answer], doubts: Doubts) -> None:
    for doubt in asked:
        match answers[doubt.intent.name]:
            case Adopt(job_id):
                await _adopt(run, doubt, job_id)
            case PushAgain():
                _push_again(run, doubt)
            case Drop():
                run.recorder.later(ClearIntent(doubt.intent.uuid))
                run.row(doubt.change)
                run.dropped.add(doubt.intent.name)
                run.emit(Dropped(doubt.intent.name, "dropped by hand"))
    await pump(run, doubts)


async def _adopt(run: Run, doubt: _Asked, job_id: str) -> None:
    """A person may know more than the list shows, but not that a job of another function is this one."""
    name = doubt.intent.name
    try:
        job = await run.client.job(job_id)
    except CallError as error:
        _refuse(run, doubt, run.redactor.clean(f"job {job_id} could not be read: {error.message}"))
        return
    bare = {**doubt.intent.projection, "inputs": {}}
    if run.organization not in (None, job.organization_id):
        _refuse(run, doubt, f"job {job_id} belongs to another organisation")
    elif likeness(bare, job, run.options.key) is Likeness.NO:
        _refuse(
            run, doubt, f"job {job_id} runs '{job.function or job.function_id}', not '{doubt.intent.draft.function}'"
        )
    elif run.store.held([job_id]):
        _refuse(run, doubt, f"job {job_id} already belongs to a spec, '{name}' or another")
    else:
        adopt(run, doubt.intent, job, "by hand", before=doubt.before, change=doubt.change)


def _push_again(run: Run, doubt: _Asked) -> None:
    detail = doubt.change.detail
    if detail is None or still_wanted(run, doubt.intent, detail) is Still.NO:
        _refuse(
            run, doubt, "the spec does not ask for it any more", "drop it; apply then pushes what the spec asks for now"
        )
        return
    reason = Reason(doubt.intent.draft.reason)
    order = Order(doubt.change, detail, reason, doubt.before, run.options.key, Action.RESOLVE, doubt.intent)
    run.orders.add(order)


def _refuse(run: Run, doubt: _Asked, why: str, hint: str | None = None) -> None:
    problem = Diagnostic(
        Code.PUSH_IN_DOUBT, f"'{doubt.intent.name}' is still in doubt: {why}", place_of(doubt.change), hint=hint
    )
    run.held.add(doubt.intent.name)
    run.fail(doubt.change, doubt.change.reason, problem.message)
    run.problem(problem, ExitCode.ERROR)
