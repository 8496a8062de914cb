"""Send: one push, from its durable intent to what is known of it, with the retries that are safe."""

from __future__ import annotations

import uuid
from dataclasses import replace
from enum import Enum
from functools import partial

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode, InvalidError, NoEngineError
from sieve_jobs.push.adopt import adopt
from sieve_jobs.push.answer import NamedJobError
from sieve_jobs.push.client import Pushed
from sieve_jobs.push.draft import Order, intent_of
from sieve_jobs.push.events import InDoubt, Pushing, Waiting
from sieve_jobs.push.guard import unset_secret
from sieve_jobs.push.outcome import Outcome, of_error
from sieve_jobs.push.pace import backoff
from sieve_jobs.push.projection import Likeness, likeness
from sieve_jobs.push.run import Run, place_of, refused_everything
from sieve_jobs.state.entry import Intent
from sieve_jobs.state.writes import ClearIntent, PutIntent
from sieve_jobs.wire import Job, Json

LONGEST_START = 10.0
"""Seconds after which an intent is made durable anew before its push begins: the machine may have slept between."""
MOST_CLAIMS = 3
"""Times that an intent is made durable before it is given up: a state this slow cannot guard a push."""
BUSY_TRIES = 10
"""Answers of 429 to one push after which the run ends."""
KEYED_TRIES = 5
"""Attempts with one key at our engine."""


class _Found(Enum):
    """What looking for an unconfirmed push at once came to."""

    RECORDED = "recorded"
    ABSENT = "absent"
    UNKNOWN = "unknown"


async def send(run: Run, order: Order) -> Intent | None:
    """Makes *order*'s push. None: its outcome is known and recorded. Else the intent that is in doubt."""
    problem = unset_secret(order.change)
    if problem is None:
        try:
            body = run.options.body(order.detail.spec)
        except InvalidError as error:
            problem = error.diagnostics[0]
        else:
            return await _Attempts(run, order, body).make()
    if order.intent is None:
        run.refuse(order, problem)
    else:
        # It stays in doubt, and is not looked for again and again: nothing of it changes while this run goes on.
        run.hold(order.change, order.intent, f"it never arrived and cannot be made again: {problem.message}", ())
    return order.intent


