"""Wanted: a spec as planning sees it first, all that a plan over an unchanged tree needs of it."""

from __future__ import annotations

from typing import NamedTuple


class Wanted(NamedTuple):
    """A spec as planning sees it first: enough to tell whether anything changed. Comes from the parse cache.

    A tuple on purpose: 10,000 of them are unmarshalled on the path of an unchanged plan.
    """

    name: str
    digest: str
    """`v1:sha256:<hex>`: what decides (see digest.py)."""
    fingerprint: str
    """Digest, tags and classification in one short hash: equal fingerprints mean nothing at all changed."""
    path: str
    line: int
