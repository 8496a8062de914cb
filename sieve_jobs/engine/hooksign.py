"""Signatures of webhooks as Standard Webhooks has them, so that a receiver can check who sent one. Pure.

Source: github.com/standard-webhooks/standard-webhooks, "Webhook headers" and "Signature scheme".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

HOOK_SECRET_VARIABLE = "SIEVE_JOBS_WEBHOOK_SECRET"
_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a key. Source: the same."""


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The keys in *text*: `whsec_…`, or two and more between blanks while one replaces another.

    Raises ValueError, whose message shows nothing of the text.
    """
    return tuple(_key(word) for word in text.split())


def signature(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one signature for each key, the first key's first."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    made = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    return " ".join(f"v1,{text}" for text in made)


def _key(word: str) -> bytes:
    form = f"{HOOK_SECRET_VARIABLE} must hold {_PREFIX} and {_SHORTEST} to {_LONGEST} bytes in base64"
    try:
        key = base64.b64decode(word.removeprefix(_PREFIX) + "=" * (-len(word.removeprefix(_PREFIX)) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(form) from None
    if not word.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(form)
    return key
