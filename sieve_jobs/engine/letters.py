"""The engine's own routes of webhooks: what became of each event, and dead letters sent again."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from sieve_jobs.engine import outbox, query
from sieve_jobs.engine.answers import Refusal, answer
from sieve_jobs.engine.body import problem
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.records import Letter
from sieve_jobs.wire import Json, format_time

WEBHOOKS = "/x/webhooks"
_NOT_FOUND = "Webhook event not found."
_NOT_DEAD = "Webhook event is not a dead letter."


async def list_webhooks(request: Request, engine: Engine) -> Response:
    """Events newest first, narrowed by `state`; each with its attempts."""
    limit, offset = query.page(request.query_params)
    state = request.query_params.get("state") or None
    if state not in {None, *outbox.STATES}:
        known = ", ".join(map(repr, outbox.STATES))
        raise Refusal(422, [problem(("query", "state"), f"Input should be one of {known}", "enum")])
    letters, more = engine.store.read(lambda db: outbox.page(db, state, limit, offset))
    following = offset + len(letters) if more else -1
    return answer({"data": [letter_json(letter) for letter in letters], "next_offset": following})


async def replay_webhook(request: Request, engine: Engine) -> Response:
    """Sends one dead letter again, named by its id or how that begins, or all of them where none is named."""
    named = request.path_params.get("message_id")
    message_id = None if named is None else _whole_id(engine, named)
    replayed = await engine.store.write(lambda db: outbox.replay(db, message_id, time.time()))
    if message_id is not None and replayed == 0:
        raise Refusal(400, _NOT_DEAD)
    engine.deliverer.wake()
    return answer({"replayed": replayed})


def _whole_id(engine: Engine, named: str) -> str:
    """The id that *named* is, or is the beginning of. Raises Refusal."""
    found = engine.store.read(lambda db: outbox.beginning_with(db, named))
    if not found:
        raise Refusal(404, _NOT_FOUND)
    if len(found) > 1:
        raise Refusal(422, [problem(("path", "message_id"), "Several webhook events begin so", "ambiguous")])
    return found[0]


def letter_json(letter: Letter) -> Json:
    """An event as it is shown. Of its URL not the query, which may hold a secret."""
    return {
        "id": letter.message_id,
        "job_id": letter.job_id,
        "type": letter.type,
        "url": _shown(letter.url) if letter.url else None,
        "state": letter.state,
        "due_at": _time(letter.due) if letter.state == outbox.PENDING else None,
        "attempts": [{"at": _time(at), "met": met} for at, met in letter.tried],
    }


def _shown(url: str) -> str:
    place, mark, _ = url.partition("?")
    return f"{place.partition('#')[0]}?…" if mark else place.partition("#")[0]


def _time(at: float) -> str:
    return format_time(datetime.fromtimestamp(at, UTC))
