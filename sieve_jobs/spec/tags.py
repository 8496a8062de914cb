"""Keyed tags: they tell whether a value changed without keeping it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class TagKey:
    """The random key of a state. *id* may be stored and shown, *secret* never leaves its file."""

    id: str
    secret: bytes = field(repr=False)
    keyed: hmac.HMAC = field(init=False, repr=False, compare=False)
    """An HMAC under the secret to copy: keying one anew costs more than the hashing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keyed", hmac.new(self.secret, digestmod="sha256"))


def key_from(secret: bytes) -> TagKey:
    """A key with its id, which is a hash of the secret and tells nothing of it."""
    return TagKey(hashlib.sha256(b"sieve-jobs key id\0" + secret).hexdigest()[:12], secret)


def tag(key: TagKey | None, *parts: str) -> str:
    """HMAC-SHA256 over *parts*, cut to 128 bits, as 32 hex digits; empty without a key.

    Parts are joined with their lengths, so that ("ab", "c") and ("a", "bc") differ.
    """
    if key is None:
        return ""
    keyed = key.keyed.copy()
    for part in parts:
        raw = part.encode(errors="surrogatepass")
        keyed.update(b"%d:%s" % (len(raw), raw))
    return keyed.digest()[:_TAG_BYTES].hex()
