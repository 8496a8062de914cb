"""Screen: what a watch shows: a line with its time for each event, or each as a line of JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sieve_jobs.cli.context import Session
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.plan.plan import Notice, Plan
from sieve_jobs.push.events import (
    Event,
    Held,
    JobFailed,
    Lost,
    Pushed,
    Pushing,
    Refused,
    Reused,
    StatusChanged,
    Waiting,
    as_json,
)
from sieve_jobs.render import document, human, watching
from sieve_jobs.render.problems import diagnostics
from sieve_jobs.render.quantity import count
from sieve_jobs.render.style import Role
from sieve_jobs.wire import Status

CROWD = 20
"""Pushes of one round from which on jobs are counted: a checkout is to fit on a screen."""
LOUD = 10
"""Bad ends of a crowd that are shown whole."""


class Screen:
    """Lines on stdout, problems on stderr; with *as_events* all is JSON on stdout."""

    def __init__(self, session: Session, *, as_events: bool) -> None:
        self._streams, self._as_events = session.streams, as_events
        self._style, self._error_style = session.style(session.streams.out), session.style(session.streams.err)
        self._target = session.target.name
        self._shown: dict[str, frozenset[Diagnostic]] = {}
        self._noticed: set[str] = set()
        self._failed: set[str] = set()
        """Names whose job's bad end was shown, which no notice has to say again."""
        self._crowd: set[str] = set()
        """Names of a large round whose jobs have not ended."""
        self._ends: dict[str, int] = {}
        self.refused: set[str] = set()
        """Names whose push was refused since this was last emptied."""

    def say(self, kind: str, word: str, role: Role, text: str, **fields: object) -> None:
        """One thing, in either form."""
        if self._as_events:
            self._json({"event": kind, "text": text, **fields})
        else:
            now, narrow = datetime.now().astimezone(), self._streams.out_terminal
            self._streams.answer(watching.line(now, word, role, text, self._style, narrow=narrow))

    def record(self, kind: str, **fields: object) -> None:
        """One thing that only programs wait for."""
        if self._as_events:
            self._json({"event": kind, **fields})

    def header(self, plan: Plan) -> None:
        if not self._as_events:
            self._streams.answer(human.header(plan.where, self._style))

    def plan(self, plan: Plan) -> None:
        """What a round is about to do."""
        self.record("plan", **document.plan_document(plan))
        if self._as_events:
            return
        self._streams.answer(watching.changes(plan.changes, self._style))
        if len(plan.changes) > watching.SHOWN:
            self._streams.answer(human.counts(plan.summary, self._style) + "\n")

    def notices(self, found: Iterable[Notice]) -> None:
        """Those that were not shown before. What becomes of a job that runs is told as it happens."""
        worth = [each for each in found if each.reason or (each.hint and each.name not in self._failed)]
        fresh = [each for each in worth if each.text not in self._noticed]
        self._noticed.update(each.text for each in fresh)
        if fresh and not self._as_events:
            self._streams.answer(human.notices(fresh, self._style))

    def problems(self, topic: str, found: Collection[Diagnostic]) -> bool:
        """Shows those of *found* that did not stand there the last time. Whether there were some then, or are now."""
        before = self._shown.get(topic, frozenset())
        self._shown[topic] = frozenset(found)
        fresh = [problem for problem in found if problem not in before]
        if fresh and self._as_events:
            self._json({"event": "problems", "topic": topic, "problems": [each.as_json() for each in fresh]})
        elif fresh:
            self._streams.say(diagnostics(fresh, self._error_style))
        return bool(fresh)

    def has_shown(self, topic: str) -> bool:
        """Whether problems of *topic* stand there."""
        return bool(self._shown.get(topic))

    def crowd(self, names: Collection[str]) -> None:
        """The names that a round is about to push: of many, jobs are counted from now on."""
        if len(names) > CROWD:
            self._crowd |= set(names)

    def emit(self, event: Event) -> None:
        """Takes in one event of a run."""
        if isinstance(event, Refused):
            self.refused.add(event.name)
        if isinstance(event, JobFailed):
            self._failed.add(event.name)
        if isinstance(event, Refused | Held) and not self._is_fresh(event.name, event.problem):
            return
        if self._as_events:
            self._json(as_json(event))
        elif not self._counted(event):
            now, narrow = datetime.now().astimezone(), self._streams.out_terminal
            self._streams.answer(watching.event(now, event, self._style, self._target, narrow=narrow))

    def _is_fresh(self, name: str, problem: Diagnostic) -> bool:
        """Whether this was not said of the spec the last time something was."""
        topic = f"spec {name}"
        fresh = problem not in self._shown.get(topic, ())
        self._shown[topic] = frozenset([problem])
        return fresh

    def _counted(self, event: Event) -> bool:
        """Whether *event* is one of a crowd, which is counted until all have ended."""
        name = getattr(event, "name", None)
        if name not in self._crowd or getattr(event, "superseded", False):
            return isinstance(event, Waiting) and bool(self._crowd)
        if isinstance(event, StatusChanged) and not event.status.is_final:
            return True
        if isinstance(event, StatusChanged):
            self._one_ended(name, event.status)
            return event.status is Status.FINISHED
        if isinstance(event, JobFailed):
            return sum(n for word, n in self._ends.items() if word != Status.FINISHED) > LOUD
        if isinstance(event, Refused | Held | Lost):
            self._one_ended(name, "not pushed" if isinstance(event, Refused | Held) else "lost")
            return False
        return isinstance(event, Pushed | Pushing | Reused)

    def _one_ended(self, name: str, how: str) -> None:
        self._crowd.discard(name)
        self._ends[how] = self._ends.get(how, 0) + 1
        if not self._crowd:
            ends, self._ends = self._ends, {}
            text = ", ".join(f"{number:,} {word}" for word, number in sorted(ends.items()))
            self.say("ended", "ended", "good" if set(ends) == {"finished"} else "bad",
                     f"{count(sum(ends.values()), 'job')}: {text}")  # fmt: skip

    def _json(self, body: dict[str, object]) -> None:
        self._streams.line({**body, "at": datetime.now().astimezone().isoformat()})
