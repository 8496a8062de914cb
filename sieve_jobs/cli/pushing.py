"""Pushing as a verb does it: lock, plan, guards, consent, far side, result. `apply` and `rerun` both go this way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sieve_jobs.cli.answering import Outcome, answer
from sieve_jobs.cli.connection import FarSide, call, default_workers, far_side, required_key
from sieve_jobs.cli.consent import can_ask, require_consent
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import secret_values
from sieve_jobs.cli.guarding import passes
from sieve_jobs.cli.interrupt import run_interruptible
from sieve_jobs.cli.locking import Held, writable
from sieve_jobs.cli.planning import Planned, make_plan, plan_options
from sieve_jobs.cli.progress import Progress
from sieve_jobs.cli.selection import say_nothing_found
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import ExitCode, GuardedError, InvalidError
from sieve_jobs.plan.action import Action
from sieve_jobs.plan.guard import check, finished_jobs, none_found
from sieve_jobs.render import human
from sieve_jobs.render.quantity import count
from sieve_jobs.spec.jobspec import JobSpec, LocalFile
from sieve_jobs.spec.request import push_body
from sieve_jobs.spec.scan import scan
from sieve_jobs.state.store import Store
from sieve_jobs.wire import Job, Json

if TYPE_CHECKING:
    from sieve_jobs.plan.action import Prune
    from sieve_jobs.plan.saved import SavedPlan
    from sieve_jobs.push.client import Client
    from sieve_jobs.push.events import Event
    from sieve_jobs.push.options import ApplyOptions
    from sieve_jobs.push.result import ApplyResult
    from sieve_jobs.push.save import SaveOptions
    from sieve_jobs.push.stop import Stop

MOST_LOOKED_AT = 200
"""Finished jobs whose outputs are fetched for the table of results; `outputs NAME` has every one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks of a run that pushes. Durations are seconds."""

    verb: str
    names: Sequence[str] = ()
    saved: SavedPlan | None = None
    """The plan that was reviewed; *names* are its file then."""
    rerun: Sequence[str] = ()
    yes: bool = False
    detach: bool = False
    continue_only: bool = False
    wait: float | None = None
    max_pushes: int | None = None
    allow_removals: bool = False
    allow_protected: Sequence[str] = ()
    new_state: bool = False
    prune: Prune | None = None
    lock_timeout: float = 0.0
    concurrency: int | None = None
    events: bool = False


def carry_out(session: Session, asked: Asked) -> ExitCode:
    """Plans and pushes. Raises what keeps anything from being sent; what goes wrong later is in the answer."""
    _require_specs(session, asked)
    session = session.to_write()
    with ExitStack() as held:
        state = held.enter_context(writable(session, asked.verb, asked.lock_timeout, new_state=asked.new_state))
        planned = _agreed(session, state, asked)
        if _is_idle(planned):
            state.unlock()
            return _answer_idle(session, planned, asked)
        with far_side(session, workers=default_workers()) as far:
            if _has_forgotten(session, far, state.store, planned, asked):
                planned = _agreed(session, state, asked)
            outcome = _push(session, far, state.store, planned, asked=asked, unlock=state.unlock)
        _say_unpinned(session, state.store, planned)
        return answer(session, outcome, planned.plan, as_events=asked.events)


def _agreed(session: Session, state: Held, asked: Asked) -> Planned:
    """The plan, shown and consented to, of a state that nobody else changes any more; an idle one needs neither."""
    reviewed = asked.saved is not None and session.streams.interactive
    while True:
        planned = _planned(session, state.store, asked)
        _show_plan(session, planned, asked)
        _guard(session, planned, asked)
        if _is_idle(planned):
            return planned
        if not (asked.continue_only or reviewed):
            require_consent(session, planned.plan, yes=asked.yes, quiet=session.as_json or asked.events)
        if not session.target.is_local:
            required_key(session)
        options = partial(apply_options, session, planned=planned, asked=asked)
        if passes(session, state.store, planned, options) and state.secure(planned.plan.where.serial):
            return planned
        session.streams.say("another run wrote the state meanwhile; planned again:")


def _planned(session: Session, store: Store, asked: Asked) -> Planned:
    """The plan of this run; of a saved one that which was reviewed, of one that only goes on what was begun.

    Raises LockedError if a saved one is stale.
    """
    if asked.saved is None:
        wanted = plan_options(session, asked.names, rerun=asked.rerun, prune=asked.prune)
        planned = make_plan(session, store, wanted)
        if not asked.continue_only:
            return planned
        from sieve_jobs.plan.begun import begun

        return replace(planned, plan=begun(planned.plan))
    from sieve_jobs.cli.saved import as_reviewed, options_of

    return as_reviewed(asked.saved, make_plan(session, store, options_of(session, asked.saved)))


def _has_forgotten(session: Session, far: FarSide, store: Store, planned: Planned, asked: Asked) -> bool:
    """Whether the project's engine has lost jobs that something is still due for: another plan pushes them again."""
    if not far.local or asked.continue_only or not (planned.plan.running or planned.plan.unsaved):
        return False
    from sieve_jobs.cli.forgotten import note_forgotten

    gone = call(far, lambda client: note_forgotten(client, store, planned, session.target.concurrency))
    if gone and not (session.as_json or asked.events):
        session.streams.say(f"the engine no longer knows {count(gone, 'job')}; planned again:")
    return gone > 0


