"""Planning as a verb does it: the tree against the state, with what the command line narrows and asks for."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.selection import selected
from sieve_jobs.plan.action import Prune
from sieve_jobs.plan.gather import build
from sieve_jobs.plan.plan import Notice, Plan, PlanOptions, Where

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
    missing: tuple[Notice, ...] = ()
    if session.target.is_local and plan.summary.push:
        from sieve_jobs.cli.absent import absent_functions

        missing = tuple(absent_functions(session, plan))
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


def refreshed(session: Session, state: State) -> State:
    """*state* with what the far side says now of jobs that were not known to have ended. Writes nothing."""
    from sieve_jobs.cli.asking import ask

    running = {name: entry for name, entry in state.open.items() if not entry.status.is_final and not entry.lost}
    heard = ask(session, running)
    session.problems(*heard.problems)
    return replace(state, open={**state.open, **heard.entries})
