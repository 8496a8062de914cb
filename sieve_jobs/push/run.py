"""Run: what the steps of one apply share: the way to the state and to the far side, and what came of each spec."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import CallError, ExitCode, NoEngineError, UnreachableError
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.explain import resolve_command
from sieve_jobs.plan.plan import Plan
from sieve_jobs.push.client import Client
from sieve_jobs.push.clock import either
from sieve_jobs.push.draft import Order
from sieve_jobs.push.events import Event, Held, Pushed, Refused, Stopping, Waiting
from sieve_jobs.push.follow import Follower
from sieve_jobs.push.followed import Followed, FollowOptions
from sieve_jobs.push.options import ApplyOptions
from sieve_jobs.push.orders import Orders
from sieve_jobs.push.pace import Pace
from sieve_jobs.push.recorder import recorder_for
from sieve_jobs.push.redact import Redactor, resolved_secrets
from sieve_jobs.push.result import Result
from sieve_jobs.push.save import Saver
from sieve_jobs.push.stop import Stop
from sieve_jobs.spec.jobspec import JobSpec
from sieve_jobs.state.entry import Entry, Intent
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import Pin
from sieve_jobs.wire import Status

NOTEWORTHY_WAIT = 1.0
"""Seconds from which on a wait is worth an event."""


class Run:
    """One apply under way. Steps are functions that take it; it decides nothing about pushes itself."""

    def __init__(
        self, plan: Plan, store: Store, header: Header, client: Client, *, options: ApplyOptions,
        emit: Callable[[Event], None],
    ) -> None:  # fmt: skip
        self.plan, self.store, self.client, self.options, self.emit = plan, store, client, options, emit
        self.clock = options.clock
        self.stop = options.stop or Stop()
        self.recorder = recorder_for(store, plan.where.serial, self.clock.monotonic)
        self.pace = Pace()
        self.redactor = client.redactor.joined(options.secrets)
        self.lineage = header.lineage
        self.pinned_endpoint = header.endpoint
        self.organization = None if options.plan.local else header.organization_id
        """Pinned. Not that of the embedded engine: it is the project's own, made anew when its folder was removed."""
        self.learned = False
        """A push of this run was accepted: endpoint, key and organisation are right."""
        self.ending = asyncio.Event()
        """No push begins any more."""
        self.cut_off = False
        """The far side does not answer us, or must not be asked: jobs are not followed either."""
        self.rows: dict[str, Result] = {}
        self.codes: set[ExitCode] = set()
        self.problems: list[Diagnostic] = []
        self.pushed: set[str] = set()
        self.refused: set[str] = set()
        self.held: set[str] = set()
        self.dropped: set[str] = set()
        """Names whose doubt is over without a job: nothing more is due for them."""
        self.reuses: list[Change] = []
        """Changes that take an earlier job again, to be checked before the next push."""
        self.made: dict[str, str] = {}
        """Ids of the jobs that this run recorded, with the names they belong to."""
        self.saver = options.saver or Saver(
            store, self.recorder, client, None if options.detach else options.save, emit, redactor=self.redactor,
            target=plan.where.target,
        )  # fmt: skip
        self.follower = options.follower or Follower(self.recorder, client, self._follow_options(), emit)
        self.orders = Orders([], gated=lambda: client.engine is not True)

    def _follow_options(self) -> FollowOptions:
        options = self.options
        return FollowOptions(
            wait=options.wait, concurrency=options.concurrency, log_lines=options.log_lines, clock=options.clock,
            stop=self.stop, organization_id=self.organization, target=self.plan.where.target,
            finished=self.saver.add,
        )  # fmt: skip

    def follow(self, job: Followed) -> None:
        """Follows *job* to its end; a follower that others share too hears of it once the state knows it."""
        if self.options.follower is None:
            self.follower.add(job)
        else:
            self.recorder.when_durable(lambda: self.follower.add(job))

    def save(self, name: str, job_id: str) -> None:
        """Saves what a finished job left; as with following, where others share the way."""
        if self.options.saver is None:
            self.saver.add(name, job_id)
        else:
            self.recorder.when_durable(lambda: self.saver.add(name, job_id))

    def redactor_of(self, spec: JobSpec) -> Redactor:
        return self.redactor.joined(resolved_secrets(spec))

    def row(self, change: Change, reason: Reason | None = None, *, action: Action | None = None) -> Result:
        """The row of a change, made at first sight."""
        made = Result(change.name, action or change.action, reason or change.reason)
        return self.rows.setdefault(change.name, made)

    def problem(self, problem: Diagnostic, code: ExitCode) -> None:
        self.problems.append(problem)
        self.codes.add(code)

    def halt(self, problem: Diagnostic | None, code: ExitCode, why: str, *, cut_off: bool = True) -> None:
        """Ends the run: pushes under way are recorded, no other begins."""
        if self.ending.is_set():
            return
        self.ending.set()
        self.cut_off = cut_off
        self.codes.add(code)
        if problem is not None:
            self.problems.append(problem)
        self.emit(Stopping(why))

    async def pause(self, seconds: float) -> None:
        """Waits, but no longer than the run goes on."""
        await either(self.clock.sleep(seconds), self.ending.wait())

    async def turn(self) -> bool:
        """Waits until a push may go; False if none may any more."""
        said = False
        while not self.ending.is_set():
            wait = self.pace.delay(self.clock.monotonic())
            if wait <= 0.0:
                return True
            if wait >= NOTEWORTHY_WAIT and not said:
                said = True
                self.emit(Waiting(wait, "the far side asked for fewer pushes"))
            await self.pause(wait)
        return False

    def learn(self, organization: str | None) -> None:
        """Pins endpoint and organisation with the first job that is known to be ours."""
        if self.options.plan.local:
            organization = None
        if self.pinned_endpoint is None or (self.organization is None and organization is not None):
            self.recorder.later(Pin(self.plan.where.endpoint, organization))
        self.pinned_endpoint = self.plan.where.endpoint
        self.organization = self.organization or organization

    def created(self, order: Order, job_id: str, run_id: str, status: Status) -> None:
        """A push was accepted and is being recorded."""
        self.settled(order.change, order.reason, job_id=job_id, run_id=run_id, status=status, action=order.action)
        self.superseded(order.before)
        self.pushed.add(order.name)
        self.emit(Pushed(order.name, job_id, run_id, status, order.reason))

    def superseded(self, before: Entry | None) -> None:
        """The job a spec had before goes on: it is followed beside the new one."""
        if before is not None and before.job_id and not (before.status.is_final or before.lost):
            self.follow(Followed(before.name, before.job_id, before.status, self.redactor, superseded=True))

    def settled(
        self, change: Change, reason: Reason, *, job_id: str, run_id: str, status: Status, action: Action | None = None
    ) -> None:
        """The spec's job is known: its row says so, and it is followed."""
        row = self.row(change, reason, action=action)
        self.rows[change.name] = replace(row, job_id=job_id, run_id=run_id, status=status, error=None)
        spec = change.detail.spec if change.detail else None
        redactor = self.redactor_of(spec) if spec else self.redactor
        saves = bool(spec.save if spec else change.intent and change.intent.draft.save)
        if not status.is_final:
            self.follow(Followed(change.name, job_id, status, redactor, saves=saves))
        elif saves and status is Status.FINISHED:
            self.save(change.name, job_id)

    def refuse(self, order: Order, problem: Diagnostic) -> None:
        """This spec's push was refused, or cannot be made; the others go on."""
        self.refused.add(order.name)
        self.fail(order.change, order.reason, problem.message)
        self.problem(problem, ExitCode.ERROR)
        self.emit(Refused(order.name, problem))

    def fail(self, change: Change, reason: Reason, message: str) -> None:
        """The spec's row says why it has no new job."""
        self.rows[change.name] = replace(self.row(change, reason), error=message)

    def hold(self, change: Change, intent: Intent, why: str, candidates: tuple[str, ...]) -> None:
        """A person must decide."""
        name = change.name
        self.held.add(name)
        resolve = resolve_command(name, self.plan.where.target)
        adopt = candidates[0] if len(candidates) == 1 else "ID"
        problem = Diagnostic(
            Code.PUSH_IN_DOUBT,
            f"could not confirm the push of '{name}' of {intent.at:%Y-%m-%d %H:%M:%S}Z: {why}",
            place_of(change),
            hint=f"it is held until you say: {resolve} --adopt {adopt} | --push | --drop",
        )
        self.problem(problem, ExitCode.DECISION)
        self.fail(change, change.reason, problem.message)
        self.emit(Held(name, problem, candidates))

    def could_not(self, change: Change, what: str, error: CallError) -> None:
        """A call for this spec gave nothing: its row says so, and the run does, unless it ends for that anyway."""
        problem = self.call_failed(error, what)
        self.fail(change, change.reason, problem.message)
        if not self.ending.is_set():
            self.problem(problem, ExitCode.ERROR)

    def call_failed(self, error: CallError, what: str) -> Diagnostic:
        """The problem of a call that gave nothing; a key that is refused ends the run."""
        message = self.redactor.clean(f"could not {what}: {error.message}")
        problem = unanswered(error, message, sent=bool(self.pushed))
        if refuses_everything(error):
            self.halt(problem, ExitCode.ERROR, message)
        elif isinstance(error, NoEngineError):
            self.halt(problem, ExitCode.ERROR, error.message)
        return problem


