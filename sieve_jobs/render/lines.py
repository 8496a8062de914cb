"""Progress as plain lines, one an event: for CI and pipes, and above a live view."""

from __future__ import annotations

from sieve_jobs.plan.explain import WORDS
from sieve_jobs.push.events import (
    Adopted,
    Cancelled,
    Dropped,
    Event,
    Held,
    InDoubt,
    JobFailed,
    Lost,
    Moved,
    NotSaved,
    Orphaned,
    OutputsSaved,
    Pruned,
    Pushed,
    Pushing,
    Refused,
    Rejoined,
    Reused,
    StatusChanged,
    Stopping,
    Waiting,
)
from sieve_jobs.render.problems import diagnostics
from sieve_jobs.render.quantity import count, plain_size, span
from sieve_jobs.render.results import failure, last_line
from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.text import escape
from sieve_jobs.wire import Status

_WORD = 9
"""Columns of the word a line begins with."""


def event_text(event: Event, style: Style, *, target: str = "local") -> str:
    """What is said of *event*, with a line end; empty for what nobody waits to hear."""
    return style.finish(_text(event, style, target))


def _text(event: Event, style: Style, target: str) -> str:
    if isinstance(event, Refused | Held | NotSaved):
        return diagnostics([event.problem], style)
    if isinstance(event, JobFailed) and event.superseded:
        # The table at the end speaks of the specs' present jobs: of an earlier one all is said here.
        lines = failure(event.name, event.status, event.error, event.log, style, target=target)
        return "".join(f"{line}\n" for line in lines)
    said = _run(event) or _known(event)
    if said is None:
        return ""
    word, role, rest = said
    name = getattr(event, "name", None)
    painted = style.paint(word, role) + " " * (_WORD - len(word))
    shown = style.paint(escape(name), "strong") + "  " if name else ""
    return f"{painted} {shown}{style.paint(escape(rest), 'dim')}".rstrip() + "\n"


def _run(event: Event) -> tuple[str, Role, str] | None:
    """The word, its look and the rest of a line about what runs."""
    said: tuple[str, Role, str] | None = None
    match event:
        case Pushing(attempt=attempt) if attempt > 1:
            said = "pushing", "dim", f"attempt {attempt}"
        case Pushed():
            said = "pushed", "add", f"{WORDS[event.reason]}, job {event.job_id}"
        case StatusChanged(status=Status.ERROR | Status.CANCELLED):
            pass  # JobFailed says it, with the reason
        case JobFailed():
            said = "cancelled" if event.status is Status.CANCELLED else "failed", "bad", last_line(event.error)
        case Cancelled():
            how = "its spec changed" if event.status is Status.CANCELLED else f"it had ended: {event.status}"
            said = "cancelled", "change", f"job {event.job_id} ({how})"
        case StatusChanged():
            word = "running" if event.status is Status.PROCESSING else event.status.value
            role: Role = "good" if event.status is Status.FINISHED else "busy"
            said = word, role, f"{'earlier ' if event.superseded else ''}job {event.job_id}"
        case Waiting():
            said = "waiting", "dim", f"{span(event.seconds)}: {event.why}"
        case Rejoined():
            other = "another was started and" if event.started else f"that at {event.url}"
            said = "engine", "change", f"it had ended; {other} goes on with its jobs"
        case OutputsSaved(paths=paths) if paths:
            more = f" and {count(len(paths) - 1, 'file more', 'files more')}" if len(paths) > 1 else ""
            said = "saved", "good", f"{paths[0]}{more}, {plain_size(event.size)}"
        case Stopping():
            said = "stopping", "bad", event.why
    return said


def _known(event: Event) -> tuple[str, Role, str] | None:
    """The same about what is known."""
    said: tuple[str, Role, str] | None = None
    match event:
        case InDoubt():
            said = "in doubt", "bad", event.cause
        case Adopted():
            said = "adopted", "good", f"job {event.job_id} ({event.how})"
        case Dropped():
            said = "dropped", "change", event.why
        case Reused():
            said = "reused", "accent", f"job {event.job_id}"
        case Moved():
            said = "moved", "accent", f"from {event.moved_from}"
        case Orphaned():
            said = "removed", "remove", f"job {event.job_id} is kept"
        case Pruned():
            said = "forgotten", "remove", f"job {event.job_id}{' was cancelled' if event.cancelled else ''}"
        case Lost():
            how = "it had finished" if event.finished else "how it ended is not known"
            said = "lost", "bad", f"the far side no longer knows job {event.job_id}; {how}"
    return said
