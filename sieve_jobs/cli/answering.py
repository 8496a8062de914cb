"""The answer of a verb that pushes: what came of each spec, for people, as a document, or as a runner reads it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sieve_jobs.cli.connection import path_on_disk
from sieve_jobs.cli.context import Session
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode
from sieve_jobs.render import document, results
from sieve_jobs.wire import Job

if TYPE_CHECKING:
    from sieve_jobs.plan.plan import Plan
    from sieve_jobs.push.result import ApplyResult


@dataclass(slots=True)
class Outcome:
    """What a run came to, and the jobs whose outputs are shown."""

    result: ApplyResult
    jobs: Mapping[str, Job] = field(default_factory=dict)
    told: Set[Diagnostic] = frozenset()
    """Problems that were shown as they came."""
    spilled: str = ""
    """Lines that could be put nowhere but on stdout; a document has them anyway."""


def answer(session: Session, outcome: Outcome, plan: Plan, *, as_events: bool = False) -> ExitCode:
    """Says what a run came to that carried out *plan*, and returns its exit code."""
    found = outcome.result.problems
    result = replace(outcome.result, problems=tuple(_naming_the_key(session, problem) for problem in found))
    session.problems(*(_naming_the_key(session, problem) for problem in found if problem not in outcome.told))
    if as_events:
        session.streams.line({"event": "result", **document.apply_document(result, session.target.name)})
    elif session.as_json:
        session.streams.document(document.apply_document(result, session.target.name))
    else:
        session.streams.answer(outcome.spilled)
        style = session.style(session.streams.out)
        text = results.results(
            result, style, target=session.target.name, jobs=outcome.jobs, path_of=lambda url: path_on_disk(session, url)
        )
        if session.form == "github":
            from sieve_jobs.cli.runner import tell_result

            session.streams.say(text)
            tell_result(session, plan, result)
        else:
            session.streams.answer(text)
    return result.exit_code


def _naming_the_key(session: Session, problem: Diagnostic) -> Diagnostic:
    """A hint about the key says which variable holds it: what pushes does not know that."""
    if session.target.is_local or problem.hint is None:
        return problem
    return replace(problem, hint=problem.hint.replace("the api key", f"the api key in {session.target.api_key_env}"))
