"""Redactor: takes known secrets out of a text the far side wrote, in the forms they are likely to come in."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from sieve_jobs.spec.jobspec import JobSpec

SHORTEST = 4
"""Characters below which a value is left alone: it would black out half of every text."""
SHORTEST_BASE64 = 6
"""Characters of base64 that must be sure to come from the secret alone."""
MASK = "(secret)"


def resolved_secrets(spec: JobSpec) -> frozenset[str]:
    """Every value that *spec* got from a secret variable, and every interpolated env value."""
    found: set[str] = set()
    for pointer, leaf in spec.leaves.items():
        for segment in leaf.segments:
            is_secret = any(spec.variables.get(name, True) for name in segment.variables)
            if is_secret or (segment.variables and pointer[0] == "env"):
                found.add(segment.value)
    return frozenset(found)


class Redactor:
    """Replaces *values*, each as it is, as JSON, percent-encoded and in base64, by MASK. Never shows them itself."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = frozenset(value for value in values if len(value) >= SHORTEST)

    def joined(self, values: Iterable[str]) -> Redactor:
        """This one, that also knows *values*."""
        more = frozenset(value for value in values if len(value) >= SHORTEST) - self._values
        return Redactor(self._values | more) if more else self

    def clean(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._values and text else text

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        found = {form for value in self._values for form in forms(value)}
        return re.compile("|".join(re.escape(form) for form in sorted(found, key=lambda form: (-len(form), form))))


def forms(value: str) -> Iterator[str]:
    """*value* in every form that is looked for. A multi-line value counts line by line too."""
    yield value
    for line in value.splitlines():
        if len(line) >= 2 * SHORTEST:
            yield line
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield text
        yield text.replace("\\", "\\\\").replace('"', '\\"')
    yield repr(value)[1:-1]
    raw = value.encode(errors="surrogatepass")
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield raw.hex()
    yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The characters that are the same wherever *raw* stands in what was encoded: one form for each alignment."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=").decode()
        first = -(-shift * 8 // 6)
        last = (shift + len(raw)) * 8 // 6
        sure = encoded[first:last]
        if len(sure) >= SHORTEST_BASE64:
            yield sure
            yield sure.replace("+", "-").replace("/", "_")
