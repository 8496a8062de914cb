"""Make a plan: every spec's decision, and what shows only over all of them: renames, orphans, and who reuses what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sieve_jobs.plan.action import Action, Prune, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.decide import Decision, decide, decide_steady
from sieve_jobs.plan.earlier import EarlierJobs
from sieve_jobs.plan.plan import Notice, Plan, PlanOptions, Summary, Where
from sieve_jobs.plan.rename import pair
from sieve_jobs.plan.survey import Survey
from sieve_jobs.spec.digest import digest_under
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.state.entry import Entry, Intent, PastJob
from sieve_jobs.wire import Status


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan is made from, read for the names that the survey asked for."""

    survey: Survey
    details: Mapping[str, Detail] = field(default_factory=dict)
    """Of the survey's *differing*."""
    entries: Mapping[str, Entry] = field(default_factory=dict)
    """Of *differing*, *steady* and *vanished*, where there is one."""
    past: Mapping[str, Sequence[PastJob]] = field(default_factory=dict)
    """Earlier jobs by digest, newest first."""
    intents: Mapping[str, Intent] = field(default_factory=dict)
    """Pushes in doubt, by name."""
    gone: Set[str] = frozenset()
    """Names of settled entries of which saved outputs are not there any more."""


class _Row(NamedTuple):
    """A spec, what is done with it, and what is worth saying beside."""

    change: Change
    decision: Decision


def make_plan(where: Where, known: Known, options: PlanOptions) -> Plan:
    """The plan over everything in *known*. Pure."""
    moves = _moves(known, options, where.target)
    kept = list(_kept(known, moves, options, where.target))
    given_away = {row.change.moved_from for row in kept if row.change.moved_from}
    rows = [
        *_steady(known, where.target),
        *kept,
        *(_removed(known, given_away, options) if options.selected is None else ()),
    ]
    rows.sort(key=lambda row: row.change.name)
    changes = tuple(row.change for row in rows if row.change.action is not Action.NOTHING)
    kept_jobs = {
        row.change.name: row.decision.refresh or row.change.entry
        for row in rows
        if row.change.entry is not None and row.change.reason in {Reason.UNCHANGED, Reason.RENAMED}
    }
    unsaved = {name: entry for name, entry in kept_jobs.items() if _is_unsaved(entry, known.gone)}
    return Plan(
        where=where,
        changes=changes,
        summary=_summary(rows, known.survey.unchanged),
        notices=(
            *(notice for row in rows for notice in row.decision.notices),
            *(_to_save(entry) for entry in unsaved.values()),
            *_untold(sum(row.decision.untold for row in rows), options),
        ),
        running={name: entry for name, entry in kept_jobs.items() if not (entry.status.is_final or entry.lost)},
        failed={name: entry for name, entry in kept_jobs.items() if _ended_badly(entry)},
        unsaved=unsaved,
        refresh=tuple(row.decision.refresh for row in rows if row.decision.refresh is not None),
    )


def _steady(known: Known, target: str) -> Iterator[_Row]:
    for spec in known.survey.steady:
        entry = known.entries[spec.name]
        change = Change(spec.name, Action.NOTHING, Reason.UNCHANGED, spec.path, spec.line, spec.digest, entry=entry)
        yield _Row(change, decide_steady(entry, target))


def _moves(known: Known, options: PlanOptions, target: str) -> dict[str, str]:
    """New name to the vanished name whose entry it gets. Names that ask for anything else are not renames."""
    vanished = [] if options.selected is not None else [
        entry
        for name in known.survey.vanished
        if (entry := known.entries.get(name)) is not None and not entry.orphaned and name not in known.intents
    ]  # fmt: skip
    if not vanished:
        return {}
    classes = {tuple(sorted(entry.variables.items())): entry.variables for entry in vanished}.values()
    new = {
        name: frozenset(digest_under(detail, each, ignore_query=options.ignore_query) for each in classes)
        for name, detail in known.details.items()
        if name not in known.entries and name not in known.intents and name not in options.rerun
    }
    by_name = {entry.name: entry for entry in vanished}
    pairs = pair([(entry.name, entry.digest) for entry in vanished], new)

    def is_move(name: str, old: str) -> bool:
        as_own = replace(by_name[old], name=name)
        return decide(known.details[name], as_own, options=options, target=target).action is not Action.PUSH

    return {name: old for name, old in pairs.items() if is_move(name, old)}


def _kept(known: Known, moves: Mapping[str, str], options: PlanOptions, target: str) -> Iterator[_Row]:
    """A row for every spec that differs from what the state knows of it."""
    earlier = EarlierJobs(known.past, _orphans(known, set(moves.values()), options), known.survey.tree)
    for name in sorted(known.details):
        detail, entry = known.details[name], known.entries.get(name)
        if name in moves:
            yield _moved(detail, known.entries[moves[name]], options, target)
            continue
        jobs = earlier.of(name, detail.digest)
        decision = decide(detail, entry, jobs, intent=known.intents.get(name), options=options, target=target)
        holder = earlier.take(decision.reuses) if decision.reuses is not None else None
        change = Change(
            name, decision.action, decision.reason, detail.spec.path, detail.spec.line, detail.digest,
            diff=decision.diff, detail=detail, entry=entry, moved_from=holder, reuses=decision.reuses,
            intent=decision.intent,
        )  # fmt: skip
        yield _Row(change, decision)


