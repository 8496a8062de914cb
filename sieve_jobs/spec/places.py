"""Findings as diagnostics: a file with problems is read again, with marks, to show where they are."""

from __future__ import annotations

from collections.abc import Sequence

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import BuildError, Document, Span
from sieve_jobs.spec.model import Finding
from sieve_jobs.spec.reading import MAX_FINDINGS
from sieve_jobs.spec.text import Lines, TextError, read_text


def build_problem(text: str, shown: str, error: BuildError) -> Diagnostic:
    """Why *text* is no document; both places where something stands twice."""
    if error.code == "SJ104" and error.first is None:
        # The quick reading keeps no places: read again for the first of the two keys.
        try:
            for _ in read_documents(text, marks=True):
                pass
        except BuildError as marked:
            error = marked
    lines = Lines(text, shown)
    also = (lines.place(error.first),) if error.first is not None else ()
    place = lines.place(error.span)
    hint = error.hint or (_yaml_hint(error.message, place) if error.code == "SJ100" else None)
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


def placed(text: str, shown: str, found: Sequence[Sequence[Finding]]) -> tuple[Diagnostic, ...]:
    """Diagnostics for what was *found* in each document of *text*, in that order."""
    lines = Lines(text, shown)
    problems: list[Diagnostic] = []
    # In this order nothing is read behind the last of what was found, where the text may be no YAML.
    for findings, document in zip(found, read_documents(text, marks=True), strict=False):
        for finding in findings:
            place = _place(finding, document, lines)
            problems.append(Diagnostic(finding.code, finding.message, place, finding.expected, finding.hint))
    if len(problems) >= MAX_FINDINGS:
        message = f"the file has {MAX_FINDINGS} problems or more; further ones are not shown"
        problems.append(Diagnostic("SJ112", message, Place(shown), hint="correct these, and run it again"))
    return tuple(problems)


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
