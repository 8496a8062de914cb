"""Frames: mappings and sequences that are being read, and the steps of a pointer that stand for no key."""

from __future__ import annotations

from typing import Any

from yaml.events import Event

from sieve_jobs.spec.document import Container
from sieve_jobs.wire import Json

_ITEM = 0
"""The key of a frame that is a list: like a mapping's that is known, so that a value comes next."""

MISREAD = -2
"""In a pointer, the place of a value whose key is none. It is read, for what is wrong within, and then left out."""

KEY_STEP = -3
"""In a pointer, the place of a mapping or list that stands as a key."""


class Frame:
    """A mapping or sequence that is being read."""

    __slots__ = ("anchor", "items", "key", "mapping", "merge")

    def __init__(self, anchor: str | None, *, is_list: bool) -> None:
        self.anchor = anchor
        self.items: list[Json] | None = [] if is_list else None
        self.mapping: dict[Any, Json] = {}
        """Besides its keys, what it merges, at MERGE_STEP, until it is read to its end."""
        self.key: str | int | None = _ITEM if is_list else None
        """The key whose value comes next, MERGE_STEP for a `<<`; None where a key comes next."""
        self.merge: Event | None = None
        """The `<<` of this mapping, once it was read."""

    @property
    def container(self) -> Container:
        return self.mapping if self.items is None else self.items
