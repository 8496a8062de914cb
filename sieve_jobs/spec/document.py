"""A YAML document as data: JSON values, the templates in it, and where everything stands. `build.py` makes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias, cast

from yaml.error import Mark
from yaml.events import Event

from sieve_jobs.codes import Code
from sieve_jobs.spec.jobspec import Pointer
from sieve_jobs.wire import Json

FILE_KEYS = frozenset({"file", "$file"})

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


def line_of(event: Event) -> int:
    """The line, from 1, that a node begins on."""
    return cast("Mark", event.start_mark).line + 1


def span_of(event: Event) -> Span:
    start, end = cast("Mark", event.start_mark), cast("Mark", event.end_mark)
    return Span(start.line, start.column, end.line, end.column)


@dataclass(slots=True)
class Document:
    """One YAML document: JSON values, the templates in it, and, when asked for, the marks of every node."""

    value: Json = None
    line: int = 1
    """Line of its first node, from 1."""
    names_files: bool = False
    """Whether one of FILE_KEYS is among its keys; without one no input can be a local file."""
    templates: list[Template] = field(default_factory=list)
    keys: dict[Pointer, Span] = field(default_factory=dict)
    values: dict[Pointer, Span] = field(default_factory=dict)
    unknown: set[Pointer] = field(default_factory=set)
    """Nodes that cannot be judged: what was written there was refused, or a key within it was."""


class BuildError(Exception):
    """The text is not a document we accept. *span* and *first* (the earlier of two) are 0-based."""

    def __init__(self, code: Code, message: str, span: Span, *, first: Span | None = None, hint: str | None = None):
        super().__init__(message)
        self.code, self.message, self.span, self.first, self.hint = code, message, span, first, hint
