"""Everything the stand-in for the cloud can do to people, by name: one table for the tests and for the command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.cloud import Fault, Script

BOMB = 1024 * 1024 * 1024
"""Bytes of an answer once it is decompressed."""
BEFORE, AFTER = "-before", "-after"
"""The job exists: what a name ends with."""


class Met(Enum):
    """What sieve-jobs makes of it. Source: the rows of docs/reliability.md."""

    DOUBT = "in doubt, settled with exactly one job"
    WAIT = "waited for, then pushed again"
    STOP = "the run stops after that push"
    REFUSAL = "that spec is refused, the others go on"
    LIE = "believed, and pushed again: two jobs, but at an engine that honours the key"
    NOTHING = "no push is held up, lost or made twice by it"


@dataclass(frozen=True)
class Named:
    """One thing that goes wrong: with a push (*fault*, fields of script.Fault), or with the list (*script*)."""

    says: str
    met: Met
    fault: Mapping[str, Any] = field(default_factory=dict)
    script: Mapping[str, Any] = field(default_factory=dict)


def _both(name: str, says: str, **fault: Any) -> Iterable[tuple[str, Named]]:
    """A push without a clear answer, before its job exists and after."""
    for when, created in ((BEFORE, False), (AFTER, True)):
        yield name + when, Named(says, Met.DOUBT, {**fault, "created": created})


def _status(status: int, met: Met, says: str, **fault: Any) -> tuple[str, Named]:
    return str(status), Named(says, met, {"status": status, **fault})


PUSHES: Mapping[str, Named] = dict([
    *_both("drop", "the connection is closed without an answer", kind="close"),
    *_both("reset", "the connection is reset", kind="reset"),
    *_both("half", "the connection is closed within the status line", kind="half"),
    *_both("hang", "no answer ever comes", kind="hang"),
    *_both("late", "answered, and where before made, after --seconds", kind="late"),
    *_both("cut", "a 200 whose JSON is cut in the middle", kind="cut"),
    *_both("short", "a 200 that is shorter than it says", kind="short"),
    *_both("html", "a captive portal's 200", kind="html"),
    *_both("no-id", "a 200 without an id", status=200, body={"id": ""}),
    *_both("list", "a 200 that is an array", status=200, body=[]),
    *_both("accepted", "a 202", status=202, body={"id": "x", "status": "queued"}),
    *_both("gzip-bomb", "a 200, compressed unasked, of 1 GiB", kind="gzip", size=BOMB),
    *_both("endless", "a 200 of 1 GiB", kind="big", size=BOMB),
    *_both("drip", "a 200 of which one byte comes each 0.5 s", kind="drip", seconds=0.5),
    *_both("interim", "answers of 1xx, then the connection is closed", kind="interim", size=4),
    *_both("interim-flood", "answers of 1xx without end", kind="interim", size=BOMB),
    *_both("upgrade", "a 101", status=101),
    *[named for status in (408, 409, 500, 502, 503, 504)
      for named in _both(str(status), f"a {status}", status=status)],
    ("hints", Named("two answers of 1xx, then the right one", Met.NOTHING, {"kind": "hints"})),
    ("429-before", Named("wait 7 s", Met.WAIT, {"status": 429, "headers": {"Retry-After": "7"}})),
    ("429-after", Named("wait 7 s, although the job was made", Met.LIE,
                        {"status": 429, "headers": {"Retry-After": "7"}, "created": True})),
    *[_status(status, Met.STOP, "a redirect", headers={"Location": "http://127.0.0.1:1/v2/push"})
      for status in (301, 302, 303, 307, 308)],
    _status(401, Met.STOP, "no such key"), _status(402, Met.STOP, "no credit"), _status(403, Met.STOP, "not allowed"),
    *[_status(status, Met.REFUSAL, "not like this", body={"detail": "no such thing"})
      for status in (400, 404, 406, 413, 422)],
])  # fmt: skip

LISTS: Mapping[str, Named] = {
    "list-lag": Named("a job shows in the list 10 s after its push", Met.NOTHING, script={"lag_seconds": 10.0}),
    "list-oldest-first": Named("the list begins with the oldest job", Met.NOTHING, script={"order": "oldest"}),
    "list-unordered": Named("the list has no order", Met.NOTHING, script={"order": "mixed"}),
    "list-shifting": Named(
        "pages of 20 jobs, 5 new ones before each", Met.NOTHING,
        script={"most_listed": 20, "arrivals": 5},
    ),
    "no-created-at": Named("no job says when it was made", Met.NOTHING, script={"created_at": False}),
    "twins": Named("a stranger makes the same job with each push", Met.NOTHING, script={"twins": 1}),
    "idle-closed": Named(
        "kept connections are closed at random", Met.NOTHING, script={"idle_kept": (0.0, 0.01)}
    ),
}  # fmt: skip

ALWAYS = (
    "files come back under a new url that holds the job's id",
    "defaults of parameters are filled in",
    "env and webhooks are not shown",
    "Idempotency-Key is ignored, but with --engine",
)
"""What every answer of the real Sieve has been seen to do."""


def faults(met: Met) -> dict[str, Mapping[str, Any]]:
    """The fields of each named fault of a push that is met so, by name."""
    return {name: named.fault for name, named in PUSHES.items() if named.met is met}


def script_of(names: Iterable[str], *, times: int = 1, match: str = "", seconds: float = 90.0) -> Script:
    """A script with all of *names*: faults befall *times* pushes each, -1 is all. Raises KeyError for an unknown one.

    *match* narrows faults to pushes that contain it; *seconds* is how long a late one takes.
    """
    script = Script()
    for name in names:
        named = PUSHES.get(name) or LISTS[name]
        for attribute, value in named.script.items():
            setattr(script, attribute, value)
        if named.fault:
            late = {"seconds": seconds} if named.fault.get("kind") == "late" else {}
            script.faults.append(Fault(**{**named.fault, **late}, times=times, match=match))
    return script
