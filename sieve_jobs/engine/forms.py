"""Bodies of the requests beside push: what was sent, as values, or FastAPI's 422 for what does not fit."""

from __future__ import annotations

from sieve_jobs.engine.body import InvalidError, has_surrogate, optional_text, problem, read_hooks
from sieve_jobs.wire import Json

_TEXTS = ("title", "code_url", "description", "cover_image_url", "readme")
_LISTS = ("tags", "examples")
_VISIBILITIES = ("public", "private")
_LONGEST = 366 * 86_400
"""Seconds; a longer `keep` is a slip of the pen."""


def parse_edit(body: Json) -> dict[str, Json]:
    """The fields of a FunctionApp that an edit changes; null and absent leave one as it is. Raises InvalidError."""
    fields = _object(body)
    problems: list[dict[str, Json]] = []
    changes: dict[str, Json] = {key: optional_text(fields, key, problems) for key in _TEXTS}
    for key in _LISTS:
        changes[key] = _texts(fields, key, problems)
    visibility = fields.get("visibility")
    changes["visibility"] = visibility
    if visibility is not None and visibility not in _VISIBILITIES:
        problems.append(problem(("body", "visibility"), "Input should be 'public' or 'private'", "literal_error"))
    changes["webhooks"] = _webhooks(fields.get("webhooks"), problems)
    if problems:
        raise InvalidError(*problems)
    return {key: value for key, value in changes.items() if value is not None}


def parse_replicas(body: Json) -> tuple[int | None, int | None]:
    """`minimum_replicas` and `maximum_replicas`, None for one that stays. Raises InvalidError."""
    fields = _object(body)
    problems: list[dict[str, Json]] = []
    minimum, maximum = (_count(fields, key, problems) for key in ("minimum_replicas", "maximum_replicas"))
    if problems:
        raise InvalidError(*problems)
    return minimum, maximum


def parse_secret(body: Json) -> str:
    """The value of a secret, which an environment must be able to hold. Raises InvalidError."""
    fields = _object(body)
    if "value" not in fields:
        raise InvalidError(problem(("body", "value"), "Field required", "missing"))
    value = fields["value"]
    if not isinstance(value, str) or "\0" in value or has_surrogate(value):
        message = "Input should be a string that an environment can hold"
        raise InvalidError(problem(("body", "value"), message, "string_type"))
    return value


def parse_upload(body: Json) -> str:
    """The name of the file to be uploaded. Raises InvalidError."""
    problems: list[dict[str, Json]] = []
    name = optional_text(_object(body), "file_name", problems)
    if problems:
        raise InvalidError(*problems)
    return name or "file"


def parse_collection(body: Json) -> tuple[float | None, bool]:
    """`keep`, in seconds, None for the engine's own, and `dry_run`. Raises InvalidError.

    Other fields are refused: who misspells `dry_run` means to lose nothing.
    """
    fields = _object(body)
    sent, is_dry = fields.get("keep"), fields.get("dry_run", False)
    problems = [
        problem(("body", key), "Extra inputs are not permitted", "extra_forbidden")
        for key in fields
        if key not in {"keep", "dry_run"}
    ]
    keep = float(sent) if isinstance(sent, int | float) and not isinstance(sent, bool) else None
    if sent is not None and (keep is None or not 0 <= keep <= _LONGEST):
        message = f"Input should be a number of seconds from 0 to {_LONGEST}"
        problems.append(problem(("body", "keep"), message, "float_type"))
    if not isinstance(is_dry, bool):
        problems.append(problem(("body", "dry_run"), "Input should be a valid boolean", "bool_type"))
    if problems:
        raise InvalidError(*problems)
    return keep, is_dry is True


def is_secret_name(name: str) -> bool:
    """Whether *name* can be that of an environment variable, which is what a secret becomes."""
    return name.isprintable() and not any(char in "=/\\ " for char in name) and 0 < len(name) <= 255


def _object(body: Json) -> dict[str, Json]:
    if not isinstance(body, dict):
        raise InvalidError(problem(("body",), "Input should be a valid dictionary", "dict_type"))
    return body


def _texts(fields: dict[str, Json], key: str, problems: list[dict[str, Json]]) -> list[Json] | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        problems.append(problem(("body", key), "Input should be a valid list", "list_type"))
        return None
    problems.extend(
        problem(("body", key, place), "Input should be a valid string", "string_type")
        for place, item in enumerate(value)
        if not isinstance(item, str)
    )
    return value


def _webhooks(value: Json, problems: list[dict[str, Json]]) -> list[Json] | None:
    """`{"hooks": […]}` as the list a FunctionApp shows."""
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.append(problem(("body", "webhooks"), "Input should be a valid dictionary", "model_type"))
        return None
    if "hooks" not in value:
        problems.append(problem(("body", "webhooks", "hooks"), "Field required", "missing"))
        return None
    hooks = read_hooks(value["hooks"], ("body", "webhooks", "hooks"), problems)
    return [
        {"type": hook.type.value, "url": hook.url, **({"shape": hook.shape} if hook.shape else {})} for hook in hooks
    ]


def _count(fields: dict[str, Json], key: str, problems: list[dict[str, Json]]) -> int | None:
    value = fields.get(key)
    if isinstance(value, float) and value.is_integer():  # JSON does not tell 1.0 from 1
        return int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    problems.append(problem(("body", key), "Input should be a valid integer", "int_type"))
    return None
