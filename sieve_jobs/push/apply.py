"""Apply: carries a plan out. Doubts first, then one push alone, then the others, then jobs to their end."""

from __future__ import annotations

from collections.abc import Callable

from sieve_jobs.errors import CallError, ExitCode
from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.plan import Plan
from sieve_jobs.push.bookkeeping import refreshed, settled_on_paper
from sieve_jobs.push.cancel import cancel_pruned
from sieve_jobs.push.client import Client
from sieve_jobs.push.conduct import conduct, pump
from sieve_jobs.push.doubts import Doubts
from sieve_jobs.push.draft import Order
from sieve_jobs.push.events import Event, Moved, Orphaned, Pruned
from sieve_jobs.push.followed import Followed
from sieve_jobs.push.guard import ASK, refuse
from sieve_jobs.push.options import ApplyOptions
from sieve_jobs.push.report import report
from sieve_jobs.push.result import ApplyResult
from sieve_jobs.push.run import Run
from sieve_jobs.state.loaded import State
from sieve_jobs.state.store import Store


async def apply(
    plan: Plan, store: Store, client: Client, options: ApplyOptions, emit: Callable[[Event], None]
) -> ApplyResult:
    """Carries *plan* out, which was made from *store* as it is now, under its lock.

    What goes wrong with a spec, or ends the run early, is in the result. Raises InvalidError (a secret that a push
    needs is not set) and GuardedError before anything is sent, and what the first look at *store* raises.
    """
    state = store.load()
    run = Run(plan, store, state.header, client, options=options, emit=emit)
    try:
        if not options.guarded:
            await refuse(plan, state, client, options)
    except CallError as error:
        problem = run.call_failed(error, ASK)
        run.halt(problem, ExitCode.ERROR, problem.message)
        return report(run, None)
    return report(run, await conduct(run, lambda doubts: _push_all(run, state, doubts)))


async def _push_all(run: Run, state: State, doubts: Doubts) -> None:
    """Everything that begins or settles a push or a save, but for the time it takes until absence means something."""
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
        run.reuses += [change for change in plan.changes if change.action is Action.REUSE]
        await cancel_pruned(run, [change for change in plan.changes if _is_to_cancel(change)])
    await pump(run, doubts)


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
            run.follow(Followed(job.name, job.job_id, job.status, run.redactor, superseded=True))
    newer = {entry.name: entry for entry in run.plan.refresh}
    for name, entry in run.plan.running.items():
        saves = bool(newer.get(name, entry).save)
        run.follow(Followed(name, entry.job_id, entry.status, run.redactor, saves=saves))
    for name, entry in run.plan.unsaved.items():
        run.save(name, entry.job_id)


def _leftovers(run: Run, state: State, doubts: Doubts) -> None:
    """Pushes that an earlier run left unanswered, those of specs that this run is not about included."""
    rows = {change.intent.uuid: change for change in run.plan.changes if change.intent is not None}
    entries = run.store.get([intent.name for intent in state.intents]) if state.intents else {}
    for intent in state.intents:
        doubts.add(intent, rows.get(intent.uuid), entries.get(intent.name), own=False)