def _require_specs(session: Session, asked: Asked) -> None:
    """Raises GuardedError where there is neither a spec file nor a state, before anything is made in a wrong folder."""
    if asked.names or asked.allow_removals or asked.continue_only or session.state_path.exists():
        return
    folders = (scanned for specs in session.config.project.specs for scanned in scan(session.root, specs))
    if not any(scanned.files or scanned.problems for scanned in folders):
        raise GuardedError(none_found(0, first=True))


def _say_unpinned(session: Session, store: Store, planned: Planned) -> None:
    """After the first run of a shared state: how the config says which one it is."""
    if session.target.in_git and planned.state.header.serial == 0:
        from sieve_jobs.cli.shared import unpinned

        line = unpinned(session, store)
        if line is not None:
            session.streams.say(line)


def _show_plan(session: Session, planned: Planned, asked: Asked) -> None:
    if session.as_json or asked.events:
        return
    session.say_key_hint()
    style = session.style(session.streams.err)
    if asked.continue_only or _is_idle(planned):
        session.streams.say(human.header(planned.plan.where, style) + human.notices(planned.plan.notices, style))
    else:
        session.streams.say(human.plan(planned.plan, style))


def _guard(session: Session, planned: Planned, asked: Asked) -> None:
    """Raises GuardedError for a plan that looks like a mistake."""
    if not asked.continue_only and (problems := guarded(session, planned, asked)):
        raise GuardedError(*problems)


def guarded(session: Session, planned: Planned, asked: Asked) -> tuple[Diagnostic, ...]:
    """Why the plan looks like a mistake, each with the flag that lifts it."""
    local, quiet = session.target.is_local, session.as_json or asked.events
    return check(
        planned.plan,
        interactive=not local and can_ask(session, yes=asked.yes, quiet=quiet),
        max_pushes=session.target.max_pushes if asked.max_pushes is None else asked.max_pushes,
        max_pushes_given=asked.max_pushes is not None,
        allow_removals=asked.allow_removals,
        found_files=session.tree.files,
        wanted=len(session.tree.wanted),
        finished=finished_jobs(planned.state),
        local=local,
        allow_protected=asked.allow_protected,
    )


def _is_idle(planned: Planned) -> bool:
    """Whether there is nothing to send, to follow, to record or to say."""
    plan, state = planned.plan, planned.state
    return not (
        plan.changes
        or plan.running
        or plan.unsaved
        or plan.refresh
        or state.intents
        or state.superseded
        or any(not entry.reported for entry in plan.failed.values())
    )


def _push(
    session: Session, far: FarSide, store: Store, planned: Planned, *, asked: Asked, unlock: Callable[[], None]
) -> Outcome:
    from sieve_jobs.push.apply import apply

    plan = planned.plan
    options = replace(apply_options(session, far, planned, asked), unlock=unlock, guarded=session.target.in_git)

    def work(client: Client, stop: Stop, emit: Callable[[Event], None]) -> Awaitable[ApplyResult]:
        return apply(plan, store, client, replace(options, stop=stop), emit)

    expected = plan.summary.push + len(plan.running)
    return run_shown(session, far, work, expected=expected, as_events=asked.events)


