"""YAML text to documents: one event-driven builder with limits, duplicate keys and marks.

Built from libyaml's events, never its composer, which overflows the C stack on deep nesting. Marks cost time,
so a file is first read without them, and only to its first problem; `reread.py` reads on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from sys import intern
from typing import Any, cast

from yaml._yaml import CParser
from yaml.error import YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sieve_jobs.codes import Code
from sieve_jobs.spec.document import (
    FILE_KEYS,
    BuildError,
    Document,
    Template,
    TemplateText,
    line_of,
    span_of,
)
from sieve_jobs.spec.expansion import MAX_DEPTH, MAX_NODES, MERGE_STEP, Expansion
from sieve_jobs.spec.frame import KEY_STEP, MISREAD, Frame
from sieve_jobs.spec.jobspec import Pointer
from sieve_jobs.spec.scalars import NotJsonError, is_text, resolve, shortened
from sieve_jobs.spec.syntax import check_directives, check_older, no_yaml
from sieve_jobs.spec.tagged import MAPPING_TAGS, SEQUENCE_TAGS, TEXT_TAGS, no_json, tagged_value, unsupported, written
from sieve_jobs.wire import Json

MAX_DOCUMENTS = 10_000


def read_documents(text: str, *, marks: bool = False) -> Iterator[Document]:
    """The documents of *text*, empty ones left out. Raises BuildError, and nothing else, at the first bad one."""
    return Builder(text, marks=marks).read()


class Builder:
    """Reads one text. Where it is refused `_fault` is called: it raises here, and goes on in a second reading."""

    def __init__(self, text: str, *, marks: bool) -> None:
        self.text = text
        self.marks = marks
        self.count = 0

    def read(self) -> Iterator[Document]:
        """The documents, empty ones left out. Raises BuildError, and nothing else."""
        text = self.text
        try:
            check_directives(text)
            self.next_event: Callable[[], Any] = CParser(text).get_event
            yield from self._documents()
            check_older(text)
        except (YAMLError, ValueError, RecursionError, AttributeError) as error:
            raise no_yaml(error, text) from error

    def _fault(self, error: BuildError, unknown: Pointer) -> str:
        """What stands in for a node that is refused, although the YAML around it is whole.

        *unknown* is the pointer of what cannot be judged because of it.
        """
        raise error

    def _start(self) -> None:
        self.document = Document()
        self.frames: list[Frame] = []
        self.frame: Frame | None = None
        """The innermost of the frames."""
        self.anchors: dict[str, tuple[Json, Pointer] | Frame] = {}
        """What an alias stands for, with its pointer; a frame that is still being read stands for itself."""
        self.expansion = Expansion(self.document, marks=self.marks)

    def _documents(self) -> Iterator[Document]:
        next_event, key, scalar = self.next_event, self._key, self._scalar
        while True:
            event = next_event()
            kind = event.__class__
            if kind is ScalarEvent:
                frame, expansion = self.frame, self.expansion
                expansion.nodes += 1
                if expansion.nodes > MAX_NODES:
                    raise expansion.too_many(event)
                if frame is not None and frame.key is None:
                    key(event, frame)
                else:
                    scalar(event, frame)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event, is_list=kind is SequenceStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close()
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                self._start()
            elif kind is DocumentEndEvent:
                if self.document.value is not None:
                    yield self._finished(event)
            elif kind is StreamEndEvent:
                return

    def _finished(self, event: Event) -> Document:
        self.count += 1
        if self.count > MAX_DOCUMENTS:
            raise BuildError(Code.TOO_MANY_VALUES, f"a file of more than {MAX_DOCUMENTS:,} documents", span_of(event))
        if self.document.templates:
            # What stands only under a << was copied to where it is merged.
            kept = [found for found in self.document.templates if MERGE_STEP not in found.pointer]
            self.document.templates = kept
        return self.document

    # Every node ends here: it becomes a value or an item of the innermost frame, what is merged, or the root.
    def _put(self, value: Json) -> None:
        frame = self.frame
        if frame is None:
            self.document.value = value
        elif frame.items is not None:
            frame.items.append(value)
        else:
            frame.mapping[frame.key] = value
            frame.key = None

    def _scalar(self, event: ScalarEvent, frame: Frame | None) -> None:
        text = event.value
        if event.tag is not None:
            try:
                value = tagged_value(event)
            except BuildError as error:
                value = self._fault(error, self._pointer())
        elif "${" in text:
            value = TemplateText(text, plain=not event.style)
        elif event.style:
            value = text
        else:
            try:
                value = resolve(text)
            except NotJsonError as error:
                value = self._fault(no_json(error, event), self._pointer())
        if self.marks or value.__class__ is TemplateText:
            self._note(value, event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self._pointer())
        if frame is None:
            self.document.line = line_of(event)
        elif frame.items is None:
            # What `_put` would do, for the commonest of all nodes.
            frame.mapping[frame.key] = value
            frame.key = None
            return
        self._put(value)

    def _note(self, value: Json, event: Event) -> None:
        pointer = self._pointer()
        if self.marks:
            self.document.values[pointer] = span_of(event)
        if isinstance(value, TemplateText) and self.frame is not None:
            self.document.templates.append(Template(self.frame.container, pointer[-1], pointer, value))

    def _key(self, event: ScalarEvent, frame: Frame) -> None:
        text = event.value
        if not event.style and event.tag is None:
            if text == "<<":
                self._merge_key(event, frame)
                return
            if not is_text(text):
                message = f"the key {shortened(text) or 'null'} is not a string"
                error = BuildError(
                    Code.KEY_NOT_TEXT, message, span_of(event), hint=f'write "{shortened(text)}" in quotes'
                )
                self._misread(frame, error, self._pointer()[:-1], event.anchor)
                return
        elif event.tag not in TEXT_TAGS:
            error = BuildError(
                Code.UNSUPPORTED_TAG, f"the tag {written(event.tag)} is not supported on a key", span_of(event)
            )
            self._misread(frame, error, self._pointer()[:-1], event.anchor)
            return
        frame.key = text = intern(text)  # files of a tree have their keys in common
        if text in frame.mapping:
            pointer = self._pointer()
            first = self.document.keys.get(pointer)
            error = BuildError(
                Code.STANDS_TWICE, f"the key '{shortened(text)}' stands twice", span_of(event), first=first
            )
            self._misread(frame, error, pointer, event.anchor)
            return
        if text in FILE_KEYS:
            self.document.names_files = True
        if self.marks:
            self.document.keys[self._pointer()] = span_of(event)
        if event.anchor is not None:
            value = TemplateText(text, plain=not event.style) if "${" in text else text
            self.anchors[event.anchor] = (value, self._pointer())

    def _merge_key(self, event: ScalarEvent, frame: Frame) -> None:
        if frame.merge is not None:
            first, hint = span_of(frame.merge), "merge a list: [*first, *second]"
            error = BuildError(Code.STANDS_TWICE, "the key '<<' stands twice", span_of(event), first=first, hint=hint)
            self._misread(frame, error, self._pointer()[:-1])
            return
        frame.merge, frame.key = event, MERGE_STEP

    def _misread(self, frame: Frame, error: BuildError, unknown: Pointer, anchor: str | None = None) -> None:
        """A key of *frame* that is refused. What it may have been is not known, so neither is what *frame* lacks."""
        stand_in = self._fault(error, unknown)
        frame.key = MISREAD
        if anchor is not None:
            pointer = self._pointer()
            self.document.unknown.add(pointer)
            self.anchors[anchor] = (stand_in, pointer)

    def _open(self, event: MappingStartEvent | SequenceStartEvent, *, is_list: bool) -> None:
        self.expansion.count(event)
        frames, outer, anchor = self.frames, self.frame, event.anchor
        if len(frames) >= MAX_DEPTH:
            raise BuildError(Code.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels", span_of(event))
        if outer is None:
            self.document.line = line_of(event)
        elif outer.key is None:
            self._fault(
                BuildError(Code.KEY_NOT_TEXT, "a mapping or list cannot be a key", span_of(event)), self._pointer()[:-1]
            )
            outer.key = KEY_STEP
        if event.tag not in (SEQUENCE_TAGS if is_list else MAPPING_TAGS):
            self._fault(unsupported(event.tag, event), self._pointer())
        if self.marks:
            self.document.values[self._pointer()] = span_of(event)
        self.frame = frame = Frame(anchor, is_list=is_list)
        frames.append(frame)
        if anchor is not None:
            self.anchors[anchor] = frame

    def _close(self) -> None:
        frames = self.frames
        frame = frames.pop()
        self.frame = frames[-1] if frames else None
        if frame.merge is not None:
            merged = frame.mapping.pop(MERGE_STEP)
            self.expansion.merge(merged, frame.mapping, self._pointer(), frame.merge, fault=self._fault)
        value: Json = frame.mapping if frame.items is None else frame.items
        # An anchor may have been given again to something within.
        if frame.anchor is not None and self.anchors[frame.anchor] is frame:
            self.anchors[frame.anchor] = (value, self._pointer())
        self._put(value)

    def _alias(self, event: AliasEvent) -> None:
        self.expansion.count(event)
        if self.frame is not None and self.frame.key is None:
            error = BuildError(Code.KEY_NOT_TEXT, "an alias cannot be a key", span_of(event))
            self._misread(self.frame, error, self._pointer()[:-1])
            return
        name, pointer = event.anchor or "", self._pointer()
        value, origin = self._meant(name, pointer, event)
        self._note(value, event)
        self._put(self.expansion.copy(value, origin, pointer, event))

    def _meant(self, name: str, pointer: Pointer, event: AliasEvent) -> tuple[Json, Pointer]:
        """The value that the alias *name*, which stands at *pointer*, repeats, with its own pointer."""
        found = self.anchors.get(name)
        if found is None:
            error = BuildError(Code.NOT_YAML, f"no anchor &{shortened(name)} before this", span_of(event))
        elif isinstance(found, Frame):
            error = BuildError(Code.TOO_MANY_VALUES, f"the alias *{shortened(name)} contains itself", span_of(event))
        else:
            return found
        return self._fault(error, pointer), pointer

    def _pointer(self) -> Pointer:
        """Pointer of the node that comes next, or of the key just read."""
        frames = self.frames
        return tuple([cast("str | int", each.key) if each.items is None else len(each.items) for each in frames])
