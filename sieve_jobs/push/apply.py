"""Apply: carries a plan out. Doubts first, then one push alone, then the others, then jobs to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode, InvalidError, SieveJobsError
from sieve_jobs.plan.plan import Action, Change, Plan
from sieve_jobs.push.bookkeeping import refreshed, settled_on_paper
from sieve_jobs.push.client import Client
from sieve_jobs.push.doubts import Doubts
from sieve_jobs.push.draft import Order
from sieve_jobs.push.events import Event, Moved, Orphaned, Pruned, Waiting
from sieve_jobs.push.follow import Followed, FollowResult
from sieve_jobs.push.guard import refuse_forgotten_jobs, refuse_other_endpoint
from sieve_jobs.push.options import ApplyOptions
from sieve_jobs.push.report import report
from sieve_jobs.push.result import ApplyResult
from sieve_jobs.push.reuse import cancel_pruned, reuse
from sieve_jobs.push.run import Run, place_of
from sieve_jobs.push.send import send
from sieve_jobs.push.stop import GRACE
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.state.entry import State
from sieve_jobs.state.store import Store

FIRST_LOOK, LONGEST_PAUSE = 2.0, 60.0
"""Seconds between looks at the far side's list: 2, 4, 8 … while the settle time runs."""


async def apply(
    plan: Plan, store: Store, client: Client, options: ApplyOptions, emit: Callable[[Event], None]
) -> ApplyResult:
    """Carries *plan* out, which was made from *store* as it is now, under its lock.

    What goes wrong with a spec, or ends the run early, is in the result. Raises InvalidError (a secret that a push
    needs is not set) and GuardedError before anything is sent, and what the first look at *store* raises.
    """
    state = store.load()
    refuse_other_endpoint(plan, state.header)
    _refuse_unset_secrets(plan, options)
    run = Run(plan, store, state.header, client, options=options, emit=emit)
    signals = asyncio.create_task(_heed_stop(run))
    try:
        followed = await _carry_out(run, state)
    finally:
        signals.cancel()
    return report(run, followed)


async def _carry_out(run: Run, state: State) -> FollowResult | None:
    """Pushes, settles, follows. A state that can no longer be written ends it, with what is known in the result."""
    try:
        await refuse_forgotten_jobs(run.plan, state, run.client, run.options)
    except CallError as error:
        problem = run.call_failed(error, "ask the far side for its jobs before the first push")
        run.halt(problem, ExitCode.ERROR, problem.message)
        return None
    doubts = Doubts(run)
    following: asyncio.Task[FollowResult] | None = None
    try:
        await _until_stopped(run, _push_all(run, state, doubts))
        if not (run.options.detach or run.cut_off or run.stop.asked.is_set()):
            following = asyncio.create_task(run.follower.run())
        await _until_stopped(run, _settle(run, doubts))
        doubts.hold_rest()
        await run.recorder.flush()
        run.options.unlock()
        run.follower.close()
        return await following if following is not None else None
    except SieveJobsError as error:
        run.problems += error.diagnostics
        run.codes.add(error.exit_code)
        return None
    finally:
        if following is not None and not following.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def _refuse_unset_secrets(plan: Plan, options: ApplyOptions) -> None:
    problems = [
        Diagnostic(
            "SJ171",
            f"'{change.name}' cannot be pushed: {_unset(change.detail)} is not set",
            place_of(change),
            hint="set it in the environment, or in .env beside the config",
        )
        for change in plan.changes
        if change.action is Action.PUSH and change.detail is not None and change.detail.spec.missing
    ]
    if problems and not options.continue_only:
        raise InvalidError(*problems)


def _unset(detail: Detail) -> str:
    return ", ".join(f"${{{name}}}" for name in detail.spec.missing)


async def _heed_stop(run: Run) -> None:
    await run.stop.asked.wait()
    run.halt(None, run.stop.exit_code, "asked to stop: pushes under way are recorded, no other begins")


