"""What the stand-in is told to do: faults of single requests, how jobs end, how its list behaves."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

FAST_SINCE = 1_795_000_000.0
"""Seconds since the epoch from which a fast clock runs ahead, so that all of one speed agree in all processes."""
ROUTES = ("push", "jobs", "job", "await", "cancel", "logs", "file", "function", "any")
KINDS = (
    "status", "hang", "reset", "close", "half", "cut", "short", "html", "drip", "big", "gzip", "interim", "hold",
    "late", "hints",
)  # fmt: skip
ANSWERED = ("hold", "late", "hints")
"""Kinds whose request takes effect, and is answered as it should be."""


def fast_time(speed: float) -> float:
    """The wall clock, *speed* times as fast."""
    return FAST_SINCE + (time.time() - FAST_SINCE) * speed


@dataclass
class Fault:
    """Something that goes wrong with requests to *route*; used up after *times* requests (-1: never).

    Kinds: status (answer with *status*, *headers*, *body*), hang (never answer), hold (answer as it should be, but not
    before Cloud.let_go), late (the same, after *seconds*; not before then does it take effect, unless *created*),
    reset (TCP RST), close (FIN without an answer), half (FIN within the status line), cut (200, JSON cut in the
    middle), short (Content-Length larger than what follows), html (a captive portal's 200), drip (one byte each
    *seconds*), big (200 and *size* bytes), gzip (the right answer and *size* blanks, compressed although nobody asked
    for it), interim (*size* answers of 1xx, then FIN), hints (two answers of 1xx, then as it should be).
    """

    kind: str = "status"
    route: str = "push"
    times: int = 1
    skip: int = 0
    """Requests let through before the first fault."""
    match: str = ""
    """Only requests whose path or body contains this."""
    created: bool = False
    """The push took effect before the fault."""
    unread: bool = False
    """Played as soon as the head of a request has come, whose path alone can match; its body is never looked at."""
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    seconds: float = 0.05
    size: int = 16 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.route not in ROUTES:
            raise ValueError(f"no such fault: {self.kind!r} on {self.route!r}")


@dataclass
class Outcome:
    """How jobs end whose push body contains *match*.

    *polls* reads find the job unfinished (queued, then processing), the next one finds the end; -1: it stays where it
    is until Cloud.finish. GET /await goes to the end at once, or, of a job that stays, waits for Cloud.finish.
    """

    match: str = ""
    status: str = "finished"
    polls: int = 0
    error: str = ""
    outputs: list[Any] | None = None
    """`data` of each output; `{url}` in a string becomes the stand-in's address. None: one string."""
    logs: list[str] = field(default_factory=list)


@dataclass
class Script:
    """All of it. The first fault, and the first outcome, that fits a request is the one that counts."""

    faults: list[Fault] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    keys: dict[str, str] | None = None
    """API key to organisation id; None: the one of jobs.KEY."""
    functions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Parameters by function, each {name, type, default?}: names positional inputs, adds defaults, and tells of it."""
    examples: list[str] = field(default_factory=list)
    """Ids of jobs that every function shows for what it does."""
    files: dict[str, str] = field(default_factory=dict)
    """Content of output files by path, `/files/…`; others hold their own path, 64 times."""
    engine: bool = False
    """Answers carry Sieve-Jobs-Engine, Idempotency-Key is honoured, `client_ref` finds a job."""
    lag_calls: int = 0
    """A job shows in the list only from the n+1st list call after its push."""
    lag_seconds: float = 0.0
    """A job shows in the list only so long after its push."""
    lag_until_told: bool = False
    """No job pushed from now on shows in the list before Cloud.reveal."""
    order: str = "newest"
    """Of the list: newest, oldest, or mixed (neither)."""
    most_listed: int = 500
    """Jobs in a page of the list, however many are asked for."""
    arrivals: int = 0
    """Jobs of others that arrive before each page of the list but the first."""
    twins: int = 0
    """Jobs that a stranger in the same organisation makes with each push, with the same body."""
    idle_kept: tuple[float, float] | None = None
    """Kept connections are closed after a time between these, in seconds, since their last answer."""
    created_at: bool = True
    """Whether jobs carry their time of creation; false: null."""
    await_seconds: float = 600.0
    """How long /await holds on before it answers 408."""
    clock_offset: float = 0.0
    """Seconds this side's clock is ahead."""
    date_offset: float = 0.0
    """Seconds that the `Date` of its answers is ahead of that clock, as that of another server would be."""
    speed: float = 1.0
    """How fast this side's clock runs, since FAST_SINCE; for tests whose own clock runs fast."""

    @property
    def now(self) -> float:
        """Seconds since the epoch by this side's clock."""
        return fast_time(self.speed) + self.clock_offset

    @classmethod
    def parse(cls, text: str) -> Script:
        """From the JSON of `--script`, in which faults and outcomes are objects."""
        fields = json.loads(text)
        fields["faults"] = [Fault(**fault) for fault in fields.get("faults", [])]
        fields["outcomes"] = [Outcome(**outcome) for outcome in fields.get("outcomes", [])]
        return cls(**fields)

    def fault(self, route: str, path: str, body: bytes, *, unread: bool = False) -> Fault | None:
        """The fault of this request, used up by one; None if it is answered as it should be."""
        for fault in self.faults:
            if fault.times == 0 or fault.route not in (route, "any") or fault.unread is not unread:
                continue
            if fault.match and fault.match not in path and fault.match.encode() not in body:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                return None
            fault.times -= fault.times > 0
            return fault
        return None

    def outcome(self, body: bytes) -> Outcome:
        return next((outcome for outcome in self.outcomes if outcome.match.encode() in body), Outcome())
