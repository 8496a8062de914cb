"""What keeps a plan from being begun, asked before a shared state is written: who is refused leaves no trace there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sieve_jobs.cli.connection import FarSide, call, far_side
from sieve_jobs.cli.planning import Planned
from sieve_jobs.errors import CallError, GuardedError, SieveJobsError

if TYPE_CHECKING:
    from sieve_jobs.cli.context import Session
    from sieve_jobs.push.client import Client
    from sieve_jobs.push.options import ApplyOptions
    from sieve_jobs.state.store import Store


def passes(session: Session, store: Store, planned: Planned, options: Callable[[FarSide], ApplyOptions]) -> bool:
    """Whether *planned* may be begun; a state that is not shared is asked about under its lock, by apply.

    False: another run wrote the state meanwhile, so that it has to be made anew. Raises what keeps it from being begun,
    and SieveJobsError where the far side does not tell.
    """
    if not session.target.in_git:
        return True
    with far_side(session) as far:
        return call(far, lambda client: is_passed(client, store, planned, options(far)))


async def is_passed(client: Client, store: Store, planned: Planned, options: ApplyOptions) -> bool:
    """As passes, of a shared state and with a client at hand."""
    from sieve_jobs.push.guard import ASK, refuse
    from sieve_jobs.push.run import unanswered

    try:
        await refuse(planned.plan, planned.state, client, options)
    except CallError as error:
        message = client.redactor.joined(options.secrets).clean(f"could not {ASK}: {error.message}")
        raise SieveJobsError(unanswered(error, message, sent=False)) from error
    except GuardedError:
        # The jobs that were met may be those of a run that came first: what it begins stands in the state before that.
        if store.load().header.serial == planned.plan.where.serial:
            raise
        return False
    return True
