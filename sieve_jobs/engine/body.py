"""A push body, from bytes to a request: strict JSON with a bounded depth, then FastAPI's 422 for what does not fit."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from sieve_jobs.engine.pairs import SHAPES
from sieve_jobs.engine.records import Hook
from sieve_jobs.engine.weburl import parse_web_url
from sieve_jobs.wire import Event, Json

SOURCES = ("api", "dashboard", "search")


class NotJsonError(ValueError):
    """The body is not JSON, or not JSON that can be passed on."""


class InvalidError(ValueError):
    """The body is JSON of another shape. `detail` is the list of a 422."""

    def __init__(self, *problems: dict[str, Json]) -> None:
        super().__init__("; ".join(str(problem["msg"]) for problem in problems))
        self.detail: list[Json] = list(problems)


class RefusedError(ValueError):
    """The request is understood and refused. `status` is 400 or 404, the text its `detail`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class PushRequest:
    """A push as sent. Exactly one of *function* and *id* is set."""

    function: str | None
    id: str | None
    inputs: dict[str, Json] | list[Json]
    hooks: tuple[Hook, ...] | None
    """None where the push says nothing of webhooks: the function's own are used. An empty list silences them."""
    env: dict[str, str]
    parent: str | None = None
    """The job that pushes, as Sieve's SDK names it."""


def read_json(content: bytes, depth: int) -> Json:
    """Parses strictly: no NaN or infinity, no duplicate keys, at most *depth* levels. Raises NotJsonError."""
    try:
        value: Json = json.loads(
            content, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_object
        )
    except RecursionError as error:
        raise NotJsonError(f"nested deeper than {depth} levels") from error
    except ValueError as error:
        raise NotJsonError(str(error)) from error
    if _depth_exceeds(value, depth):
        raise NotJsonError(f"nested deeper than {depth} levels")
    return value


def problem(where: tuple[str | int, ...], message: str, kind: str) -> dict[str, Json]:
    """One item of a 422's `detail`."""
    return {"loc": list(where), "msg": message, "type": kind}


def parse_push(body: Json) -> PushRequest:
    """Reads a push request; keys beyond the documented are ignored. Raises InvalidError, RefusedError."""
    if not isinstance(body, dict):
        raise InvalidError(problem(("body",), "Input should be a valid dictionary", "dict_type"))
    problems: list[dict[str, Json]] = []
    function = optional_text(body, "function", problems)
    version_id = optional_text(body, "id", problems)
    inputs = body.get("inputs")
    if "inputs" not in body:
        problems.append(problem(("body", "inputs"), "Field required", "missing"))
    elif not isinstance(inputs, dict | list):
        problems.append(problem(("body", "inputs"), "Input should be an object or an array", "dict_type"))
    webhooks = body.get("webhooks")
    hooks = None if webhooks is None else read_hooks(webhooks, ("body", "webhooks"), problems)
    env = _env(body.get("env"), problems)
    if problems or not isinstance(inputs, dict | list):
        raise InvalidError(*problems)
    if body.get("serialized"):
        raise RefusedError(400, "Serialized inputs are not supported; send JSON inputs.")
    if (function is None) == (version_id is None):
        raise RefusedError(400, "Invalid function specified.")
    parent = body.get("parent")
    return PushRequest(function, version_id, inputs, hooks, env, parent if isinstance(parent, str) else None)


def optional_text(body: dict[str, Json], key: str, problems: list[dict[str, Json]]) -> str | None:
    """A text that may be absent or null; anything else is one of the *problems*."""
    value = body.get(key)
    if value is None or isinstance(value, str):
        return value
    problems.append(problem(("body", key), "Input should be a valid string", "string_type"))
    return None


def read_hooks(value: Json, at: tuple[str | int, ...], problems: list[dict[str, Json]]) -> tuple[Hook, ...]:
    """The webhooks of a list that stands at *at* in the request; what is wrong with it goes to *problems*."""
    if not isinstance(value, list):
        problems.append(problem(at, "Input should be a valid list", "list_type"))
        return ()
    hooks = []
    for place, item in enumerate(value):
        where = (*at, place)
        if not isinstance(item, dict):
            problems.append(problem(where, "Input should be a valid dictionary", "model_type"))
            continue
        event = next((known for known in Event if known == item.get("type")), None)
        url = _web_url(item.get("url"))
        absent = [key for key in ("type", "url") if key not in item]
        problems.extend(problem((*where, key), "Field required", "missing") for key in absent)
        if "type" in item and event is None:
            known = ", ".join(repr(event.value) for event in Event)
            problems.append(problem((*where, "type"), f"Input should be one of {known}", "enum"))
        if "url" in item and url is None:
            expected = "Input should be a valid http or https URL without user and password"
            problems.append(problem((*where, "url"), expected, "url_parsing"))
        shape = item.get("shape")
        if shape not in {None, *SHAPES}:
            known = ", ".join(map(repr, SHAPES))
            problems.append(problem((*where, "shape"), f"Input should be one of {known}", "enum"))
        elif event is not None and url is not None:
            hooks.append(Hook(event, url, shape if isinstance(shape, str) else None))
    return tuple(hooks)


def _web_url(url: Json) -> str | None:
    """*url* if it is one that can be called. Where it leads is judged when it is."""
    if not isinstance(url, str):
        return None
    try:
        parse_web_url(url)
    except ValueError:
        return None
    return url


def _env(value: Json, problems: list[dict[str, Json]]) -> dict[str, str]:
    """Environment of the job. Numbers and booleans become text, as a shell would have them; null is left out."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(problem(("body", "env"), "Input should be a valid dictionary", "dict_type"))
        return {}
    env = {}
    for name, item in value.items():
        if item is None:
            continue
        text = json.dumps(item) if isinstance(item, bool | int | float) else item
        if not isinstance(text, str) or "\0" in text or has_surrogate(text):
            message = "Input should be a string that an environment can hold"
            problems.append(problem(("body", "env", name), message, "string_type"))
        elif not name or "=" in name or "\0" in name or has_surrogate(name):
            problems.append(problem(("body", "env"), "A name is empty, or holds '=' or NUL", "value_error"))
        else:
            env[name] = text
    return env


def has_surrogate(text: str) -> bool:
    """Whether *text* holds half of a pair, which no environment and no column can."""
    return any("\ud800" <= char <= "\udfff" for char in text) if not text.isascii() else False


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object names a key twice")
    return made


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """A number that can be written as JSON again, which `1e999` cannot: Python reads it as infinity."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:32]} is too large for a number")
    return value


def _depth_exceeds(value: Json, limit: int) -> bool:
    """Level by level, so that no depth can exhaust the stack."""
    level: list[Json] = [value]
    for _ in range(limit):
        level = [
            item
            for parent in level
            for item in (parent.values() if isinstance(parent, dict) else parent if isinstance(parent, list) else ())
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
