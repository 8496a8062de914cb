"""POST /x/gc: removes what ended long ago, and tells how much that was."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sieve_jobs.engine import answers, forms
from sieve_jobs.engine.answers import Refusal, answer
from sieve_jobs.engine.collector import EndingError
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.receive import read_form
from sieve_jobs.engine.retention import KEEP

GC = "/x/gc"


async def collect(request: Request, engine: Engine) -> Response:
    """Answers when all is removed; with `dry_run` nothing is. A client that leaves stops nothing."""
    asked, is_dry = await read_form(request, engine.settings, forms.parse_collection)
    own = KEEP if engine.settings.keep is None else engine.settings.keep
    keep = own if asked is None else asked
    try:
        collected = await engine.collector.collect(keep, dry=is_dry)
    except EndingError:
        raise Refusal(503, answers.ENDING, {"Retry-After": "1"}) from None
    return answer({"keep": keep, "dry_run": is_dry, **collected.as_json()})
