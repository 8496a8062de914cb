"""YAML text to documents: one event-driven builder with limits, duplicate keys, merge keys and marks.

Built from libyaml's events, never its composer, which overflows the C stack on deep nesting. Marks cost time,
so a file is first read without them; a second reading, only of files with a problem, records where all stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from yaml._yaml import CParser
from yaml.error import Mark, MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sieve_jobs.spec.jobspec import Pointer
from sieve_jobs.spec.scalars import NotJsonError, resolve
from sieve_jobs.wire import Json

MAX_DEPTH = 64
MAX_NODES = 100_000
_TAG = "tag:yaml.org,2002:"

_OPENING = (MappingStartEvent, SequenceStartEvent)
_CLOSING = (MappingEndEvent, SequenceEndEvent)

Container: TypeAlias = "dict[str, Json] | list[Json]"


class TemplateText(str):
    """A string that contains `${`. *plain* says that it was written without quotes."""

    __slots__ = ("plain",)
    plain: bool

    def __new__(cls, text: str, *, plain: bool) -> TemplateText:
        made = super().__new__(cls, text)
        made.plain = plain
        return made


@dataclass(frozen=True, slots=True)
class Template:
    """Where a TemplateText stands: `container[key]`, and its pointer from the document's root."""

    container: Container
    key: str | int
    pointer: Pointer
    text: TemplateText


