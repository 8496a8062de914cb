"""Renames: names that vanish paired with new names that ask for the same."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

_Key: TypeAlias = tuple[str, ...]


def pair(vanished: Iterable[tuple[str, str]], new: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """New name to the vanished name whose job it takes over.

    *vanished* are names with their digests, *new* names with every digest that would mean the same request (more than
    one where the classification of variables changed). Among equals, names with the same last path component go
    together first, then the rest in order of their names.
    """
    gone = sorted(vanished)
    alike = _match(gone, new, lambda name, digest: (digest, name.rpartition("/")[2]))
    paired = set(alike.values())
    rest = [(name, digest) for name, digest in gone if name not in paired]
    left = {name: digests for name, digests in new.items() if name not in alike}
    return alike | _match(rest, left, lambda _, digest: (digest,))


def _match(
    gone: Iterable[tuple[str, str]], new: Mapping[str, frozenset[str]], key: Callable[[str, str], _Key]
) -> dict[str, str]:
    """Pairs in order of names, among those whose *key* is equal."""
    waiting: defaultdict[_Key, deque[str]] = defaultdict(deque)
    for name, digest in gone:
        waiting[key(name, digest)].append(name)
    pairs: dict[str, str] = {}
    for name in sorted(new):
        queues = (waiting.get(key(name, digest)) for digest in sorted(new[name]))
        queue = next((queue for queue in queues if queue), None)
        if queue:
            pairs[name] = queue.popleft()
    return pairs