def _moved(detail: Detail, old: Entry, options: PlanOptions, target: str) -> _Row:
    """The row of a spec that gets the entry of *old*, the name it had."""
    spec, own = detail.spec, replace(old, name=detail.spec.name)
    decision = decide(detail, own, options=options, target=target)
    change = Change(
        spec.name, Action.MOVE, Reason.RENAMED, spec.path, spec.line, detail.digest, detail=detail,
        entry=decision.refresh or own, moved_from=old.name,
    )  # fmt: skip
    return _Row(change, replace(decision, refresh=None))


def _orphans(known: Known, moved: Iterable[str], options: PlanOptions) -> Iterator[Entry]:
    """Entries whose job another spec may take over: their own spec is gone, and not just now.

    A run narrowed by names takes over from specs that are gone just now as well: it moves nothing, but must not pay
    twice for a rename either.
    """
    for name in known.survey.vanished:
        entry = known.entries.get(name)
        if entry is None or entry.lost or name in known.intents or name in moved:
            continue
        if entry.orphaned or options.selected is not None:
            yield entry


def _removed(known: Known, given_away: Iterable[str], options: PlanOptions) -> Iterator[_Row]:
    """Rows for names the tree no longer holds: orphans, once or while they are pruned, and open doubts."""
    for name in known.survey.vanished:
        entry = known.entries.get(name)
        if entry is None or name in given_away or name in known.intents:
            continue
        prune, notices = _prune(entry, options)
        action = Action.ORPHAN if prune is not None or not entry.orphaned else Action.NOTHING
        change = Change(name, action, Reason.REMOVED, entry.path, entry.line, entry.digest, entry=entry, prune=prune)
        yield _Row(change, Decision(action, Reason.REMOVED, notices=notices))
    for name, intent in known.intents.items():
        if name not in known.details:
            decision = Decision(Action.RESOLVE, Reason.IN_DOUBT, intent=intent)
            yield _Row(_change(name, intent.draft, decision, known.entries.get(name)), decision)


def _change(name: str, draft: Entry, decision: Decision, entry: Entry | None) -> Change:
    return Change(
        name, decision.action, decision.reason, draft.path, draft.line, draft.digest, entry=entry,
        intent=decision.intent,
    )  # fmt: skip


def _prune(entry: Entry, options: PlanOptions) -> tuple[Prune | None, tuple[Notice, ...]]:
    """What pruning does with a removed spec's entry, and what is said if that is nothing."""
    if options.prune is None:
        return None, ()
    kept = None
    if entry.protect:
        kept = f"'{entry.name}' is protected: its entry is kept"
    elif options.prune == "forget" and not (entry.status.is_final or entry.lost):
        kept = f"job {entry.job_id} of '{entry.name}' has not ended: its entry is kept"
    return (options.prune, ()) if kept is None else (None, (Notice(entry.name, Reason.REMOVED, kept),))


def _summary(rows: Sequence[_Row], unchanged: int) -> Summary:
    counts = Counter(row.change.action for row in rows if row.change.reason is not Reason.REMOVED)
    return Summary(
        push=counts[Action.PUSH],
        reuse=counts[Action.REUSE],
        move=counts[Action.MOVE],
        orphan=sum(row.change.action is Action.ORPHAN for row in rows),
        resolve=counts[Action.RESOLVE],
        unchanged=unchanged + counts[Action.NOTHING],
    )


def _untold(count: int, options: PlanOptions) -> tuple[Notice, ...]:
    if not count:
        return ()
    specs = "1 spec was" if count == 1 else f"{count} specs were"
    today = "there is no key here" if options.key is None else "another key is here"
    text = f"{specs} recorded under a key that is not this one ({today}): changed variables and secrets cannot be told"
    return (Notice(None, None, text, hint="set SIEVE_JOBS_STATE_KEY to the key of the machine that applied them"),)


def _ended_badly(entry: Entry) -> bool:
    return entry.status in {Status.ERROR, Status.CANCELLED} and not entry.lost


def _is_unsaved(entry: Entry, gone: Set[str]) -> bool:
    """Whether its job finished, and its outputs do not lie where the spec wants them."""
    if entry.is_to_save:
        return True
    return bool(entry.save) and entry.name in gone and entry.status is Status.FINISHED and not entry.lost


def _to_save(entry: Entry) -> Notice:
    saved = entry.saved is not None and entry.saved.complete and entry.saved.asked == entry.save
    where = entry.save.partition("{")[0].rpartition("/")[0]
    text = f"saved outputs of '{entry.name}' are missing" if saved else f"the outputs of '{entry.name}' are not saved"
    return Notice(entry.name, Reason.UNSAVED, f"{text}: apply fetches them into '{where}'; nothing runs for it")
