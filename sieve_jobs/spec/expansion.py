"""What aliases and merge keys of a document stand for: copies, counted, with their templates and marks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from yaml.events import Event

from sieve_jobs.codes import Code
from sieve_jobs.spec.document import BuildError, Container, Document, Template, TemplateText, span_of
from sieve_jobs.spec.jobspec import Pointer
from sieve_jobs.wire import Json

MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_REPEATED = 4 * 1024 * 1024
"""Characters that aliases and merges may repeat in a document: as many as a file may hold."""

Fault: TypeAlias = Callable[[BuildError, Pointer], str]
"""What is done about a node that is refused: it takes the pointer of what cannot be judged, and gives a stand-in."""

MERGE_STEP = -1
"""In a pointer, the place under a `<<`: no list index, and no key, not even a quoted "<<"."""


class Expansion:
    """Counts the values of one document as they appear, and copies what is meant again. Raises BuildError."""

    def __init__(self, document: Document, *, marks: bool) -> None:
        self._document = document
        self._marks = marks
        self.nodes = 0
        self._repeated = 0

    def count(self, event: Event) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.too_many(event)

    def too_many(self, event: Event) -> BuildError:
        return BuildError(
            Code.TOO_MANY_VALUES, f"a document of more than {MAX_NODES:,} values once expanded", span_of(event)
        )

    def copy(self, value: Json, origin: Pointer, pointer: Pointer, event: Event) -> Json:
        """A copy of an anchored value, so that what is resolved in one place is not changed in the other.

        *origin* is the pointer of what is copied, *pointer* of the copy, *event* what asks for it.
        """
        if origin in self._document.unknown:
            self._document.unknown.add(pointer)
        if isinstance(value, str):
            self._repeat(value, event)
            return value
        if not isinstance(value, dict | list):
            return value
        if len(pointer) >= MAX_DEPTH:
            raise BuildError(Code.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels once expanded", span_of(event))
        if isinstance(value, dict):
            mapping: dict[str, Json] = {}
            for key, item in value.items():
                self._repeat(key, event)
                mapping[key] = self._placed(item, (*origin, key), (*pointer, key), mapping, event)
            return mapping
        items: list[Json] = []
        for index, item in enumerate(value):
            items.append(self._placed(item, (*origin, index), (*pointer, index), items, event))
        return items

    def merge(
        self, merged: Json, mapping: dict[str, Json], here: Pointer, event: Event, *, fault: Fault
    ) -> None:  # fmt: skip
        """Fills in what `<<` brings to *mapping*, which is at *here*; keys written out win, then earlier merges.

        *fault* is called where what is merged is no mapping.
        """
        sources: list[tuple[Json, Pointer]] = [(merged, (*here, MERGE_STEP))]
        if isinstance(merged, list):
            sources = [(item, (*here, MERGE_STEP, index)) for index, item in enumerate(merged)]
        for source, origin in sources:
            if origin in self._document.unknown:
                self._document.unknown.add(here)
            elif not isinstance(source, dict):
                fault(
                    BuildError(Code.MERGE_OF_NO_MAPPING, "<< takes a mapping or a list of mappings", span_of(event)),
                    here,
                )
            if not isinstance(source, dict):
                continue
            for key, value in source.items():
                if key not in mapping:
                    mapping[key] = self._placed(value, (*origin, key), (*here, key), mapping, event)

    def _placed(self, value: Json, origin: Pointer, pointer: Pointer, container: Container, event: Event) -> Json:
        """*value* as it goes to its new place *pointer* in *container*: copied, counted, its template noted."""
        self.count(event)
        if isinstance(value, TemplateText):
            self._document.templates.append(Template(container, pointer[-1], pointer, value))
        if self._marks:
            for spans in (self._document.keys, self._document.values):
                if origin in spans:
                    spans[pointer] = spans[origin]
        return self.copy(value, origin, pointer, event)

    def _repeat(self, text: str, event: Event) -> None:
        self._repeated += len(text)
        if self._repeated > MAX_REPEATED:
            message = f"a document that repeats more than {MAX_REPEATED:,} characters once expanded"
            raise BuildError(Code.TOO_MANY_VALUES, message, span_of(event))