@dataclass(frozen=True, slots=True)
class Span:
    """A node's place in the text. Lines and columns count from 0, as libyaml has them."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(slots=True)
class Document:
    """One YAML document: JSON values, the templates in it, and, when asked for, the marks of every node."""

    value: Json = None
    line: int = 1
    """Line of its first node, from 1."""
    templates: list[Template] = field(default_factory=list)
    keys: dict[Pointer, Span] = field(default_factory=dict)
    values: dict[Pointer, Span] = field(default_factory=dict)


class BuildError(Exception):
    """The text is not a document we accept. *span* and *first* (the earlier of two) are 0-based."""

    def __init__(self, code: str, message: str, span: Span, *, first: Span | None = None, hint: str | None = None):
        super().__init__(message)
        self.code, self.message, self.span, self.first, self.hint = code, message, span, first, hint


_MERGE_STEP = -1
"""In a pointer, the place under a `<<`: no list index, and no key, not even a quoted "<<"."""


class _Frame:
    """A mapping or sequence that is being read."""

    __slots__ = ("anchor", "is_list", "items", "key", "key_spans", "mapping", "merges", "merging", "span")

    def __init__(self, anchor: str | None, span: Span, *, is_list: bool) -> None:
        self.is_list = is_list
        self.items: list[Json] = []
        self.mapping: dict[str, Json] = {}
        self.anchor = anchor
        self.span = span
        self.key: str | None = None
        """The key whose value comes next; None where a key comes next."""
        self.merging = False
        """Whether that key is `<<`."""
        self.merges: list[Json] = []
        self.key_spans: dict[str, Span] = {}

    @property
    def container(self) -> Container:
        return self.items if self.is_list else self.mapping

    @property
    def expects_key(self) -> bool:
        return self.key is None and not self.merging and not self.is_list


def read_documents(text: str, *, marks: bool = False) -> Iterator[Document]:
    """The documents of *text*, empty ones left out. Raises BuildError at the first that cannot be read."""
    builder = _Builder(text, marks=marks)
    try:
        yield from builder.documents()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(str(part) for part in (error.context, error.problem) if part)
        where = Span(mark.line, mark.column, mark.line, mark.column + 1) if mark else Span(0, 0, 0, 1)
        raise BuildError("SJ100", f"not valid YAML: {words}", where) from error
    except (YAMLError, ValueError, RecursionError, AttributeError) as error:
        raise BuildError("SJ100", f"not valid YAML: {type(error).__name__}", Span(0, 0, 0, 1)) from error


class _Builder:
    def __init__(self, text: str, *, marks: bool) -> None:
        self.next_event = CParser(text).get_event
        self.marks = marks
        self._start()

    def _start(self) -> None:
        self.document = Document()
        self.frames: list[_Frame] = []
        self.anchors: dict[str, tuple[Json, Pointer]] = {}
        self.nodes = 0

    def documents(self) -> Iterator[Document]:
        while not isinstance(event := self.next_event(), StreamEndEvent):
            if isinstance(event, ScalarEvent):
                self._scalar(event)
            elif isinstance(event, _OPENING):
                self._open(event)
            elif isinstance(event, _CLOSING):
                self._close(event)
            elif isinstance(event, AliasEvent):
                self._alias(event)
            elif isinstance(event, DocumentStartEvent):
                self._start()
            elif isinstance(event, DocumentEndEvent) and self.document.value is not None:
                yield self._finished()

    def _finished(self) -> Document:
        # What stands only under a << was copied to where it is merged.
        self.document.templates = [found for found in self.document.templates if _MERGE_STEP not in found.pointer]
        return self.document

    # Every node ends here: it becomes a key, a value or an item of the innermost frame, or the root.
    def _put(self, value: Json) -> None:
        if not self.frames:
            self.document.value = value
            return
        frame = self.frames[-1]
        if frame.is_list:
            frame.items.append(value)
        elif frame.key is not None:
            frame.mapping[frame.key] = value
            frame.key = None
        else:
            frame.merges.append(value)
            frame.merging = False

    def _count(self, event: Event) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise BuildError("SJ101", f"a document of more than {MAX_NODES:,} values once expanded", _span(event))

    def _scalar(self, event: ScalarEvent) -> None:
        self._count(event)
        frames = self.frames
        frame = frames[-1] if frames else None
        if frame is not None and frame.key is None and not frame.is_list and not frame.merging:
            self._key(event, frame)
            return
        text = event.value
        if not event.style and event.tag is None:
            try:
                value = resolve(text) if "${" not in text else TemplateText(text, plain=True)
            except NotJsonError as error:
                raise BuildError("SJ106", str(error), _span(event), hint="quote it to keep it as text") from error
        elif event.tag is None or event.tag in {"!", _TAG + "str"}:
            value = TemplateText(text, plain=False) if "${" in text else text
        else:
            value = _tagged(event)
        if self.marks or isinstance(value, TemplateText):
            self._note(value, event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self._pointer())
        if not frames:
            self.document.line = _span(event).line + 1
        self._put(value)

    def _note(self, value: Json, event: NodeEvent) -> None:
        pointer = self._pointer()
        if self.marks:
            self.document.values[pointer] = _span(event)
        if isinstance(value, TemplateText) and pointer:
            self.document.templates.append(Template(self.frames[-1].container, pointer[-1], pointer, value))

    def _key(self, event: ScalarEvent, frame: _Frame) -> None:
        text = event.value
        if not event.style and event.tag is None:
            if text == "<<":
                frame.merging = True
                return
            if not isinstance(_resolved_key(text), str):
                hint = f'write "{text}" in quotes'
                raise BuildError("SJ108", f"the key {text or 'null'} is not a string", _span(event), hint=hint)
        elif event.tag not in {None, "!", _TAG + "str"}:
            raise BuildError("SJ105", f"the tag {event.tag} is not supported on a key", _span(event))
        if text in frame.mapping:
            first = frame.key_spans.get(text)
            raise BuildError("SJ104", f"the key '{text}' stands twice", _span(event), first=first)
        frame.key = text
        if self.marks:
            frame.key_spans[text] = self.document.keys[self._pointer()] = _span(event)

    def _open(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        self._count(event)
        if len(self.frames) >= MAX_DEPTH:
            raise BuildError("SJ102", f"nested deeper than {MAX_DEPTH} levels", _span(event))
        is_list = isinstance(event, SequenceStartEvent)
        if event.tag is not None and event.tag not in {"!", _TAG + ("seq" if is_list else "map")}:
            raise BuildError("SJ105", f"the tag {event.tag} is not supported", _span(event), hint=_TAG_HINT)
        if self.frames and self.frames[-1].expects_key:
            raise BuildError("SJ108", "a mapping or list cannot be a key", _span(event))
        span = _NOWHERE
        if self.marks:
            span = self.document.values[self._pointer()] = _span(event)
        if not self.frames:
            self.document.line = _span(event).line + 1
        self.frames.append(_Frame(event.anchor, span, is_list=is_list))

    def _close(self, event: Event) -> None:
        frame = self.frames.pop()
        if frame.merges:
            self._merge(frame, event)
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (frame.container, self._pointer())
        self._put(frame.container)

    def _alias(self, event: AliasEvent) -> None:
        if self.frames and self.frames[-1].expects_key:
            raise BuildError("SJ108", "an alias cannot be a key", _span(event))
        found = self.anchors.get(event.anchor or "")
        if found is None:
            inside = any(frame.anchor == event.anchor for frame in self.frames)
            words = f"the alias *{event.anchor} contains itself" if inside else f"no anchor &{event.anchor} before this"
            raise BuildError("SJ101" if inside else "SJ100", words, _span(event))
        value, origin = found
        self._note(value, event)
        self._put(self._copied(value, origin, self._pointer(), event))

    def _merge(self, frame: _Frame, event: Event) -> None:
        """Fills in what `<<` brings; keys that are written out win, then earlier merges."""
        here = self._pointer()
        for merged in frame.merges:
            for source in merged if isinstance(merged, list) else [merged]:
                if not isinstance(source, dict):
                    raise BuildError("SJ109", "<< takes a mapping or a list of mappings", _span(event))
                for key, value in source.items():
                    if key in frame.mapping:
                        continue
                    pointer = (*here, key)
                    if self.marks:
                        self.document.values[pointer] = self.document.keys[pointer] = frame.span
                    frame.mapping[key] = self._placed(value, (*here, _MERGE_STEP, key), pointer, frame.mapping, event)

    def _placed(self, value: Json, origin: Pointer, pointer: Pointer, container: Container, event: Event) -> Json:
        """*value* as it goes to its new place *pointer* in *container*: copied, counted, its template noted."""
        self._count(event)
        if isinstance(value, TemplateText):
            self.document.templates.append(Template(container, pointer[-1], pointer, value))
        if self.marks and origin in self.document.values:
            self.document.values[pointer] = self.document.values[origin]
        return self._copied(value, origin, pointer, event)

    def _copied(self, value: Json, origin: Pointer, pointer: Pointer, event: Event) -> Json:
        """A copy of an anchored value, so that what is resolved in one place is not changed in the other."""
        if not isinstance(value, dict | list):
            return value
        if len(pointer) >= MAX_DEPTH:
            raise BuildError("SJ102", f"nested deeper than {MAX_DEPTH} levels once expanded", _span(event))
        if isinstance(value, dict):
            mapping: dict[str, Json] = {}
            for key, item in value.items():
                mapping[key] = self._placed(item, (*origin, key), (*pointer, key), mapping, event)
            return mapping
        items: list[Json] = []
        for index, item in enumerate(value):
            items.append(self._placed(item, (*origin, index), (*pointer, index), items, event))
        return items

    def _pointer(self) -> Pointer:
        """Pointer of the node that comes next, or of the key just read."""
        steps: list[str | int] = []
        for frame in self.frames:
            if frame.is_list:
                steps.append(len(frame.items))
            else:
                steps.append(_MERGE_STEP if frame.key is None else frame.key)
        return tuple(steps)


_NOWHERE = Span(0, 0, 0, 0)
_TAG_HINT = "only values that JSON knows are accepted: remove the tag"


def _span(event: Event) -> Span:
    start, end = cast("Mark", event.start_mark), cast("Mark", event.end_mark)
    return Span(start.line, start.column, end.line, end.column)


def _resolved_key(text: str) -> Json:
    try:
        return resolve(text)
    except NotJsonError:
        return None


def _tagged(event: ScalarEvent) -> Json:
    """A scalar with an explicit tag of the core schema; the tag and the text must agree."""
    kinds: dict[str, tuple[type, ...]] = {
        _TAG + "int": (int,), _TAG + "float": (float, int), _TAG + "bool": (bool,), _TAG + "null": (type(None),),
    }  # fmt: skip
    tag = event.tag or ""
    if tag not in kinds:
        raise BuildError("SJ105", f"the tag {tag} is not supported", _span(event), hint=_TAG_HINT)
    try:
        value = resolve(event.value)
    except NotJsonError as error:
        raise BuildError("SJ106", str(error), _span(event)) from error
    fits = type(value) in kinds[tag]
    if not fits:
        raise BuildError("SJ105", f"the text does not fit its tag {event.tag}", _span(event))
    return float(value) if event.tag == _TAG + "float" and isinstance(value, int) else value
