"""`validate`: every problem of every spec and of the config, without network and without state."""

from __future__ import annotations

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import format_option, names_argument, verb
from sieve_jobs.cli.selection import say_nothing_found, selected
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, InvalidError
from sieve_jobs.render.document import validate_document
from sieve_jobs.render.quantity import count


@verb("validate", "sieve-jobs validate", "sieve-jobs validate jobspecs/shows", "sieve-jobs validate --format github")
@names_argument
@format_option("human", "json", "github")
def command(session: Session, names: tuple[str, ...]) -> ExitCode:
    """Check every spec, or those that NAME means; needs no network and no state.

    Every problem is told in one run, with its place. The exit code is 3 if there is one.
    """
    tree = session.tree
    try:
        chosen = selected(session, names)
        problems: tuple[Diagnostic, ...] = ()
    except InvalidError as error:
        chosen, problems = None, error.diagnostics
    specs = len(tree.wanted) if chosen is None else len(chosen)
    if problems and session.form == "github":
        raise InvalidError(*problems)
    if problems:
        session.problems(*problems)
        files = len({problem.place.path for problem in problems if problem.place})
        session.streams.say(f"{count(len(problems), 'problem')} in {count(files, 'file')}")
    else:
        say_nothing_found(session)
    if session.as_json:
        session.streams.document(validate_document(files=tree.files, specs=specs, problems=problems))
    elif session.form == "github":
        session.streams.say(f"{count(specs, 'spec')} valid")
    elif not problems:
        session.streams.answer(f"{count(specs, 'spec')} valid")
    return ExitCode.INVALID if problems else ExitCode.OK
