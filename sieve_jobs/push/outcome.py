"""Outcome: what is true after one attempt to push, told from the answer or from the way it failed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sieve_jobs.errors import CallError, RefusedError, UnreachableError


class Outcome(StrEnum):
    """What holds on the far side, and so what may be done next."""

    CREATED = "created"
    """A job runs."""
    REFUSED = "refused"
    """This spec was refused: nothing runs because of it, and the others go on."""
    STOPPED = "stopped"
    """The far side refuses us, not the spec: nothing runs, and no other push would do better."""
    BUSY = "busy"
    """Nothing runs; to be tried again later."""
    UNREACHABLE = "unreachable"
    """Nothing was sent: safe to try again."""
    UNCONFIRMED = "unconfirmed"
    """Sent without a clear answer: a job may run. Never pushed again before that is known."""


_BY_STATUS: Mapping[int, Outcome] = {
    200: Outcome.CREATED,
    400: Outcome.REFUSED,
    401: Outcome.STOPPED,
    402: Outcome.STOPPED,
    403: Outcome.STOPPED,
    404: Outcome.REFUSED,
    406: Outcome.REFUSED,
    413: Outcome.REFUSED,
    422: Outcome.REFUSED,
    429: Outcome.BUSY,
}

NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "LocalProtocolError", "UnsupportedProtocol"})
"""httpx's errors of a request of which no byte left. Any other of its errors leaves the push unconfirmed."""


def of_status(status: int, *, surely_not_applied: bool = False) -> Outcome:
    """The outcome of an answer to a push by its status alone; that a 200 has a usable body is checked elsewhere.

    *surely_not_applied* is our engine's word that it created nothing. Without it every status that is not
    in the table may come from something between us and an application that had already accepted the push.
    """
    if 300 <= status < 400:
        return Outcome.STOPPED
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return Outcome.BUSY if surely_not_applied else Outcome.UNCONFIRMED


def of_exception(error: BaseException) -> Outcome:
    """The outcome of an exchange that broke off with *error*, one of httpx's exceptions or any other."""
    not_sent = any(kind.__name__ in NOT_SENT for kind in type(error).__mro__)
    return Outcome.UNREACHABLE if not_sent else Outcome.UNCONFIRMED


def of_error(error: CallError) -> Outcome:
    """The outcome that a CallError of `Client.push` stands for."""
    if isinstance(error, UnreachableError):
        return Outcome.UNREACHABLE
    if not isinstance(error, RefusedError) or error.status is None:
        return Outcome.UNCONFIRMED
    return of_status(error.status, surely_not_applied=True)
