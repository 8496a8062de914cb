"""The routes of named secrets: `/v2/secrets`. No answer holds a whole value."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from sieve_jobs.engine import answers, forms, query, vault
from sieve_jobs.engine.answers import Refusal, answer
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.receive import read_form


async def list_secrets(request: Request, engine: Engine) -> Response:
    limit, offset = query.page(request.query_params)
    found, more = engine.store.read(lambda db: vault.page(db, limit, offset))
    following = offset + len(found) if more else -1
    return answer({"data": [secret.as_json() for secret in found], "next_offset": following})


async def get_secret(request: Request, engine: Engine) -> Response:
    name = request.path_params["name"]
    found = engine.store.read(lambda db: vault.get(db, name))
    if found is None:
        raise Refusal(404, answers.SECRET_NOT_FOUND)
    return answer(found.as_json())


async def create_secret(request: Request, engine: Engine) -> Response:
    """409 if there is one of that name."""
    name, value = await _sent(request, engine)
    made = await engine.store.write(lambda db: vault.create(db, name, value, datetime.now(UTC)))
    if made is None:
        raise Refusal(409, answers.SECRET_EXISTS)
    return answer(made.as_json())


async def put_secret(request: Request, engine: Engine) -> Response:
    name, value = await _sent(request, engine)
    return answer((await engine.store.write(lambda db: vault.put(db, name, value, datetime.now(UTC)))).as_json())


async def delete_secret(request: Request, engine: Engine) -> Response:
    name = request.path_params["name"]
    if not await engine.store.write(lambda db: vault.remove(db, name)):
        raise Refusal(404, answers.SECRET_NOT_FOUND)
    return answer({"message": "Secret deleted"})


async def _sent(request: Request, engine: Engine) -> tuple[str, str]:
    value = await read_form(request, engine.settings, forms.parse_secret)
    name = request.path_params["name"]
    if not forms.is_secret_name(name):
        raise Refusal(400, answers.INVALID_VALUES)
    return name, value
