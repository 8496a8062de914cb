"""`state import`: a whole state out of what `state export` gave, all of it or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.given_file import STDIN, read_given
from sieve_jobs.cli.locking import writable
from sieve_jobs.cli.options import DURATION, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, GuardedError, StateError
from sieve_jobs.render.quantity import count
from sieve_jobs.render.text import escape
from sieve_jobs.state.loaded import Header
from sieve_jobs.state.parse import DocumentError
from sieve_jobs.state.restore import Exported, parse_export, restoring

if TYPE_CHECKING:
    from sieve_jobs.state.store import Store

LARGEST = 1 << 30
"""Bytes of a file that is read."""


@verb("import", "sieve-jobs state import state.json --target prod", "sieve-jobs state import state.json --replace")
@click.argument("file", metavar="FILE")
@click.option("--replace", is_flag=True, help="Into a state that is not empty: same lineage, and no older than it.")
@click.option("--lock-timeout", type=DURATION, default=0.0, help="Wait so long for another run; default 0.")
def import_state(session: Session, file: str, *, replace: bool, lock_timeout: float) -> ExitCode:
    """Take a whole state from FILE, as `state export` writes it; `-` is stdin.

    Lineage, earlier jobs and pushes in doubt come along. Every row is checked before anything is written.
    """
    exported = _read(file)
    with writable(session, "state import", lock_timeout, new_state=True) as held:
        header = _fitting(session, held.store, exported, replace=replace)
        while not held.secure(header.serial):
            header = _fitting(session, held.store, exported, replace=replace)
        serial = held.store.commit(restoring(exported), header.serial)
    numbers = {"entries": len(exported.entries), "past": len(exported.past), "intents": len(exported.intents)}
    if session.as_json:
        facts = {"target": session.target.name, "lineage": exported.facts.lineage, "serial": serial}
        session.streams.document({**facts, **numbers})
    else:
        told = count(numbers["entries"], "entry", "entries")
        more = f", {count(numbers['past'], 'earlier job')}, {count(numbers['intents'], 'push', 'pushes')} in doubt"
        session.streams.answer(f"imported {told}{more}; the state has serial {serial}")
    return ExitCode.OK


def _read(file: str) -> Exported:
    shown = "stdin" if file == STDIN else escape(file)
    try:
        text = read_given(file, LARGEST)
    except OSError as error:
        raise StateError(
            Diagnostic(Code.NO_EXPORTED_STATE, f"could not read '{shown}': {(error.strerror or 'unreadable').lower()}")
        ) from error
    try:
        if len(text) > LARGEST:
            raise DocumentError("larger than 1 GiB")
        return parse_export(text)
    except DocumentError as error:
        hint = "nothing was written; a file as `sieve-jobs state export` writes it is expected"
        raise StateError(
            Diagnostic(Code.NO_EXPORTED_STATE, f"'{shown}' is no exported state: {error}", hint=hint)
        ) from error


def _fitting(session: Session, store: Store, exported: Exported, *, replace: bool) -> Header:
    """The header of the state as it is. Raises GuardedError where another one would be lost, or a newer one."""
    header = store.load().header
    _require_fit(session, header, exported, replace=replace)
    return header


def _require_fit(session: Session, header: Header, exported: Exported, *, replace: bool) -> None:
    facts, target = exported.facts, session.target
    if facts.endpoint not in (None, target.endpoint):
        raise GuardedError(
            Diagnostic(
                Code.STATE_OF_OTHER_ENDPOINT,
                f"that state belongs to the endpoint '{facts.endpoint}', not '{target.endpoint}'",
            )
        )
    if target.lineage not in (None, facts.lineage):
        raise GuardedError(
            Diagnostic(
                Code.STATE_OF_OTHER_LINEAGE,
                f"that state has the lineage '{facts.lineage}', the config says '{target.lineage}'",
                hint="set the lineage of the config to it if it is the one meant",
            )
        )  # fmt: skip
    if header.serial == 0:
        return
    here = f"the state of '{target.name}' has serial {header.serial}"
    if not replace:
        hint = "--replace puts a newer one of the same lineage in its place"
        raise GuardedError(Diagnostic(Code.STATE_IN_USE, f"{here} and is not empty; nothing was written", hint=hint))
    if facts.lineage != header.lineage:
        what = f"{here} and the lineage '{header.lineage}', the file '{facts.lineage}'; nothing was written"
        raise GuardedError(Diagnostic(Code.STATE_IN_USE, what, hint="import it into a target with a state of its own"))
    if facts.serial < header.serial:
        what = f"{here}, the file is older: {facts.serial}; nothing was written"
        raise GuardedError(Diagnostic(Code.STATE_IN_USE, what, hint="it would push again what it does not know"))
