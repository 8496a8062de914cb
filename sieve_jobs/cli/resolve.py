"""`resolve`: a person decides what became of pushes in doubt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.answering import answer
from sieve_jobs.cli.connection import default_workers, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.locking import writable
from sieve_jobs.cli.options import DURATION, events_option, names_argument, verb
from sieve_jobs.cli.planning import Planned, make_plan, options_for
from sieve_jobs.cli.pushing import Asked, apply_options, run_shown
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UsageError
from sieve_jobs.plan.moment import shown, stamp
from sieve_jobs.render.table import Cell, Column, table
from sieve_jobs.state.entry import Intent

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client
    from sieve_jobs.push.events import Event
    from sieve_jobs.push.resolve import Answer
    from sieve_jobs.push.result import ApplyResult
    from sieve_jobs.push.stop import Stop


@verb(
    "resolve",
    "sieve-jobs resolve",
    "sieve-jobs resolve dub-intro --adopt 1b4ef0d2-5f0c-4f7e-9d2a-0c9a4c1f8d11",
    "sieve-jobs resolve --all --drop",
)
@names_argument
@click.option("--all", "everything", is_flag=True, help="All pushes in doubt.")
@click.option("--adopt", metavar="ID", help="The push made this job: it becomes the spec's.")
@click.option("--push", "push_again", is_flag=True, help="The push made nothing: it is made again.")
@click.option("--drop", is_flag=True, help="Forget the push; the next apply decides anew.")
@click.option("--detach", is_flag=True, help="Do not follow the jobs.")
@click.option("--wait", type=DURATION, help="Follow jobs for so long; then exit 8, the jobs go on.")
@click.option("--lock-timeout", type=DURATION, default=0.0, help="Wait so long for another run; default 0.")
@events_option
def command(
    session: Session,
    names: tuple[str, ...],
    *,
    everything: bool,
    adopt: str | None,
    push_again: bool,
    drop: bool,
    detach: bool,
    wait: float | None,
    lock_timeout: float,
    events: bool,
) -> ExitCode:
    """Decide what becomes of pushes in doubt: those that were sent and got no clear answer.

    Without a decision they are listed, and the exit code is 5 if there is one.
    """
    given = sum((adopt is not None, push_again, drop))
    if given == 0:
        return _list(session, names)
    if given > 1:
        raise UsageError(Diagnostic(Code.USAGE, "one of --adopt, --push and --drop is needed, not several"))
    if bool(names) is everything:
        raise UsageError(Diagnostic(Code.USAGE, "say which: one NAME or more, or --all"))
    asked = Asked("resolve", names, detach=detach, wait=wait, lock_timeout=lock_timeout, events=events)
    return _resolve(session, asked, lambda count: _decision(count, adopt, push_again=push_again))


def _decision(count: int, adopt: str | None, *, push_again: bool) -> Answer:
    from sieve_jobs.push.resolve import Adopt, Drop, PushAgain

    if adopt is not None:
        if count > 1:
            raise UsageError(Diagnostic(Code.USAGE, f"one job cannot be adopted by {count} specs: name one"))
        return Adopt(adopt)
    return PushAgain() if push_again else Drop()


def _resolve(session: Session, asked: Asked, decide: Callable[[int], Answer]) -> ExitCode:
    from sieve_jobs.push.resolve import resolve

    session = session.to_write()
    with ExitStack() as held:
        state = held.enter_context(writable(session, asked.verb, asked.lock_timeout))
        store = state.store
        while True:
            chosen = _chosen(session, asked.names, store.load().intents)
            if not chosen:
                session.streams.say("no push is in doubt")
                return answer_nothing(session)
            answers = dict.fromkeys(sorted(chosen), decide(len(chosen)))
            planned: Planned = make_plan(session, store, options_for(session, chosen))
            if state.secure(planned.plan.where.serial):
                break
        with far_side(session, workers=default_workers()) as far:
            options = replace(apply_options(session, far, planned, asked), unlock=state.unlock)

            def work(client: Client, stop: Stop, emit: Callable[[Event], None]) -> Awaitable[ApplyResult]:
                run_options = replace(options, stop=stop)
                return resolve(planned.plan, answers, store, client, options=run_options, emit=emit)

            outcome = run_shown(session, far, work, expected=len(chosen), as_events=asked.events)
        return answer(session, outcome, planned.plan, as_events=asked.events)


def answer_nothing(session: Session) -> ExitCode:
    """The answer of a run that found nothing to do."""
    if session.as_json:
        session.streams.document({"target": session.target.name, "in_doubt": []})
    return ExitCode.OK


def _chosen(session: Session, words: Sequence[str], intents: Sequence[Intent]) -> frozenset[str]:
    """The pushes in doubt that *words* mean, all of them without. Raises UsageError for a word that means none."""
    known = {intent.name: intent.draft.path for intent in intents}
    if not words:
        return frozenset(known)
    found: set[str] = set()
    clear: list[Diagnostic] = []
    for word in words:
        try:
            found |= session.chosen([word], known)
        except UsageError:
            hint = "`sieve-jobs resolve` lists what is"
            clear.append(Diagnostic(Code.NOTHING_NAMED_SO, f"no push of '{word}' is in doubt", hint=hint))
    if clear:
        raise UsageError(*clear)
    return frozenset(found)


def _list(session: Session, words: Sequence[str]) -> ExitCode:
    with session.open_store(read_only=True) as store:
        intents = store.load().intents
    chosen = _chosen(session, words, intents)
    rows = [intent for intent in intents if intent.name in chosen]
    if session.as_json:
        fields = [
            {
                "name": intent.name,
                "function": intent.draft.function,
                "attempt": intent.attempt,
                "at": stamp(intent.at),
                "job_id": intent.confirmed_job,
            }
            for intent in rows
        ]
        session.streams.document({"target": session.target.name, "in_doubt": fields})
    elif rows:
        columns = [Column("spec"), Column("function", 5), Column("pushed", 7), Column("attempt", 4)]
        cells = [
            [Cell(i.name, ("strong",)), Cell(i.draft.function), Cell(shown(i.at)), Cell(str(i.attempt))] for i in rows
        ]
        session.streams.answer(table(columns, cells, session.style(session.streams.out)))
        session.streams.say("`sieve-jobs apply` looks for them; --adopt ID, --push or --drop decides")
    else:
        session.streams.say("no push is in doubt")
    return ExitCode.DECISION if rows else ExitCode.OK
