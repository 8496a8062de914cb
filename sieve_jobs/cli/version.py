"""`version`: which sieve-jobs this is. A bare `sieve-jobs version` is answered before this is imported."""

from __future__ import annotations

from sieve_jobs import __version__
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import verb
from sieve_jobs.errors import ExitCode
from sieve_jobs.render.document import version_document


@verb("version", "sieve-jobs version --json", project=False)
def command(session: Session) -> ExitCode:
    """Print the version."""
    if session.as_json:
        session.streams.document(version_document())
    else:
        session.streams.answer(f"sieve-jobs {__version__}")
    return ExitCode.OK
