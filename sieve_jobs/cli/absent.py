"""Functions that a plan needs and the engine lacks, each with the ways out as lines to paste."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from sieve_jobs.cli.context import Session
from sieve_jobs.config.choose import SIEVE
from sieve_jobs.config.stand_ins import config_line
from sieve_jobs.diagnostic import did_you_mean
from sieve_jobs.plan.action import Action
from sieve_jobs.plan.plan import Notice, Plan
from sieve_jobs.render.quantity import count


def absent_functions(session: Session, plan: Plan) -> Iterator[Notice]:
    """What the engine will refuse: functions that no file of the project declares, with the ways out.

    A notice and no error: an engine that was started with other folders may have them.
    """
    wanted = _wanted(session, plan)
    if not wanted:
        return
    for path, line, what in session.declared.problems:
        shown = path.relative_to(session.root) if path.is_relative_to(session.root) else path
        yield Notice(None, None, f"{shown}:{line}: {what}")
    owner = session.config.project.owner
    for (name, asked), specs in sorted(wanted.items()):
        place = f" to stand in for {asked}" if asked else ""
        near = did_you_mean(name, session.sources or {})
        own = name.startswith(f"{owner}/")
        ways = [near] if near and own else [*([near] if near else []), *_ways(session, name, own=own)]
        yield Notice(
            None, None, f"the engine has no function '{name}'{place} ({count(specs, 'spec')})", "\n".join(ways)
        )


def _wanted(session: Session, plan: Plan) -> Counter[tuple[str, str]]:
    """How many specs each absent function, without its version, is to run; with what it stands in for, or nothing."""
    found: Counter[tuple[str, str]] = Counter()
    for change in plan.changes:
        function = change.detail.spec.function if change.detail and change.action is Action.PUSH else None
        name = function.partition(":")[0] if function else ""
        if name and name not in (session.sources or {}):
            found[name, change.stand_in.asked if change.stand_in else ""] += 1
    return found


def _ways(session: Session, name: str, *, own: bool) -> Sequence[str]:
    """What can be done about *name*; *own*: it has the author of this project's functions."""
    remotes = session.config.remotes
    commands = " or ".join(f"sieve-jobs apply -t {shlex.quote(remote)}" for remote in remotes)
    elsewhere = "another target: " + (commands or f'[targets.prod] endpoint = "{SIEVE}"')
    called = name.rpartition("/")[2]
    if own:
        folder = next(iter(session.config.project.functions), "functions")
        return (f'write it: @sieve.function(name="{called}") in a file of {folder}/', elsewhere)
    target = session.target
    line = config_line(target.stand_ins, name, f"{session.config.project.owner}/{called}")
    source = f"-t {shlex.quote(remotes[0])}" if remotes else "--from JOB.json"
    return (
        f"a stand-in: [targets.{target.name}] {line}",
        f"a stub of a job: sieve-jobs functions stub {shlex.quote(name)} {source}",
        elsewhere,
    )