def apply_options(session: Session, far: FarSide, planned: Planned, asked: Asked) -> ApplyOptions:
    from sieve_jobs.push.options import ApplyOptions

    target = session.target
    return ApplyOptions(
        body=lambda spec: _body(spec, local=far.local),
        key=session.key,
        concurrency=asked.concurrency or target.concurrency,
        wait=target.wait if asked.wait is None else asked.wait,
        detach=asked.detach,
        settle=target.settle,
        continue_only=asked.continue_only,
        planned_only=asked.saved is not None,
        new_state=asked.new_state,
        save=save_options(session),
        plan=planned.options,
        commit=checked_out(session),
        secrets=secret_values(session),
    )


def save_options(session: Session) -> SaveOptions:
    """Where outputs of this project are saved."""
    from sieve_jobs.push.save import SaveOptions
    from sieve_jobs.state.place import ensure_place

    return SaveOptions(session.root, lambda: ensure_place(session.own_folder), at_end=session.target.in_git)


def run_shown(
    session: Session,
    far: FarSide,
    work: Callable[[Client, Stop, Callable[[Event], None]], Awaitable[ApplyResult]],
    *,
    expected: int,
    as_events: bool = False,
) -> Outcome:
    """Runs *work* with a client, shows its events, and reads the jobs whose outputs are shown at the end."""
    with Progress(session, expected=expected, as_events=as_events) as progress:

        async def shown(client: Client, stop: Stop) -> Outcome:
            result = await work(client, stop, progress.emit)
            quiet = session.as_json or as_events or stop.asked.is_set()
            return Outcome(result, {} if quiet else await _finished_jobs(client, result), progress.told)

        outcome = run_interruptible(far.telling(progress.emit), shown)
    if outcome.result.unrecorded is not None:
        from sieve_jobs.cli.rescue import kept

        return kept(session, outcome)
    return outcome


def _body(spec: JobSpec, *, local: bool) -> dict[str, Json]:
    """The body of a push. Raises InvalidError for a file on a remote target."""
    from sieve_jobs.spec.files import file_url

    def remote_file(file: LocalFile) -> str:
        place = Place(spec.path, spec.line)
        raise InvalidError(
            Diagnostic(
                Code.NOT_SUPPORTED,
                f"the file '{file.shown}' as an input of a remote target is not supported yet",
                place,
            )
        )

    return push_body(spec, file_url=file_url if local else remote_file)


async def _finished_jobs(client: Client, result: ApplyResult) -> Mapping[str, Job]:
    """Jobs of this run that finished, with times and outputs for the table; one that cannot be read is left out."""
    import asyncio

    from sieve_jobs.errors import CallError
    from sieve_jobs.wire import Status

    rows = [
        row
        for row in result.results
        if row.status is Status.FINISHED and row.job_id and row.action is not Action.ORPHAN
    ][:MOST_LOOKED_AT]
    gate = asyncio.Semaphore(8)

    async def one(name: str, job_id: str) -> tuple[str, Job | None]:
        async with gate:
            try:
                return name, await client.job(job_id)
            except CallError:
                return name, None

    found = await asyncio.gather(*(one(row.name, row.job_id) for row in rows if row.job_id))
    return {name: job for name, job in found if job is not None}


def checked_out(session: Session) -> str | None:
    """The commit that is checked out, None outside of a repository or without git."""
    import subprocess

    if not any((folder / ".git").exists() for folder in (session.root, *session.root.parents)):
        return None
    try:
        asked = subprocess.run(
            ["git", "-C", str(session.root), "rev-parse", "--verify", "-q", "HEAD"],
            capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None if asked.returncode == 0 else None


def _answer_idle(session: Session, planned: Planned, asked: Asked) -> ExitCode:
    from sieve_jobs.push.result import ApplyResult, Tally

    plan = planned.plan
    result = ApplyResult((), Tally(unchanged=plan.summary.unchanged), notices=plan.notices, due=plan.due)
    say_nothing_found(session)
    return answer(session, Outcome(result), plan, as_events=asked.events)
