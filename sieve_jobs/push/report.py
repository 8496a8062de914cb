"""Report: the result of a run, put together when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sieve_jobs.codes import Code
from sieve_jobs.config.stand_ins import StandIn
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.plan import Plan
from sieve_jobs.push.followed import FollowResult
from sieve_jobs.push.result import ApplyResult, Result, Tally
from sieve_jobs.push.run import Run, place_of
from sieve_jobs.state.recover import Unrecorded


def report(run: Run, followed: FollowResult | None) -> ApplyResult:
    """Rows for every change and every job followed, the exit codes that hold, and what is still running."""
    for change in run.plan.changes:
        _complete(run, change)
    for name, entry in run.plan.running.items():
        row = Result(name, Action.NOTHING, Reason.UNCHANGED, entry.job_id, entry.run_id, entry.status)
        run.rows.setdefault(name, row)
    for name, entry in run.plan.unsaved.items():
        row = Result(name, Action.NOTHING, Reason.UNSAVED, entry.job_id, entry.run_id, entry.status)
        run.rows.setdefault(name, row)
    for name, entry in run.plan.failed.items():
        if not entry.reported:
            run.codes.add(ExitCode.JOB_FAILED)
            error = run.redactor.clean(entry.error)
            row = Result(name, Action.NOTHING, Reason.UNCHANGED, entry.job_id, entry.run_id, entry.status, error)
            run.rows.setdefault(name, row)
    return report_made(run, followed)


def report_made(run: Run, followed: FollowResult | None) -> ApplyResult:
    """As report, of those specs alone that the run did something about."""
    _twins_of_doubts(run)
    if followed is not None:
        run.codes |= followed.codes
        run.problems += followed.problems
    if run.saver.failed:
        run.codes.add(ExitCode.JOB_FAILED)
        run.problems += dict.fromkeys(run.saver.failed.values())
    marks = _stand_ins(run.plan)
    rows = tuple(
        replace(_with_saved(_with_doubt(_with_end(row, followed), run), run), stand_in=marks.get(name))
        for name, row in sorted(run.rows.items())
    )
    running = {
        row.name: row.job_id for row in rows if row.job_id and row.status is not None and not row.status.is_final
    }
    return ApplyResult(
        rows, _tally(run), frozenset(run.codes), tuple(run.problems), run.plan.notices, running, run.recorder.serial,
        run.plan.due, _unrecorded(run),
    )  # fmt: skip


def _unrecorded(run: Run) -> Unrecorded | None:
    answers = tuple(run.recorder.unrecorded)
    return Unrecorded(run.lineage, run.recorder.serial, answers) if answers else None


def _stand_ins(plan: Plan) -> Mapping[str, StandIn]:
    """By name of spec, of those that have one."""
    known = (*plan.running.items(), *plan.unsaved.items(), *plan.failed.items())
    found = {name: entry.stand_in for name, entry in known} | {each.name: each.stand_in for each in plan.changes}
    return {name: stand_in for name, stand_in in found.items() if stand_in is not None}


def _twins_of_doubts(run: Run) -> None:
    """Pushes that were not made because one that looks the same is in doubt."""
    if run.ending.is_set():
        return
    for order in run.orders.left():
        message = f"'{order.name}' was not pushed: a push that looks the same in the far side's list is in doubt"
        problem = Diagnostic(
            Code.PUSH_IN_DOUBT, message, place_of(order.change), hint="it goes on once that one is resolved"
        )
        run.fail(order.change, order.reason, message)
        run.problem(problem, ExitCode.DECISION)


def _complete(run: Run, change: Change) -> None:
    """A row for a change that no step made one for."""
    entry = change.entry
    if change.action in (Action.PUSH, Action.REUSE) or change.intent is not None:
        row = run.row(change)
        due = change.name not in run.dropped and not run.options.continue_only
        if row.job_id is None and row.error is None and due:
            run.fail(change, row.reason, "not pushed: the run ended before")
        return
    row = run.row(change)
    if entry is not None:
        run.rows[change.name] = replace(row, job_id=entry.job_id, run_id=entry.run_id, status=entry.status)
    if change.action is Action.RESOLVE:
        run.codes.add(ExitCode.DECISION)
        run.held.add(change.name)


def _with_end(row: Result, followed: FollowResult | None) -> Result:
    if followed is None or row.job_id is None:
        return row
    end = followed.ended.get(row.job_id)
    if end is not None:
        return replace(row, status=end.status, error=end.error or row.error, log=end.log)
    open_job = followed.running.get(row.job_id)
    return row if open_job is None else replace(row, status=open_job.status)


def _with_doubt(row: Result, run: Run) -> Result:
    if row.name in run.held:
        return replace(row, doubt="held")
    return replace(row, doubt="dropped") if row.name in run.dropped and row.job_id is None else row


def _with_saved(row: Result, run: Run) -> Result:
    problem = run.saver.failed.get(row.name)
    return replace(
        row, saved=run.saver.saved.get(row.name, ()), save_error=None if problem is None else problem.message
    )


def _tally(run: Run) -> Tally:
    rows = run.rows.values()
    done = [row for row in rows if row.job_id is not None and row.error is None]
    return Tally(
        pushed=len(run.pushed),
        refused=len(run.refused),
        reused=sum(row.action is Action.REUSE for row in done),
        moved=sum(row.action is Action.MOVE for row in rows),
        unchanged=run.plan.summary.unchanged,
        in_doubt=len(run.held),
    )