def unanswered(error: CallError, message: str, *, sent: bool) -> Diagnostic:
    """The problem of a call that gave nothing, told as *message*; *sent*: something was pushed before it."""
    if error.status is not None and refuses_everything(error):
        return refused_everything(message, error.status)
    if isinstance(error, NoEngineError):
        return error.problem
    if isinstance(error, UnreachableError) and not sent:
        return Diagnostic(
            Code.FAR_SIDE_UNREACHABLE, message, hint="nothing was sent; check the endpoint, then run apply again"
        )
    return Diagnostic(Code.CALL_FAILED, message)


def refuses_everything(error: CallError) -> bool:
    """Whether the far side refuses us, whatever is asked for."""
    return error.status in (401, 402, 403) or (error.status is not None and 300 <= error.status < 400)


def place_of(change: Change) -> Place:
    return Place(change.path, change.line)


def refused_everything(message: str, status: int | None) -> Diagnostic:
    """The far side refuses us, whatever is asked for."""
    hint = {
        401: "check the api key; nothing else was sent",
        402: "add credit at the far side, then run apply again; nothing else was sent",
        403: "the api key may not do this; nothing else was sent",
    }.get(status or 0, "the endpoint leads elsewhere; check it; nothing else was sent")
    return Diagnostic(Code.ALL_REFUSED, message, hint=hint)
