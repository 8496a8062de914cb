"""What is wrong with a file as diagnostics, each at its place."""

from __future__ import annotations

from collections.abc import Iterable

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import BuildError, Document, Span
from sieve_jobs.spec.model import Finding
from sieve_jobs.spec.reading import MAX_FINDINGS
from sieve_jobs.spec.text import Lines, TextError, read_text


def fault_shown(error: BuildError, lines: Lines) -> Diagnostic:
    """Why a text is no document; both places where something stands twice."""
    also = (lines.place(error.first),) if error.first is not None else ()
    place = lines.place(error.span)
    hint = error.hint or (_yaml_hint(error.message, place) if error.code == Code.NOT_YAML else None)
    return Diagnostic(error.code, error.message, place, hint=hint, also=also)


def _yaml_hint(message: str, place: Place) -> str | None:
    """A way out of what libyaml stumbles over most often."""
    if "\t" in place.text[: place.column]:
        return "indent with spaces: YAML takes no tabs there"
    if "mapping values are not allowed" in message:
        return "put a text that holds ': ' in quotes, or correct the indentation"
    if "quoted scalar" in message and "end of stream" in message:
        return "close the quote"
    return "close the bracket" if "while parsing a flow" in message else None


def finding_shown(finding: Finding, document: Document, lines: Lines) -> Diagnostic:
    """What is wrong in a document that was read with marks."""
    return Diagnostic(finding.code, finding.message, _place(finding, document, lines), finding.expected, finding.hint)


def in_order(problems: Iterable[Diagnostic], shown: str) -> tuple[Diagnostic, ...]:
    """The problems of one file by place, each once, and whether there may be more."""
    found = list(problems)
    told = sorted(dict.fromkeys(found), key=_line_and_column)
    if len(found) >= MAX_FINDINGS:
        message = f"the file has {MAX_FINDINGS} problems or more; further ones are not shown"
        told.append(Diagnostic(Code.MORE_PROBLEMS, message, Place(shown), hint="correct these, and run it again"))
    return tuple(told)


def _line_and_column(problem: Diagnostic) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place is not None else (0, 0)


def name_place(path: str, shown: str, line: int) -> Place:
    """Where the spec whose document begins at *line* of the file *path* gets its name from."""
    return _key_place(path, shown, line, "name")


def save_place(path: str, shown: str, line: int) -> Place:
    """Where that spec says what becomes of its outputs."""
    return _key_place(path, shown, line, "save")


def _key_place(path: str, shown: str, line: int, key: str) -> Place:
    try:
        text, _ = read_text(path, shown)
        document = next(each for each in read_documents(text, marks=True) if each.line == line)
    except (TextError, BuildError, StopIteration):
        return Place(shown, line, 1)
    span = document.values.get((key,))
    return Lines(text, shown).place(_first_key(document) if span is None else span)


def _place(finding: Finding, document: Document, lines: Lines) -> Place:
    pointer = finding.pointer
    if not pointer:
        return lines.place(_first_key(document))
    spans = document.keys if finding.at_key else document.values
    while pointer and pointer not in spans:
        pointer = pointer[:-1]
        spans = document.values
    return lines.place(spans[pointer] if pointer else _first_key(document), finding.needle)


def _first_key(document: Document) -> Span:
    """Where a document begins to speak: at its first key, or, where it is no mapping, at its value."""
    if isinstance(document.value, dict) and document.keys:
        return next(iter(document.keys.values()))
    return document.values.get((), Span(document.line - 1, 0, 0, 1))