async def _until_stopped(run: Run, work: Coroutine[None, None, None]) -> None:
    """*work* to its end; once somebody asked to stop it has GRACE seconds, and none when asked again."""
    task = asyncio.create_task(work)
    asked = asyncio.create_task(run.stop.asked.wait())
    ends: list[asyncio.Task[object]] = [asked]
    try:
        await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            ends += [
                asyncio.create_task(run.clock.sleep(GRACE)), asyncio.create_task(run.stop.at_once.wait()),
            ]  # fmt: skip
            await asyncio.wait([task, *ends[1:]], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        task.cancel()
        await asyncio.gather(task, *ends, return_exceptions=True)
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


async def _push_all(run: Run, state: State, doubts: Doubts) -> None:
    """Everything that begins or settles a push, but for the time it takes until absence means something."""
    plan, whole = run.plan, not run.options.continue_only
    run.recorder.later(*refreshed(plan))
    _follow_what_runs(run, state)
    if whole:
        _on_paper(run)
    _leftovers(run, state, doubts)
    await doubts.look()
    for change in plan.changes if whole else ():
        if change.action is Action.PUSH and change.detail is not None:
            run.orders.add(Order(change, change.detail, change.reason, change.entry, run.options.key))
    if whole:
        await reuse(run, [change for change in plan.changes if change.action is Action.REUSE])
        await cancel_pruned(run, [change for change in plan.changes if _is_to_cancel(change)])
    await _pump(run, doubts)


def _is_to_cancel(change: Change) -> bool:
    entry = change.entry
    return (
        change.action is Action.ORPHAN
        and change.prune == "cancel"
        and entry is not None
        and not (entry.status.is_final or entry.lost)
    )


def _on_paper(run: Run) -> None:
    """Moves, orphans and what is forgotten: written and told."""
    changes = run.plan.changes
    run.recorder.later(*settled_on_paper(changes))
    for change in changes:
        entry = change.entry
        if change.action is Action.MOVE and change.moved_from is not None:
            run.emit(Moved(change.name, change.moved_from))
        elif change.action is Action.ORPHAN and entry is not None:
            ended = change.prune is not None and (entry.status.is_final or entry.lost)
            gone = Pruned(change.name, entry.job_id, cancelled=False)
            run.emit(gone if ended else Orphaned(change.name, entry.job_id))


def _follow_what_runs(run: Run, state: State) -> None:
    selected = run.options.plan.selected
    for job in state.superseded:
        if selected is None or job.name in selected:
            run.follower.add(Followed(job.name, job.job_id, job.status, run.redactor, superseded=True))
    for name, entry in (run.plan.running or {}).items():
        run.follower.add(Followed(name, entry.job_id, entry.status, run.redactor))


def _leftovers(run: Run, state: State, doubts: Doubts) -> None:
    """Pushes that an earlier run left unanswered, those of specs that this run is not about included."""
    rows = {change.intent.uuid: change for change in run.plan.changes if change.intent is not None}
    entries = run.store.get([intent.name for intent in state.intents]) if state.intents else {}
    for intent in state.intents:
        doubts.add(intent, rows.get(intent.uuid), entries.get(intent.name), blocks=True)


async def _pump(run: Run, doubts: Doubts) -> None:
    """Makes every push that may be made now: alone until one was accepted, then several at a time."""

    async def slot(*, alone: bool) -> None:
        while not (run.ending.is_set() or (alone and run.learned)):
            order = run.orders.take()
            if order is None:
                return
            try:
                doubt = await send(run, order)
            except asyncio.CancelledError:
                run.fail(
                    order.change, order.reason, "its push was under way when the run ended: it is looked for next time"
                )
                run.held.add(order.name)
                raise
            if doubt is None:
                run.orders.done(order)
            else:
                doubts.add(doubt, order.change, order.before, blocks=False)

    await slot(alone=True)
    slots = [asyncio.create_task(slot(alone=False)) for _ in range(run.options.concurrency)]
    try:
        await asyncio.wait(slots, return_when=asyncio.FIRST_EXCEPTION)
        if any(not task.done() for task in slots):
            # Something failed: no push begins, but answers to those under way are worth having.
            run.ending.set()
            await asyncio.wait(slots)
    finally:
        for task in slots:
            task.cancel()
        await asyncio.gather(*slots, return_exceptions=True)
    for task in slots:
        if (error := task.exception()) is not None:
            raise error


async def _settle(run: Run, doubts: Doubts) -> None:
    """Looks for what is in doubt until its settle time is over, and makes again what never arrived."""
    await doubts.look()
    await _pump(run, doubts)
    pause = FIRST_LOOK
    while doubts.open and run.options.settle is not None and not run.ending.is_set():
        seconds = max(min(pause, doubts.left()), 0.0)
        count = len(doubts.open)
        run.emit(Waiting(seconds, f"{count} in doubt may still show in the far side's list of jobs"))
        await run.pause(seconds)
        await doubts.look()
        await _pump(run, doubts)
        pause = min(pause * 2, LONGEST_PAUSE)
