"""`validate`: every problem of every spec and of the config, without network and without state."""

from __future__ import annotations

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import names_argument, verb
from sieve_jobs.cli.selection import nothing_found, selected
from sieve_jobs.errors import ExitCode, InvalidError


@verb("validate", "sieve-jobs validate", "sieve-jobs validate jobspecs/shows")
@names_argument
def command(session: Session, names: tuple[str, ...]) -> ExitCode:
    """Check every spec, or those that NAME means; needs no network and no state.

    Every problem is told in one run, with its place. The exit code is 3 if there is one.
    """
    tree = session.tree
    try:
        chosen = selected(session, names)
        problems = ()
    except InvalidError as error:
        chosen, problems = None, error.diagnostics
    count = len(tree.wanted) if chosen is None else len(chosen)
    if problems:
        session.problems(*problems)
        files = len({problem.place.path for problem in problems if problem.place})
        session.streams.say(f"{_count(len(problems), 'problem')} in {_count(files, 'file')}")
    elif (empty := nothing_found(session)) is not None:
        session.problems(empty)
    if session.as_json:
        session.streams.document(
            {
                "valid": not problems,
                "files": tree.files,
                "specs": count,
                "diagnostics": [problem.as_json() for problem in problems],
            }
        )
    elif not problems:
        session.streams.answer(f"{_count(count, 'spec')} valid")
    return ExitCode.INVALID if problems else ExitCode.OK


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