class _Attempts:
    """The attempts of one push."""

    def __init__(self, run: Run, order: Order, body: dict[str, Json]) -> None:
        self.run, self.order, self.body = run, order, body
        self.redactor = run.redactor_of(order.detail.spec)
        self.key = str(uuid.uuid4())
        """The Idempotency-Key of every attempt: one that was asked to wait is known again by it."""
        self.unreachable = self.busy = 0

    async def make(self) -> Intent | None:
        """Attempt after attempt, as long as the outcome of the last one allows another."""
        order, doubt = self.order, self.order.intent
        while await self.run.turn():
            intent, began = await self._durable(doubt)
            if self.run.ending.is_set():
                return self._withdraw(intent)
            self.run.emit(Pushing(order.name, order.reason, intent.attempt))
            try:
                pushed = await self.run.client.push(self.body, intent.uuid, partial(self._in_time, began))
            except CallError as error:
                outcome = of_error(error)
                if outcome is Outcome.UNCONFIRMED:
                    intent = self._naming(intent, error)
                    found = await self._unconfirmed(intent, error)
                    if found is not _Found.ABSENT or not self._may_repeat(intent):
                        return None if found is _Found.RECORDED else intent
                    doubt = intent
                    continue
                left_over = self._withdraw(intent)
                if outcome in (Outcome.REFUSED, Outcome.STOPPED) or not await self._try_later(outcome, error):
                    self._give_up(outcome, error, intent)
                    return left_over
                continue
            return self._created(intent, pushed)
        return doubt

    def _in_time(self, began: float) -> bool:
        """Whether a push may still begin whose intent was made durable by a commit that *began* then.

        Between the two this process may have stood still, and whoever took over has given the push up, or made it.
        """
        return self.run.clock.monotonic() - began <= LONGEST_START

    async def _durable(self, doubt: Intent | None) -> tuple[Intent, float]:
        """The intent of the attempt that is made next, in the state before the first byte is sent.

        And when the commit that has it began, in monotonic seconds.
        """
        run = self.run
        intent = intent_of(
            self.order, doubt, key=self.key, now=run.clock.now(), server_now=run.client.server_now(),
            endpoint=run.plan.where.endpoint, organization=run.organization, commit=run.options.commit,
        )  # fmt: skip
        for claim in range(1, MOST_CLAIMS + 1):
            began = await run.recorder.write(PutIntent(intent))
            took = run.clock.monotonic() - began
            if took <= LONGEST_START:
                break
            if claim == MOST_CLAIMS:
                self._too_slow(took)
            else:
                intent = replace(intent, at=run.clock.now(), server_at=run.client.server_now())
        return intent, began

    def _too_slow(self, took: float) -> None:
        """Ends the run before this push: its intent is so old that another run may have given it up."""
        run, limit = self.run, f"{LONGEST_START:g} s"
        message = (
            f"writing the state took {took:.0f} s, {MOST_CLAIMS} times in a row; a push begins within {limit} of it"
        )
        hint = f"'{self.order.name}' was not pushed; see to the disk or the network of the state, then run apply again"
        run.halt(Diagnostic(Code.STATE_TOO_SLOW, message, hint=hint), ExitCode.ERROR, message)

    def _withdraw(self, intent: Intent) -> Intent | None:
        """This attempt made nothing. The intent goes, unless an earlier attempt of it went unanswered."""
        if intent.attempt > 1:
            return intent
        self.run.recorder.later(ClearIntent(intent.uuid))
        return None

    def _naming(self, intent: Intent, error: CallError) -> Intent:
        """*intent*, with the job that a broken answer named: whoever looks for the push begins there."""
        if not isinstance(error, NamedJobError):
            return intent
        intent = replace(intent, confirmed_job=error.job_id)
        self.run.recorder.later(PutIntent(intent))
        return intent

    def _created(self, intent: Intent, pushed: Pushed) -> Intent | None:
        """Records the job. The intent stays in doubt where the answer cannot be about this push."""
        run, order, response = self.run, self.order, pushed.response
        run.pace.succeeded(run.clock.monotonic())
        organization = response.organization_id
        if run.organization is not None and organization is not None and organization != run.organization:
            run.recorder.later(ClearIntent(intent.uuid))
            other_organization(run, organization, response.id)
            run.fail(order.change, order.reason, "its job was made in another organisation")
            return None
        other = run.made.setdefault(response.id, order.name)
        if other != order.name:
            # It would be one job for two specs: this one's push may be hidden behind it, or was never made.
            run.hold(order.change, intent, f"it was answered with job {response.id}, which is that of '{other}'", ())
            return intent
        run.learned = True
        run.learn(organization)
        run.recorder.answer(intent, order.before, response.id, response.run_id, response.status)
        run.created(order, response.id, response.run_id, response.status)
        return None

    async def _try_later(self, outcome: Outcome, error: CallError) -> bool:
        """Whether another attempt is worth it; waits for it if so."""
        run = self.run
        if outcome is Outcome.UNREACHABLE:
            self.unreachable += 1
            if self.unreachable >= run.options.connect_tries or isinstance(error, NoEngineError):
                return False
            wait = backoff(self.unreachable) * run.options.jitter()
            run.emit(Waiting(wait, error.message, self.order.name))
            await run.pause(wait)
            return True
        self.busy += 1
        if self.busy >= BUSY_TRIES:
            return False
        wait = backoff(self.busy) if error.retry_after is None else error.retry_after
        run.pace.refused(run.clock.monotonic(), wait)
        run.emit(Waiting(wait, error.message, self.order.name))
        return True

    def _give_up(self, outcome: Outcome, error: CallError, intent: Intent) -> None:
        run, order = self.run, self.order
        message = self.redactor.clean(error.message)
        if outcome is Outcome.REFUSED and intent.attempt > 1:
            run.hold(order.change, intent, f"made again it was refused ({message}), which says nothing of before", ())
            return
        if outcome is Outcome.REFUSED:
            said = f"the push of '{order.name}' was refused: {message}"
            hint = "nothing runs for it; correct the spec, then run apply again"
            run.refuse(order, Diagnostic(Code.PUSH_REFUSED, said, place_of(order.change), hint=hint))
            return
        run.fail(order.change, order.reason, message)
        if outcome is Outcome.STOPPED:
            if intent.attempt == 1:  # else an earlier attempt may have made a job: in doubt, and not just refused
                run.refused.add(order.name)
            # Without credit nothing new runs, but what does can be followed.
            run.halt(refused_everything(message, error.status), ExitCode.ERROR, message, cut_off=error.status != 402)
        elif isinstance(error, NoEngineError):
            run.halt(error.problem, ExitCode.ERROR, message)
        elif outcome is Outcome.UNREACHABLE:
            hint = f"nothing was sent for '{order.name}' and what comes after it; run apply again"
            run.halt(Diagnostic(Code.FAR_SIDE_UNREACHABLE, message, hint=hint), ExitCode.ERROR, message)
        else:
            hint = "it asked for fewer pushes too often; run apply again later"
            problem = Diagnostic(Code.CALL_FAILED, message, place_of(order.change), hint=hint)
            run.halt(problem, ExitCode.ERROR, message, cut_off=False)

    async def _unconfirmed(self, intent: Intent, error: CallError) -> _Found:
        """Looks at once for the job where that can be told without doubt; it is recorded if it is there."""
        run = self.run
        message = self.redactor.clean(error.message)
        run.emit(InDoubt(self.order.name, intent.attempt, message))
        try:
            if run.client.engine:
                # The engine may still be at it: it answers 409 as long as the first request is under way.
                await run.pause(backoff(intent.attempt) if error.status == 409 else 0.0)
                job = await run.client.job_by_ref(intent.uuid)
                if job is None:
                    return _Found.ABSENT
                self._adopt(intent, job, "by its key")
                return _Found.RECORDED
            if isinstance(error, NamedJobError):
                job = await run.client.job(error.job_id)
                ours = run.organization in (None, job.organization_id)
                if ours and likeness(intent.projection, job, run.options.key) is Likeness.YES:
                    self._adopt(intent, job, "by the id in the broken answer")
                    return _Found.RECORDED
        except CallError:
            return _Found.UNKNOWN
        return _Found.UNKNOWN

    def _adopt(self, intent: Intent, job: Job, how: str) -> None:
        order = self.order
        self.run.pushed.add(order.name)
        adopt(
            self.run, intent, job, how, before=order.before, change=order.change, reason=order.reason,
            action=order.action,
        )  # fmt: skip

    def _may_repeat(self, intent: Intent) -> bool:
        return self.run.client.engine is True and intent.attempt < KEYED_TRIES and not self.run.ending.is_set()


def other_organization(run: Run, organization: str, job_id: str | None) -> None:
    """The key belongs to other people than the state does: nothing more is sent."""
    made = f"; job {job_id} was made there" if job_id else ""
    problem = Diagnostic(
        Code.STATE_OF_OTHER_ENDPOINT,
        f"the api key belongs to organisation {organization}, this state to {run.organization}{made}",
        hint="use the key the state was made with, or a target with a state of its own",
    )
    run.halt(problem, ExitCode.GUARDED, problem.message)
