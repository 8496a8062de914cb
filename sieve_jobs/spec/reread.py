"""A text in which something is wrong, read to its end: every fault that leaves the YAML around it whole.

The first reading stops at its first problem. This one puts a stand-in where a node is refused, remembers that nothing
more can be said about it, and reads on; what ends it is only what leaves nothing to read on from: a syntax error, a
limit, or as many problems as are told of one file.
"""

from __future__ import annotations

from yaml.events import Event

from sieve_jobs.spec.build import Builder
from sieve_jobs.spec.document import BuildError, Document
from sieve_jobs.spec.frame import KEY_STEP, MISREAD
from sieve_jobs.spec.jobspec import Pointer

STAND_IN = ""
"""The value of a node that is refused: no null, which would be taken for something that is not given."""


class Rereader(Builder):
    """Reads one text with marks, and goes on after a fault. The last for which there is room it raises."""

    def __init__(self, text: str, *, room: int) -> None:
        super().__init__(text, marks=True)
        self.faults: list[BuildError] = []
        self.room = room
        """Problems that may still be told. Whoever finds others in a document takes them off."""

    def _fault(self, error: BuildError, unknown: Pointer) -> str:
        self.document.unknown.add(unknown)
        if KEY_STEP not in unknown:  # a mapping or list that stands as a key was refused as a whole
            if self.room <= 1:
                raise error
            self.faults.append(error)
            self.room -= 1
        return STAND_IN

    def _close(self) -> None:
        frame, outer = self.frames[-1], self.frames[-2] if len(self.frames) > 1 else None
        for step in (MISREAD, KEY_STEP):
            frame.mapping.pop(step, None)
        is_key = outer is not None and outer.key == KEY_STEP
        super()._close()
        if outer is not None and is_key:
            outer.key = MISREAD

    def _finished(self, event: Event) -> Document:
        document = super()._finished(event)
        left_out = {MISREAD, KEY_STEP}
        document.templates = [found for found in document.templates if left_out.isdisjoint(found.pointer)]
        return document
