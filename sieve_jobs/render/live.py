"""The live view at a terminal: what runs now, and a bar of jobs done. Imported only where there is a terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sieve_jobs.push.events import Adopted, Event, InDoubt, JobFailed, Lost, Pushed, Pushing, Refused, StatusChanged
from sieve_jobs.render.lines import event_text
from sieve_jobs.render.quantity import span
from sieve_jobs.render.style import Style
from sieve_jobs.render.text import escape, shorten
from sieve_jobs.wire import Status

_QUIET = (Pushing, Pushed)
"""Events that the table shows while they hold, and that need no line of their own."""


class LiveView:
    """A context in which `handle` shows events on *stream*, a terminal. Lines of what ended stay above the view.

    *expected* is how many jobs the run is about; it grows if more turn up. *clock* gives seconds that only rise.
    """

    def __init__(
        self, stream: TextIO, style: Style, *, expected: int, target: str = "local",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._style, self._target, self._clock = style, target, clock
        self._expected, self._started = expected, clock()
        self._running: dict[str, tuple[str, float]] = {}
        self._done: set[str] = set()
        self._failed: set[str] = set()
        self._lock = threading.Lock()
        """The view is drawn by a thread of its own."""
        self._spinner = Spinner("dots" if style.unicode else "line", style="cyan" if style.colour else "")
        self._console = Console(
            file=stream, width=style.width, no_color=not style.colour, highlight=False, markup=False, emoji=False,
            force_terminal=True, legacy_windows=False,
        )  # fmt: skip
        self._live = Live(
            console=self._console, get_renderable=self._view, transient=True, refresh_per_second=8,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def handle(self, event: Event) -> None:
        """Takes in one event."""
        with self._lock:
            self._note(event)
        if isinstance(event, _QUIET) or (isinstance(event, StatusChanged) and not event.status.is_final):
            return
        text = event_text(event, self._style, target=self._target)
        if text:
            self._console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)

    def _note(self, event: Event) -> None:
        match event:
            case Pushing():
                self._set(event.name, "pushing")
            case Pushed() | Adopted():
                self._set(event.name, "queued")
            case StatusChanged(superseded=False) if event.status.is_final:
                self._end(event.name, failed=event.status is not Status.FINISHED)
            case StatusChanged(superseded=False):
                self._set(event.name, event.status.value)
            case JobFailed(superseded=False) | Refused() | Lost():
                self._end(event.name, failed=True)
            case InDoubt():
                self._set(event.name, "in doubt")

    def _set(self, name: str, word: str) -> None:
        before = self._running.get(name)
        self._running[name] = (word, before[1] if before and before[0] == word else self._clock())
        self._done.discard(name)
        self._expected = max(self._expected, len(self._running) + len(self._done))

    def _end(self, name: str, *, failed: bool) -> None:
        self._running.pop(name, None)
        self._done.add(name)
        if failed:
            self._failed.add(name)
        self._expected = max(self._expected, len(self._running) + len(self._done))

    def _view(self) -> RenderableType:
        with self._lock:
            rows = sorted(self._running.items(), key=lambda item: (item[1][0] != "processing", item[1][1], item[0]))
        room = max(min(self._console.size.height - 4, 12), 1)
        table = Table.grid(padding=(0, 2, 0, 0))
        for name, (word, since) in rows[:room]:
            table.add_row(
                self._spinner if word == Status.PROCESSING else Text(" "),
                Text(self._style.finish(shorten(escape(name), max(self._style.width - 30, 10), self._style.sign("…")))),
                Text(word, style="cyan" if word == Status.PROCESSING else "dim"),
                Text(span(self._clock() - since), style="dim", justify="right"),
            )
        parts: list[RenderableType] = [table] if rows else []
        if len(rows) > room:
            parts.append(Text(f"  and {len(rows) - room:,} more", style="dim"))
        return Group(*parts, self._bar(rows))

    def _bar(self, rows: list[tuple[str, tuple[str, float]]]) -> RenderableType:
        done = len(self._done)
        line = Table.grid(padding=(0, 1, 0, 0))
        said = Text.assemble((f"{done:,}/{self._expected:,}", "bold"), " done")
        active = sum(word == Status.PROCESSING for _, (word, _) in rows)
        if active:
            said.append(f", {active:,} running", style="cyan")
        if self._failed:
            said.append(f", {len(self._failed):,} failed", style="red")
        said.append(f"  {span(self._clock() - self._started)}", style="dim")
        width = max(min(self._style.width - 44, 40), 8)
        bar = ProgressBar(
            total=max(self._expected, 1), completed=done, width=width, complete_style="cyan", finished_style="green"
        )
        line.add_row(bar, said)
        return line
