"""Whether the engine has room for more: jobs in its queue, bytes on its disk. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sieve_jobs.engine.answers import Refusal, nothing_applied
from sieve_jobs.engine.settings import MEBIBYTE, Settings

_LATER: Mapping[str, str] = {"Retry-After": "5"}


def push_refusal(queued: int, space: tuple[float, int], settings: Settings) -> Refusal | None:
    """The answer to a push that there is no room for. *space* is what `machine.disk_space` tells."""
    if queued >= settings.queue_limit:
        return nothing_applied(429, f"{queued:,} jobs are queued, which is the limit; push again later.", _LATER)
    full = disk_problem(space, settings)
    return None if full is None else nothing_applied(503, f"{full}; nothing is taken on before there is room.", _LATER)


def disk_problem(space: tuple[float, int], settings: Settings) -> str | None:
    """Why nothing more goes on a disk, as half a sentence; None while there is room.

    Full in both ways: the last twentieth of a large disk is room for many jobs, and a small one may be meant to be
    nearly empty.
    """
    used, left = space
    if used < settings.disk_full or left >= settings.disk_spare:
        return None
    return f"The disk is {used:.0%} full, with {left // MEBIBYTE:,} MiB left"
