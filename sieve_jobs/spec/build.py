"""YAML text to documents: one event-driven builder with limits, duplicate keys and marks.

Built from libyaml's events, never its composer, which overflows the C stack on deep nesting. Marks cost time,
so a file is first read without them; a second reading, only of files with a problem, records where all stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from sys import intern
from typing import Any, cast

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError, YAMLError
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

from sieve_jobs.spec.document import (
    FILE_KEYS,
    BuildError,
    Container,
    Document,
    Span,
    Template,
    TemplateText,
    line_of,
    span_of,
)
from sieve_jobs.spec.expansion import MAX_DEPTH, MAX_NODES, MERGE_STEP, Expansion
from sieve_jobs.spec.jobspec import Pointer
from sieve_jobs.spec.scalars import NotJsonError, is_text, resolve, shortened, tagged
from sieve_jobs.wire import Json

MAX_DOCUMENTS = 10_000
_MAX_DIRECTIVES = 100
_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
"""libyaml compares each %TAG with all before it: 100,000 of them keep it busy for half a minute."""

_STANDARD = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({None, "!", _STANDARD + "str"})
_MAPPING_TAGS = frozenset({None, "!", _STANDARD + "map"})
_SEQUENCE_TAGS = frozenset({None, "!", _STANDARD + "seq"})
_TAG_HINT = "only values that JSON knows are accepted: remove the tag"

_ITEM = 0
"""The key of a frame that is a list: like a mapping's that is known, so that a value comes next."""


def read_documents(text: str, *, marks: bool = False) -> Iterator[Document]:
    """The documents of *text*, empty ones left out. Raises BuildError, and nothing else, at the first bad one."""
    try:
        _check_directives(text)
        yield from _Builder(text, marks=marks).documents()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark and error.context_mark and mark.index >= len(text.rstrip()):
            mark = error.context_mark  # what was never closed is shown where it was opened, not at the file's end
        words = " ".join(str(part) for part in (error.context, error.problem) if part)
        where = Span(mark.line, mark.column, mark.line, mark.column + 1) if mark else _START
        raise BuildError("SJ100", f"not valid YAML: {words}", where) from error
    except (YAMLError, ValueError, RecursionError, AttributeError) as error:
        raise BuildError("SJ100", f"not valid YAML: {type(error).__name__}", _START) from error


def _check_directives(text: str) -> None:
    if "%TAG" in text:
        for count, match in enumerate(_DIRECTIVE.finditer(text), start=1):
            if count > _MAX_DIRECTIVES:
                line = text.count("\n", 0, match.start())
                message = f"more than {_MAX_DIRECTIVES} %TAG directives"
                raise BuildError("SJ100", message, Span(line, 0, line, 4))


class _Frame:
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


