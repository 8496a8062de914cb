"""Bodies of the requests beside push, from the wire to what a form makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from sieve_jobs.engine.answers import Refusal
from sieve_jobs.engine.body import InvalidError, NotJsonError, read_json
from sieve_jobs.engine.pushing import read_body
from sieve_jobs.engine.settings import Settings
from sieve_jobs.wire import Json

T = TypeVar("T")


async def read_form(request: Request, settings: Settings, parse: Callable[[Json], T]) -> T:
    """What *parse* makes of a JSON body. Raises Refusal: 406 where it is none, 422 where it does not fit."""
    try:
        return parse(read_json(await read_body(request, settings), settings.depth_limit))
    except NotJsonError as error:
        raise Refusal(406, f"The request body must be JSON. {error}") from error
    except InvalidError as error:
        raise Refusal(422, error.detail) from error
