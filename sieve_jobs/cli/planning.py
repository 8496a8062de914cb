"""Planning as a verb does it: the tree against the state, with what the command line narrows and asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.selection import selected
from sieve_jobs.diagnostic import did_you_mean
from sieve_jobs.plan.action import Action, Prune
from sieve_jobs.plan.gather import build
from sieve_jobs.plan.plan import Notice, Plan, PlanOptions, Where
from sieve_jobs.render.quantity import count

if TYPE_CHECKING:
    from sieve_jobs.state.loaded import State
    from sieve_jobs.state.store import Store


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it was made from."""

    plan: Plan
    options: PlanOptions
    state: State


def plan_options(
    session: Session, names: Sequence[str], *, rerun: Sequence[str] = (), prune: Prune | None = None
) -> PlanOptions:
    """What the command line says about planning. Raises InvalidError for an invalid spec in the selection."""
    chosen = selected(session, names)
    again: set[str] = set()
    if rerun:
        known = {spec.name: spec.path for spec in session.tree.wanted if chosen is None or spec.name in chosen}
        again = session.chosen(rerun, known)
    return PlanOptions(
        rerun=frozenset(again),
        selected=chosen,
        prune=prune,
        local=session.target.is_local,
        key=session.key,
        ignore_query=session.target.ignore_query,
    )


def options_for(session: Session, names: frozenset[str]) -> PlanOptions:
    """The options of a plan narrowed to *names*, of which some may have no spec any more.

    Raises InvalidError where one of those specs is invalid.
    """
    there = sorted(names & {spec.name for spec in session.tree.wanted})
    base = plan_options(session, there) if there else PlanOptions(key=session.key)
    return replace(base, selected=names, local=session.target.is_local, ignore_query=session.target.ignore_query)


def make_plan(
    session: Session, store: Store, options: PlanOptions, *, refresh: bool = False, offline: bool = False
) -> Planned:
    """The plan of the session's tree against *store*, loaded now; with *refresh* the far side is asked first.

    *offline*: as *store* was opened.
    """
    state = refreshed(session, store.load()) if refresh else store.load()
    header = state.header
    age = (
        None
        if header.written_at is None or header.serial == 0
        else (datetime.now(UTC) - header.written_at).total_seconds()
    )
    shown = store.place if session.target.in_git else session.shown_state
    where = Where(session.target.name, session.target.endpoint, shown, header.serial, age)
    plan = build(session.tree, store, state, where, options, gone=_missing(session, state))
    missing = tuple(absent_functions(session, plan)) if session.target.is_local else ()
    if session.target.in_git:
        from sieve_jobs.cli.shared import notices

        missing += notices(session, store, offline=offline)
    return Planned(replace(plan, notices=plan.notices + missing) if missing else plan, options, state)


def _missing(session: Session, state: State) -> Set[str]:
    """Names of specs of which an output that was saved in this folder is not there any more."""
    if not state.saved.paths:
        return frozenset()
    from sieve_jobs.state.place import missing, read_place

    return missing(session.root, read_place(session.own_folder), state.saved)


def absent_functions(session: Session, plan: Plan) -> Iterator[Notice]:
    """What the engine will refuse: functions that no file of the project declares, with the ways out.

    A notice and no error: an engine that was started with other folders may have them.
    """
    wanted: dict[str, int] = {}
    for change in plan.changes:
        function = change.detail.spec.function if change.detail and change.action is Action.PUSH else None
        name = function.partition(":")[0] if function else ""
        if name and name not in (session.sources or {}):
            wanted[name] = wanted.get(name, 0) + 1
    if not wanted:
        return
    for path, line, what in session.declared.problems:
        shown = path.relative_to(session.root) if path.is_relative_to(session.root) else path
        yield Notice(None, None, f"{shown}:{line}: {what}")
    others = [f"-t {name}" for name in session.config.remotes]
    owner = session.config.project.owner
    for name, specs in sorted(wanted.items()):
        write = f'write it: @sieve.function(name="{name.rpartition("/")[2]}") in a file of functions/'
        ways = [write] if name.startswith(f"{owner}/") else []
        ways += [f"run it elsewhere: {' or '.join(others) or 'a remote target of sieve-jobs.toml'}"]
        hint = did_you_mean(name, session.sources or {}) or "; ".join(ways)
        yield Notice(None, None, f"the engine has no function '{name}' ({count(specs, 'spec')})", hint)


def refreshed(session: Session, state: State) -> State:
    """*state* with what the far side says now of jobs that were not known to have ended. Writes nothing."""
    from sieve_jobs.cli.asking import ask

    running = {name: entry for name, entry in state.open.items() if not entry.status.is_final and not entry.lost}
    heard = ask(session, running)
    session.problems(*heard.problems)
    return replace(state, open={**state.open, **heard.entries})
