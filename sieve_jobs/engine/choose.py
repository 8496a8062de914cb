"""Which waiting job runs next, and on which worker. A pure decision over what waits and what is idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sieve_jobs.engine.catalog import Module

PASSED_OVER = 64
"""So many younger jobs, counted by sequence number, may go before an older one because their worker is warm."""


@dataclass(frozen=True, slots=True)
class Head:
    """The oldest waiting job of one function, among those with as many jobs above them."""

    seq: int
    name: str
    module: Module
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Start *head*: on idle worker number *idle*, or on a new one, for which number *evict* is ended first."""

    head: Head
    idle: int | None = None
    evict: int | None = None


def choose(heads: Sequence[Head], idle: Sequence[Module], free: int) -> Choice | None:
    """The next job to start, None if nothing waits or nobody can take it. *free* is how many workers may be added.

    The oldest job goes first, except that a warm worker with work of its own is not ended for it at once:
    starting a process and setting a model up costs more than the wait, and `PASSED_OVER` bounds that.
    """
    if not heads:
        return None
    oldest = min(heads, key=lambda head: head.seq)
    if oldest.module in idle:
        return Choice(oldest, idle=idle.index(oldest.module))
    if free > 0:
        return Choice(oldest)
    warm = [head for head in heads if head.module in idle and head.seq < oldest.seq + PASSED_OVER]
    if warm:
        head = min(warm, key=lambda head: head.seq)
        return Choice(head, idle=idle.index(head.module))
    if not idle:
        return None
    wanted = {head.module for head in heads}
    spare = [place for place, module in enumerate(idle) if module not in wanted]
    return Choice(oldest, evict=spare[0] if spare else 0)
