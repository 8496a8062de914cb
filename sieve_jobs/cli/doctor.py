"""`doctor`: is everything in place? Each check says what it found and, where something is wrong, the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sieve_jobs.cli.connection import call, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.ending import problems_of
from sieve_jobs.cli.entries import redactor_of
from sieve_jobs.cli.options import verb
from sieve_jobs.cli.surroundings import proxies
from sieve_jobs.errors import CallError, ExitCode, SieveJobsError
from sieve_jobs.render.document import doctor_document
from sieve_jobs.render.quantity import count, span
from sieve_jobs.render.text import escape

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client

CLOCK_GRAIN = 2.0
"""Seconds below which clocks are the same: an answer tells its time in whole ones."""
CLOCK_TOLERANCE = 60.0
"""Seconds that this machine's clock may differ from the far side's."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. *hint* is the way out of what is wrong."""

    name: str
    ok: bool
    detail: str
    hint: str | None = None


@verb("doctor", "sieve-jobs doctor", "sieve-jobs doctor --target prod")
def command(session: Session) -> ExitCode:
    """Check that everything is in place: config, specs, state, lock, keys, far side, clock, proxies.

    The exit code is 1 if something is wrong. Nothing is pushed; for the local target the engine is started.
    """
    checks = list(_checks(session))
    if session.as_json:
        rows = [(check.name, check.ok, _with_hint(check)) for check in checks]
        session.streams.document(doctor_document(rows))
    else:
        style = session.style(session.streams.out)
        for check in checks:
            sign = style.paint(style.sign("✓"), "good") if check.ok else style.paint(style.sign("✗"), "bad")
            session.streams.answer(style.finish(f"{sign} {check.name:<10} {escape(check.detail)}"))
            if check.hint and not check.ok:
                session.streams.answer(f"             {style.paint('hint:', 'accent')} {escape(check.hint)}")
    return ExitCode.OK if all(check.ok for check in checks) else ExitCode.ERROR


def _with_hint(check: Check) -> str:
    return check.detail if check.ok or not check.hint else f"{check.detail}; {check.hint}"


def _checks(session: Session) -> Iterator[Check]:
    looks: dict[str, Callable[[Session], Iterator[Check]]] = {
        "config": _config, "target": _target, "specs": _specs, "functions": _functions, "state": _state,
        "remote": _remote, "lock": _lock, "tags": _tags, "api key": _api_key, "far side": _far_side,
        "proxies": _proxies,
    }  # fmt: skip
    for name, look in looks.items():
        yield from _checked(name, look(session))


def _checked(name: str, found: Iterator[Check]) -> Iterator[Check]:
    """What is *found*; a problem that looking raises is a finding too."""
    try:
        yield from found
    except (SieveJobsError, CallError, OSError) as error:
        problems, _ = problems_of(error)
        for problem in problems:
            place = f"{problem.place}: " if problem.place else ""
            expected = f" (expected {problem.expected})" if problem.expected else ""
            yield Check(name, False, f"{place}{problem.message}{expected}", problem.hint)


def _config(session: Session) -> Iterator[Check]:
    config = session.config
    where = f"sieve-jobs.toml in {session.root}" if config.exists else f"none in {session.root}: all defaults"
    yield Check("config", True, f"{where}; targets {', '.join(config.targets)}")


def _target(session: Session) -> Iterator[Check]:
    yield Check("target", True, f"{session.target.name}: {_endpoint(session)}")


def _endpoint(session: Session) -> str:
    return "the embedded engine" if session.target.is_local else session.target.endpoint


def _specs(session: Session) -> Iterator[Check]:
    tree = session.tree
    if not tree.files and not tree.problems:
        folders = ", ".join(f"'{folder}'" for folder in session.config.project.specs)
        yield Check("specs", False, f"none in {folders}", "`sieve-jobs init` writes a first one")
    elif tree.problems:
        detail = f"{count(len(tree.problems), 'problem')} in {count(tree.files, 'file')}"
        yield Check("specs", False, detail, "`sieve-jobs validate` shows them")
    else:
        detail = f"{count(len(tree.wanted), 'spec')} in {count(tree.files, 'file')}, all valid"
        yield Check("specs", True, detail)


def _functions(session: Session) -> Iterator[Check]:
    if not session.target.is_local:
        return
    found = session.declared
    for path, line, what in found.problems:
        shown = path.relative_to(session.root) if path.is_relative_to(session.root) else path
        yield Check("functions", False, f"{shown}:{line}: {what}", "see docs/functions.md")
    yield Check("functions", True, ", ".join(sorted(found.functions)) or "none")


def _state(session: Session) -> Iterator[Check]:
    with session.open_store(read_only=True) as store:
        state = store.load()
    if state.header.lineage == "":
        yield Check("state", True, f"{session.shown_state}: none yet")
        return
    doubts = f", {count(len(state.intents), 'push', 'pushes')} in doubt" if state.intents else ""
    entries = count(len(state.settled) + len(state.open), "entry", "entries")
    lineage = f", lineage {state.header.lineage}" if session.target.in_git else ""
    detail = f"{session.shown_state}: {entries}, serial {state.header.serial}{lineage}{doubts}"
    yield Check("state", not state.intents, detail, "`sieve-jobs apply` looks for them, `sieve-jobs resolve` decides")


def _remote(session: Session) -> Iterator[Check]:
    if session.target.in_git:
        from sieve_jobs.cli.shared import require_writable_remote

        require_writable_remote(session)
        yield Check("remote", True, "would take a push")


def _lock(session: Session) -> Iterator[Check]:
    from sieve_jobs.state.lock import hold, this_process

    path = session.state_path.with_suffix(".lock")
    if path.exists():
        with hold(path, owner=this_process("doctor", session.environ, datetime.now(UTC)), timeout=0.0):
            pass
    yield Check("lock", True, "free")


def _tags(session: Session) -> Iterator[Check]:
    key = session.key
    yield Check("tags", True, f"key {key.id}" if key is not None else "no key yet; the first apply makes it")


def _api_key(session: Session) -> Iterator[Check]:
    target = session.target
    if not target.is_local:
        is_set = session.api_key is not None
        detail = f"{target.api_key_env} is {'set' if is_set else 'not set'}"
        yield Check("api key", is_set, detail, f"set {target.api_key_env} in the environment")


def _far_side(session: Session) -> Iterator[Check]:
    if not session.target.is_local and session.api_key is None:
        return
    with far_side(session) as far:
        try:
            kind, clock = call(far, _look)
        except CallError as error:
            message = redactor_of(session).clean(error.message)
            hint = "check the key" if error.status in {401, 403} else "check the endpoint, the network and proxies"
            yield Check("far side", False, message, hint)
            return
    yield Check("far side", True, f"{_endpoint(session)} answers" + ("" if session.target.is_local else f" ({kind})"))
    if clock is not None and not session.target.is_local:
        ahead = (datetime.now(UTC) - clock).total_seconds()
        detail = f"{span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the far side's"
        detail = "as the far side's" if abs(ahead) < CLOCK_GRAIN else detail
        yield Check("clock", abs(ahead) <= CLOCK_TOLERANCE, detail, "set this machine's clock")


async def _look(client: Client) -> tuple[str, datetime | None]:
    """What answers, and its clock. One call that reads a single job."""
    await client.jobs(limit=1)
    return ("a sieve-jobs engine" if client.engine else "Sieve's API"), client.server_now()


def _proxies(session: Session) -> Iterator[Check]:
    if session.target.is_local:
        return
    found = list(proxies(session.environ))
    yield Check("proxies", True, ", ".join(f"{name} {place}" for name, place in found) or "none")
