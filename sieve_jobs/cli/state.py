"""`state`: what the state holds, as a list, entry by entry, or whole; and entries taken out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sieve_jobs.cli.adopting import adopt
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import chosen_entries, one_entry
from sieve_jobs.cli.importing import import_state
from sieve_jobs.cli.locking import writable
from sieve_jobs.cli.options import (
    DURATION,
    VerbGroup,
    common,
    merged,
    name_argument,
    names_argument,
    required_names_argument,
    verb,
)
from sieve_jobs.cli.recovering import recover
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import DecisionError, ExitCode
from sieve_jobs.plan.explain import resolve_command
from sieve_jobs.render import document, known
from sieve_jobs.render.text import escape
from sieve_jobs.state.export import entry_document, export, past_document
from sieve_jobs.state.writes import DropEntry, PutPast, Write

if TYPE_CHECKING:
    from sieve_jobs.state.entry import Entry
    from sieve_jobs.state.store import Store


@click.group(
    "state",
    cls=VerbGroup,
    subcommand_metavar="VERB [ARGS]...",
    epilog="\b\nExample:\n  sieve-jobs state list\n  sieve-jobs state show dub-intro --json",
)
@common
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Look into the state of a target, take entries out of it."""
    ctx.obj = merged(ctx.obj, given)


@verb("list", "sieve-jobs state list", "sieve-jobs state list 'dub-*' --json")
@names_argument
def list_entries(session: Session, names: tuple[str, ...]) -> ExitCode:
    """List the entries."""
    with session.open_store(read_only=True) as store:
        header = store.load().header
        entries = chosen_entries(session, store, names)
    if session.as_json:
        session.streams.document(document.state_list_document(header, entries.values()))
    else:
        style = session.style(session.streams.out)
        session.streams.answer(known.state_list(entries.values(), style, datetime.now(UTC)))
    return ExitCode.OK


@verb("show", "sieve-jobs state show dub-intro --json")
@name_argument
def show_entry(session: Session, name: str) -> ExitCode:
    """Show one entry whole, as JSON.

    What was asked for, its job, and the jobs before it. It holds no secret.
    """
    with session.open_store(read_only=True) as store:
        entry = one_entry(session, store, name)
        past = store.past_of(entry.name)
    session.streams.document({"entry": entry_document(entry), "past": [past_document(job) for job in past]})
    return ExitCode.OK


@verb("export", "sieve-jobs state export > state.json")
def export_state(session: Session) -> ExitCode:
    """Print the whole state as one JSON document. It holds no secret."""
    with session.open_store(read_only=True) as store:
        session.streams.document(export(store))
    return ExitCode.OK


@verb("rm", "sieve-jobs state rm dub-old")
@required_names_argument
@click.option("--lock-timeout", type=DURATION, default=0.0, help="Wait so long for another run; default 0.")
def remove(session: Session, names: tuple[str, ...], *, lock_timeout: float) -> ExitCode:
    """Forget entries. Their jobs go on and stay among the earlier ones.

    A spec that is still there and asks for the same uses its finished job again at the next apply; `rerun` is the
    verb that runs it anew.
    """
    with writable(session, "state rm", lock_timeout) as held:
        chosen, serial = _removable(session, held.store, names)
        while not held.secure(serial):
            chosen, serial = _removable(session, held.store, names)
        writes: list[Write] = []
        for name, entry in chosen.items():
            writes += [DropEntry(name)] if entry.lost else [DropEntry(name), PutPast(entry.past())]
        held.store.commit(writes, serial)
    if session.as_json:
        session.streams.document({"target": session.target.name, "removed": sorted(chosen)})
    else:
        session.streams.answer("\n".join(f"forgot {escape(name)}" for name in chosen))
    return ExitCode.OK


def _removable(session: Session, store: Store, names: Sequence[str]) -> tuple[Mapping[str, Entry], int]:
    """The entries that *names* mean, and the serial of the state they are in. Raises DecisionError for one in doubt."""
    state = store.load()
    chosen = chosen_entries(session, store, names)
    doubts = [intent.name for intent in state.intents if intent.name in chosen]
    if doubts:
        raise DecisionError(
            *(
                Diagnostic(
                    Code.PUSH_IN_DOUBT,
                    f"'{name}' has a push in doubt; nothing was removed",
                    hint=f"first: {resolve_command(name, session.target.name)} --adopt ID | --push | --drop",
                )
                for name in doubts
            )
        )
    return chosen, state.header.serial


for subcommand in (list_entries, show_entry, export_state, import_state, adopt, recover, remove):
    command.add_command(subcommand)
