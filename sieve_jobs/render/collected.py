"""What the engine removed, or would remove, for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sieve_jobs.render.quantity import count, exact_span, plain_size
from sieve_jobs.wire import Json

_NOUNS = (
    ("jobs", "job", None),
    ("files", "file", None),
    ("uploads", "upload", None),
    ("webhook_events", "webhook event", None),
    ("versions", "version of a function", "versions of functions"),
    ("idempotency_keys", "idempotency key", None),
    ("environments", "environment", None),
)


def collected(answer: Mapping[str, Json]) -> str:
    """A line for each kind of thing, and what is left; *answer* is that of POST /x/gc."""
    return "".join(f"{line}\n" for line in _lines(answer))


def _lines(answer: Mapping[str, Json]) -> Iterator[str]:
    age = f"older than {exact_span(_number(answer, 'keep'))}"
    is_dry = answer.get("dry_run") is True
    found = [
        count(number, one, many) for key, one, many in _NOUNS if (number := round(_number(answer, key)))
    ]  # fmt: skip
    if found:
        yield f"{'would remove' if is_dry else 'removed'} what is {age}:"
        yield from (f"  {each}" for each in found)
        yield f"{plain_size(round(_number(answer, 'bytes')))} {'would be ' if is_dry else ''}freed on the disk"
    else:
        yield f"nothing to remove that is {age}"
    yield f"{count(round(_number(answer, 'stay')), 'job')} {'would stay' if is_dry else 'left'}"


def _number(answer: Mapping[str, Json], key: str) -> float:
    value = answer.get(key)
    return value if isinstance(value, int | float) else 0