class _Builder:
    def __init__(self, text: str, *, marks: bool) -> None:
        self.next_event: Callable[[], Any] = CParser(text).get_event
        self.marks = marks
        self.count = 0

    def _start(self) -> None:
        self.document = Document()
        self.frames: list[_Frame] = []
        self.frame: _Frame | None = None
        """The innermost of the frames."""
        self.anchors: dict[str, tuple[Json, Pointer] | _Frame] = {}
        """What an alias stands for, with its pointer; a frame that is still being read stands for itself."""
        self.expansion = Expansion(self.document, marks=self.marks)

    def documents(self) -> Iterator[Document]:
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
            raise BuildError("SJ101", f"a file of more than {MAX_DOCUMENTS:,} documents", span_of(event))
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

    def _scalar(self, event: ScalarEvent, frame: _Frame | None) -> None:
        text = event.value
        if event.tag is not None:
            value = _tagged(event)
        elif "${" in text:
            value = TemplateText(text, plain=not event.style)
        elif event.style:
            value = text
        else:
            try:
                value = resolve(text)
            except NotJsonError as error:
                raise _no_json(error, event) from error
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

    def _key(self, event: ScalarEvent, frame: _Frame) -> None:
        text = event.value
        if not event.style and event.tag is None:
            if text == "<<":
                self._merge_key(event, frame)
                return
            if not is_text(text):
                message = f"the key {shortened(text) or 'null'} is not a string"
                raise BuildError("SJ108", message, span_of(event), hint=f'write "{shortened(text)}" in quotes')
        elif event.tag not in _TEXT_TAGS:
            raise BuildError("SJ105", f"the tag {_written(event.tag)} is not supported on a key", span_of(event))
        frame.key = text = intern(text)  # files of a tree have their keys in common
        if text in frame.mapping:
            first = self.document.keys.get(self._pointer())
            raise BuildError("SJ104", f"the key '{shortened(text)}' stands twice", span_of(event), first=first)
        if text in FILE_KEYS:
            self.document.names_files = True
        if self.marks:
            self.document.keys[self._pointer()] = span_of(event)
        if event.anchor is not None:
            value = TemplateText(text, plain=not event.style) if "${" in text else text
            self.anchors[event.anchor] = (value, self._pointer())

    def _merge_key(self, event: ScalarEvent, frame: _Frame) -> None:
        if frame.merge is not None:
            hint = "merge a list: [*first, *second]"
            raise BuildError(
                "SJ104", "the key '<<' stands twice", span_of(event), first=span_of(frame.merge), hint=hint
            )
        frame.merge, frame.key = event, MERGE_STEP

    def _open(self, event: MappingStartEvent | SequenceStartEvent, *, is_list: bool) -> None:
        self.expansion.count(event)
        frames, outer, anchor = self.frames, self.frame, event.anchor
        if len(frames) >= MAX_DEPTH:
            raise BuildError("SJ102", f"nested deeper than {MAX_DEPTH} levels", span_of(event))
        if event.tag not in (_SEQUENCE_TAGS if is_list else _MAPPING_TAGS):
            raise _unsupported(event.tag, event)
        if outer is None:
            self.document.line = line_of(event)
        elif outer.key is None:
            raise BuildError("SJ108", "a mapping or list cannot be a key", span_of(event))
        if self.marks:
            self.document.values[self._pointer()] = span_of(event)
        self.frame = frame = _Frame(anchor, is_list=is_list)
        frames.append(frame)
        if anchor is not None:
            self.anchors[anchor] = frame

    def _close(self) -> None:
        frames = self.frames
        frame = frames.pop()
        self.frame = frames[-1] if frames else None
        if frame.merge is not None:
            merged = frame.mapping.pop(MERGE_STEP)
            self.expansion.merge(merged, frame.mapping, self._pointer(), frame.merge)
        value: Json = frame.mapping if frame.items is None else frame.items
        # An anchor may have been given again to something within.
        if frame.anchor is not None and self.anchors[frame.anchor] is frame:
            self.anchors[frame.anchor] = (value, self._pointer())
        self._put(value)

    def _alias(self, event: AliasEvent) -> None:
        self.expansion.count(event)
        if self.frame is not None and self.frame.key is None:
            raise BuildError("SJ108", "an alias cannot be a key", span_of(event))
        name = event.anchor or ""
        found = self.anchors.get(name)
        if found is None:
            raise BuildError("SJ100", f"no anchor &{shortened(name)} before this", span_of(event))
        if isinstance(found, _Frame):
            raise BuildError("SJ101", f"the alias *{shortened(name)} contains itself", span_of(event))
        value, origin = found
        self._note(value, event)
        self._put(self.expansion.copy(value, origin, self._pointer(), event))

    def _pointer(self) -> Pointer:
        """Pointer of the node that comes next, or of the key just read."""
        frames = self.frames
        return tuple([cast("str | int", each.key) if each.items is None else len(each.items) for each in frames])


_START = Span(0, 0, 0, 1)


def _tagged(event: ScalarEvent) -> Json:
    """A scalar with an explicit tag of the core schema; the tag and the text must agree."""
    text, tag = event.value, event.tag or ""
    if tag in _TEXT_TAGS:
        return TemplateText(text, plain=False) if "${" in text else text
    try:
        return tagged(text, tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else "")
    except NotJsonError as error:
        raise _no_json(error, event) from error
    except KeyError:
        raise _unsupported(tag, event) from None
    except ValueError as error:
        raise BuildError("SJ105", str(error), span_of(event)) from error


def _written(tag: str | None) -> str:
    return shortened((tag or "").replace(_STANDARD, "!!"))


def _no_json(error: NotJsonError, event: Event) -> BuildError:
    return BuildError("SJ106", str(error), span_of(event), hint="quote it to keep it as text")


def _unsupported(tag: str | None, event: Event) -> BuildError:
    return BuildError("SJ105", f"the tag {_written(tag)} is not supported", span_of(event), hint=_TAG_HINT)
