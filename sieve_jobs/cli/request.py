"""`plan --show-request`: one spec's request as curl, secrets by reference and env values masked."""

from __future__ import annotations

import json
import shlex

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.selection import selected
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UsageError
from sieve_jobs.render.text import escape
from sieve_jobs.spec.request import masked_body
from sieve_jobs.wire import IDEMPOTENCY_HEADER, KEY_HEADER, PUSH


def show(session: Session, word: str) -> ExitCode:
    """Prints the request of the one spec that *word* means. Raises UsageError for several."""
    chosen = selected(session, [word]) or frozenset()
    if len(chosen) != 1:
        raise UsageError(
            Diagnostic(Code.NOTHING_NAMED_SO, f"'{word}' means {len(chosen)} specs, and --show-request shows one")
        )
    (detail,) = session.tree.details(chosen).values()
    if detail.spec.stand_in is not None:
        session.streams.say(f"note: {escape(str(detail.spec.stand_in))}")
    body = masked_body(detail.spec, file_url=lambda file: file.path.as_uri())
    if session.as_json:
        headers = {KEY_HEADER: f"${key_variable(session)}", "Content-Type": "application/json"}
        session.streams.document({"method": "POST", "url": endpoint(session) + PUSH, "headers": headers, "body": body})
        return ExitCode.OK
    lines = [
        f"curl -X POST {shlex.quote(endpoint(session) + PUSH)}",
        f'-H "{KEY_HEADER}: ${key_variable(session)}"',
        f'-H "{IDEMPOTENCY_HEADER}: $(uuidgen)"',
        "-H 'Content-Type: application/json'",
        f"--data-raw {shlex.quote(json.dumps(body, indent=2))}",
    ]
    session.streams.answer(" \\\n  ".join(lines))
    return ExitCode.OK


def endpoint(session: Session) -> str:
    """The base url that a request would go to; for the engine the one it answers at now, if it does."""
    if not session.target.is_local:
        return session.target.endpoint
    from sieve_jobs.engine.home import home_of, read_endpoint

    found = read_endpoint(home_of(session.root))
    return found.url if found is not None else "http://127.0.0.1:8787"


def key_variable(session: Session) -> str:
    return "SIEVE_JOBS_ENGINE_KEY" if session.target.is_local else session.target.api_key_env
