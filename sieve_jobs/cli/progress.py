"""Progress on stderr: a live view at a terminal, plain lines elsewhere, and `--events` on stdout."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sieve_jobs.cli.context import Session
from sieve_jobs.diagnostic import Diagnostic

if TYPE_CHECKING:
    from sieve_jobs.push.events import Event
    from sieve_jobs.render.live import LiveView


class Progress:
    """Shows events while it is open. *expected* is how many jobs the run is about.

    With *as_events* each is a line of JSON on stdout; with `--json` nothing is shown, as the document tells it all.
    """

    def __init__(self, session: Session, *, expected: int, as_events: bool = False) -> None:
        self._session = session
        self._expected = expected
        self._as_events = as_events
        self._view: LiveView | None = None
        self._line_of: Callable[[Event], str] | None = None
        """What is said of an event where there is no live view, or none any more."""
        self.told: set[Diagnostic] = set()
        """Problems that were shown as they came."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        session, streams = self._session, self._session.streams
        if session.as_json or self._as_events:
            return self
        from sieve_jobs.render.lines import event_text

        style, target = session.style(streams.err), session.target.name
        self._line_of = lambda event: event_text(event, style, target=target)
        if streams.err is not None and streams.err_terminal and session.environ.get("TERM") != "dumb":
            from sieve_jobs.render.live import LiveView

            self._view = self._stack.enter_context(LiveView(streams.err, style, expected=self._expected, target=target))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._stack.close()
        self._view = None

    def emit(self, event: Event) -> None:
        """Takes in one event."""
        if self._as_events:
            from sieve_jobs.push.events import as_json

            self._session.streams.line(as_json(event))
        elif self._view is not None:
            self._show(event)
            self._note(event)
        elif self._line_of is not None:
            self._session.streams.say(self._line_of(event))
            self._note(event)

    def _show(self, event: Event) -> None:
        """A terminal that went away ends the view, not the run."""
        if self._view is None:
            return
        try:
            self._view.handle(event)
        except OSError:
            self._view = None

    def _note(self, event: Event) -> None:
        from sieve_jobs.push.events import Held, NotSaved, Refused

        if isinstance(event, Held | NotSaved | Refused):
            self.told.add(event.problem)
