"""Orders in turn: pushes still to be made, so that two which the far side cannot tell apart never wait together."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable

from sieve_jobs.push.draft import Order


class Orders:
    """Orders in turn. Pushes with equal projections form a class, of which at most one goes unanswered at a time.

    *gated* says whether that matters: an engine that honours keys can tell any two pushes apart.
    """

    def __init__(self, orders: Iterable[Order], gated: Callable[[], bool]) -> None:
        self._ready = deque(orders)
        self._gated = gated
        self._busy: Counter[str] = Counter()
        self._aside: defaultdict[str, deque[Order]] = defaultdict(deque)

    def take(self) -> Order | None:
        """The next order that may go, its class busy from now on; None if there is none now."""
        while self._ready:
            order = self._ready.popleft()
            if self._busy[order.projection_hash] == 0 or not self._gated():
                self._busy[order.projection_hash] += 1
                return order
            self._aside[order.projection_hash].append(order)
        return None

    def done(self, order: Order) -> None:
        """*order*'s push is answered, whatever the answer was."""
        self.unblock(order.projection_hash)

    def block(self, projection_hash: str) -> None:
        """A push of that class is in doubt."""
        self._busy[projection_hash] += 1

    def unblock(self, projection_hash: str) -> None:
        """One push of that class is not in doubt any more."""
        self._busy[projection_hash] -= 1
        if self._busy[projection_hash] <= 0:
            del self._busy[projection_hash]
            self._ready.extend(self._aside.pop(projection_hash, ()))

    def add(self, order: Order) -> None:
        self._ready.append(order)

    def left(self) -> list[Order]:
        """Everything not taken, those set aside for a doubt included."""
        return [*self._ready, *(order for orders in self._aside.values() for order in orders)]
