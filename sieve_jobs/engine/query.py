"""Query parameters, read as FastAPI would: what is missing has a default, what does not parse is a 422."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sieve_jobs.engine.answers import INVALID_TIMES, INVALID_VALUES, Refusal
from sieve_jobs.engine.body import problem
from sieve_jobs.wire import PAGE_LIMIT, Status

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"(?P<whole>[0-9]{1,19})(?:\.(?P<fraction>[0-9]{0,30}))?")
_SECONDS_BELOW = 10**12
"""A smaller time is in seconds, a larger one in nanoseconds."""
_WORDS = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}
FAR = 2**63 - 1


def count(query: Mapping[str, str], name: str, default: int = 0) -> int:
    """A number that must not be negative. Raises Refusal."""
    value = integer(query, name, default)
    if value < 0:
        raise Refusal(400, INVALID_VALUES)
    return value


def page(query: Mapping[str, str]) -> tuple[int, int]:
    """`limit` and `offset` of a list; a limit above the documented page is cut to it. Raises Refusal."""
    limit = integer(query, "limit", PAGE_LIMIT)
    if limit < 1:
        raise Refusal(400, INVALID_VALUES)
    return min(limit, PAGE_LIMIT), count(query, "offset")


def status(query: Mapping[str, str]) -> Status | None:
    """The status a list is narrowed to, None for all. Raises Refusal."""
    text = query.get("status", "")
    if not text:
        return None
    try:
        return Status(text)
    except ValueError:
        known = ", ".join(f"'{known.value}'" for known in Status)
        raise Refusal(422, [problem(("query", "status"), f"Input should be one of {known}", "enum")]) from None


def choice(query: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    """One of *known*, the first by default. Raises ValueError with the message of a 422."""
    text = query.get(name, known[0])
    if text not in known:
        raise ValueError(f"Input should be {', '.join(map(repr, known))}")
    return text


def flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A boolean in any of the words that FastAPI takes for one. Raises Refusal."""
    text = query.get(name)
    if text is None:
        return default
    known = _WORDS.get(text.lower())
    if known is None:
        raise Refusal(422, [problem(("query", name), "Input should be a valid boolean", "bool_parsing")])
    return known


def seconds(query: Mapping[str, str], name: str, longest: float) -> float:
    """A duration, cut to *longest*, which is also the default. Raises Refusal."""
    text = query.get(name)
    if text is None:
        return longest
    if _NUMBER.fullmatch(text) is None:
        raise Refusal(422, [problem(("query", name), "Input should be a valid number", "float_parsing")])
    return min(float(text), longest)


def instant(query: Mapping[str, str], name: str, default: int) -> int:
    """Nanoseconds since the epoch of a time in float seconds or integer nanoseconds. Raises Refusal."""
    text = query.get(name, "")
    if not text:
        return default
    parsed = _NUMBER.fullmatch(text)
    if parsed is None:
        raise Refusal(400, INVALID_TIMES)
    whole, fraction = int(parsed["whole"]), parsed["fraction"] or ""
    at = whole if whole >= _SECONDS_BELOW else whole * 10**9 + int(f"{fraction[:9]:0<9}")
    return min(at, FAR)


def integer(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number. Raises Refusal."""
    text = query.get(name)
    if text is None:
        return default
    if _INTEGER.fullmatch(text) is None:
        raise Refusal(422, [problem(("query", name), "Input should be a valid integer", "int_parsing")])
    return int(text)
