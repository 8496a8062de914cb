"""Jobs that the project's engine no longer knows, its data being removed: noted as lost, so that they are pushed again.

Only there: what costs nothing is not worth a decision. Elsewhere a lost job is found by following it, and is exit 5.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from sieve_jobs.cli.asking import ask_all
from sieve_jobs.cli.planning import Planned
from sieve_jobs.errors import RefusedError
from sieve_jobs.state.writes import PutEntry

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client
    from sieve_jobs.state.store import Store


async def note_forgotten(
    client: Client, store: Store, planned: Planned, concurrency: int, *, known: Collection[str] = ()
) -> int:
    """How many jobs that *planned* would follow, or save the outputs of, the engine answers 404 for.

    The state, under whose lock this is, says then that they are lost. *known* are ids that need not be asked for.
    """
    due = {**planned.plan.running, **planned.plan.unsaved}
    due = {name: entry for name, entry in due.items() if entry.job_id not in known}
    if not due:
        return 0
    answers = await ask_all(client, due, concurrency)
    gone = [name for name, answer in answers.items() if isinstance(answer, RefusedError) and answer.status == 404]
    lost = [PutEntry(replace(due[name], lost=True, reported=True)) for name in gone]
    store.commit(lost, planned.plan.where.serial)
    return len(gone)
