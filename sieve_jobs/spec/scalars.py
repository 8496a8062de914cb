"""Plain scalars of YAML 1.2's core schema: `no` is a string, `010` is ten, `1e3` a float, `1:30` a string."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from sieve_jobs.wire import Json

LARGEST_INTEGER = 2**53
"""Beyond it a JSON reader may round: two different specs would look alike."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBER_STARTS = frozenset("0123456789+-.")
"""First characters of every number: all other texts are told apart in one look."""


class NotJsonError(ValueError):
    """A scalar whose type has no place in JSON as we read it."""


def resolve(text: str) -> Json:
    """The value of a plain scalar. Raises NotJsonError for .nan, .inf and integers beyond 2^53."""
    if not text or text[0] not in _NUMBER_STARTS:
        return _WORDS.get(text, text)
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise NotJsonError(f"the number {shortened(text, 21)} is too large")
        return number
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.fullmatch(text):
        raise NotJsonError(f"{text} is not a JSON number")
    return text


def typed(text: str) -> Json:
    """The value of a plain scalar that was one interpolation: typed where it round-trips, else the text.

    `640` and `true` are taken as number and boolean; `00123`, `1.50`, `True` and the empty text stay text.
    """
    try:
        value = resolve(text)
    except NotJsonError:
        return text
    if value is None:
        return None if text == "null" else text
    if isinstance(value, bool):
        return value if text in {"true", "false"} else text
    return value if str(value) == text else text


def is_text(text: str) -> bool:
    """Whether a plain scalar is a string, as keys must be."""
    if not text or text[0] not in _NUMBER_STARTS:
        return text not in _WORDS
    try:
        return isinstance(resolve(text), str)
    except NotJsonError:
        return False


def tagged(text: str, tag: str) -> Json:
    """The value of a scalar with the standard tag `!!tag`: int, float, bool or null.

    Raises KeyError for another tag, ValueError where the text does not fit it, NotJsonError as `resolve`.
    """
    kinds = _TAGGED[tag]
    value = resolve(text)
    if type(value) not in kinds:
        raise ValueError(f"the text does not fit its tag !!{tag}")
    return float(value) if tag == "float" and isinstance(value, int) else value


_TAGGED: Mapping[str, tuple[type, ...]] = {
    "int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),),
}  # fmt: skip


def shortened(text: str, longest: int = 80) -> str:
    """*text* for a message: whole, or its beginning."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _integer(digits: str, base: int) -> int:
    # int() of very long texts is refused by Python with an error of its own, and slow before that.
    if len(digits) > 64 or abs(number := int(digits, base)) > LARGEST_INTEGER:
        shown = shortened(digits, 21)
        raise NotJsonError(f"the integer {shown} is beyond 2^53 and would be rounded by JSON readers")
    return number
