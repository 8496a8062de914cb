"""What lets pages of named origins use the API from a browser: exact origins, no credentials. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

Field: TypeAlias = tuple[bytes, bytes]

_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")
VARY: Field = (b"vary", b"Origin")
_EXPOSED = b"Idempotent-Replayed, Retry-After, Sieve-Jobs-Engine, X-Sieve-Jobs-Applied"
_PREFLIGHT: tuple[Field, ...] = (
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"X-API-Key, Content-Type, Idempotency-Key"),
    (b"access-control-max-age", b"600"),
)


def parse_origin(text: str) -> str:
    """*text* if it is an origin as a browser sends it. Raises ValueError, for `*` and `null` too."""
    if not _ORIGIN.fullmatch(text):
        raise ValueError(f"'{text}' is no origin such as https://app.example or http://localhost:3000")
    return text


def answer_fields(origin: bytes) -> list[Field]:
    """For an answer to a page of *origin*, which is one of the named."""
    return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)]


def preflight_fields(asked: Sequence[Field]) -> list[Field]:
    """For the answer to a preflight that *asked* with these headers."""
    # Chromium asks so before a page of the internet may call an address of this machine.
    private = (b"access-control-request-private-network", b"true") in asked
    return [*_PREFLIGHT, *([(b"access-control-allow-private-network", b"true")] if private else [])]
