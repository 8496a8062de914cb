"""`state recover`: jobs that a run could not record, brought into the state afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.given_file import STDIN, read_given
from sieve_jobs.cli.locking import writable
from sieve_jobs.cli.options import DURATION, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import DecisionError, ExitCode, GuardedError, StateError
from sieve_jobs.render.text import escape
from sieve_jobs.state.parse import DocumentError
from sieve_jobs.state.recover import Answer, parse_recover
from sieve_jobs.state.writes import Write

if TYPE_CHECKING:
    from sieve_jobs.state.store import Store

LARGEST = 1 << 28
"""Bytes of a file that is read."""


@dataclass(frozen=True, slots=True)
class _Sorted:
    """What the state says of the answers."""

    serial: int
    taken: list[Answer] = field(default_factory=list)
    """Their push is in doubt in the state: it ends with the job."""
    known: list[Answer] = field(default_factory=list)
    """The state has the job already."""
    foreign: list[Answer] = field(default_factory=list)
    """Neither: the doubt was ended another way."""
    writes: list[Write] = field(default_factory=list)


@verb("recover", "sieve-jobs state recover recover-12.jsonl -t prod")
@click.argument("file", metavar="FILE")
@click.option("--lock-timeout", type=DURATION, default=0.0, help="Wait so long for another run; default 0.")
def recover(session: Session, file: str, *, lock_timeout: float) -> ExitCode:
    """Take up the jobs of FILE, which a run wrote because it could not record them; `-` is stdin.

    Each ends the push in doubt that it answers. What the state has already stays: doing it twice does no harm.
    """
    lineage, answers = _read(file)
    with writable(session, "state recover", lock_timeout) as held:
        found = _sorted(session, held.store, lineage, answers)
        while not held.secure(found.serial):
            found = _sorted(session, held.store, lineage, answers)
        if found.writes:
            held.store.commit(found.writes, found.serial)
    _answer(session, found)
    if found.foreign:
        raise DecisionError(*(_foreign(session, answer) for answer in found.foreign))
    return ExitCode.OK


def _read(file: str) -> tuple[str, Sequence[Answer]]:
    shown = "stdin" if file == STDIN else escape(file)
    try:
        text = read_given(file, LARGEST)
    except OSError as error:
        raise StateError(Diagnostic(Code.NO_RECOVER_FILE, f"could not read '{shown}': {error.strerror}")) from error
    try:
        if len(text) > LARGEST:
            raise DocumentError("larger than 256 MiB")
        return parse_recover(text)
    except DocumentError as error:
        hint = "nothing was written; a file `recover-….jsonl` as a run leaves it is expected"
        raise StateError(
            Diagnostic(Code.NO_RECOVER_FILE, f"'{shown}' holds no jobs to recover: {error}", hint=hint)
        ) from error


def _sorted(session: Session, store: Store, lineage: str, answers: Sequence[Answer]) -> _Sorted:
    """Raises GuardedError where the jobs are those of another state."""
    from sieve_jobs.push.draft import answered

    state = store.load()
    if state.header.lineage != lineage:
        here = f"the state of '{session.target.name}' has the lineage '{state.header.lineage}'"
        hint = "name the target whose run wrote the file, with -t"
        raise GuardedError(
            Diagnostic(
                Code.STATE_OF_OTHER_LINEAGE, f"{here}, the jobs belong to '{lineage}'; nothing was written", hint=hint
            )
        )
    found = _Sorted(state.header.serial)
    intents = {intent.uuid: intent for intent in state.intents}
    held = store.held(answer.job_id for answer in answers)
    before = store.get([answer.name for answer in answers])
    for answer in answers:
        intent = intents.get(answer.intent)
        if answer.job_id in held:
            found.known.append(answer)
        elif intent is None or intent.name != answer.name:
            found.foreign.append(answer)
        else:
            found.taken.append(answer)
            job = (answer.job_id, answer.run_id, answer.status)
            found.writes.extend(answered(intent, before.get(answer.name), *job))
    return found


def _foreign(session: Session, answer: Answer) -> Diagnostic:
    message = f"job {escape(answer.job_id)} of '{escape(answer.name)}' answers no push that is in doubt"
    hint = f"the doubt was ended another way; to have it: sieve-jobs state adopt NAME --job ID -t {session.target.name}"
    return Diagnostic(Code.PUSH_IN_DOUBT, message, hint=hint)


def _answer(session: Session, found: _Sorted) -> None:
    if session.as_json:
        rows = {"recovered": found.taken, "already": found.known, "unknown": found.foreign}
        facts = {
            word: [{"name": each.name, "job_id": each.job_id} for each in each_of] for word, each_of in rows.items()
        }
        session.streams.document({"target": session.target.name, **facts})
        return
    lines = [f"recovered {escape(each.name)}: job {escape(each.job_id)}" for each in found.taken]
    lines += [f"already there {escape(each.name)}: job {escape(each.job_id)}" for each in found.known]
    session.streams.answer("\n".join(lines))
