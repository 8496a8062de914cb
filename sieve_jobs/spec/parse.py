"""One spec file to details: documents, interpolation, validation, local files; all its problems, placed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sieve_jobs.codes import Code
from sieve_jobs.config.stand_ins import stand_in_for
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.digest import detail_of
from sieve_jobs.spec.document import BuildError, Document
from sieve_jobs.spec.files import HashOf
from sieve_jobs.spec.inputs import with_files
from sieve_jobs.spec.jobspec import Detail, JobSpec, Webhook
from sieve_jobs.spec.model import FUNCTION_MEANT, Finding, SpecModel, validate
from sieve_jobs.spec.places import fault_shown, finding_shown, in_order
from sieve_jobs.spec.reading import MAX_FINDINGS, ParseSettings, Reading
from sieve_jobs.spec.reread import Rereader
from sieve_jobs.spec.rules import NAME_HINT, check_forms, check_tree, name_trouble
from sieve_jobs.spec.save import check_save, pattern_of
from sieve_jobs.spec.scalars import shortened
from sieve_jobs.spec.stamp import Stamp
from sieve_jobs.spec.templates import fill
from sieve_jobs.spec.text import Lines, TextError, read_text
from sieve_jobs.wire import Json

__all__ = ["ParseSettings", "ParsedFile", "parse_file"]


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a spec file says, or everything that is wrong with it, and what the answer depends on."""

    details: tuple[Detail, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    stamp: Stamp = (0, 0, 0, 0)
    variables: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    """Functions whose source is part of a digest, as `author/name`."""
    named: frozenset[str] = frozenset()
    """Local files that it names, there or not, by the absolute path they are looked up under."""
    files: tuple[tuple[str, Stamp, str], ...] = ()
    """Local files by the absolute path they were found under, with stamp and sha256."""


def parse_file(path: str, shown: str, default_name: str, settings: ParseSettings, known: HashOf) -> ParsedFile:
    """Reads one spec file. *shown* is its path from the root, *default_name* the name of a spec without one.

    Never raises for what the file says.
    """
    try:
        text, stamp = read_text(path, shown)
    except TextError as error:
        return ParsedFile(problems=(error.diagnostic,))
    details: list[Detail] = []
    readings: list[Reading] = []
    try:
        for document in read_documents(text):
            reading = Reading(settings, path, known)
            spec = _spec_of(document, reading, None if readings else default_name, shown)
            readings.append(reading)
            if spec is None:
                break
            source = _source_of(spec, settings)
            details.append(detail_of(spec, key=settings.key, source=source, ignore_query=settings.ignore_query))
        else:
            return _valid(details, readings, stamp, settings)
    except BuildError:
        pass
    again = _Again(path, shown, default_name, settings, _remembering(readings, known))
    problems = _problems(text, len(details), again, readings)
    return ParsedFile(problems=problems, stamp=stamp, named=_named(readings))


def _valid(details: list[Detail], readings: list[Reading], stamp: Stamp, settings: ParseSettings) -> ParsedFile:
    return ParsedFile(
        details=tuple(details),
        stamp=stamp,
        variables=frozenset[str]().union(*[reading.variables for reading in readings]),
        functions=_functions_of(details, settings),
        named=_named(readings),
        files=tuple((f.found, f.stamp, f.sha256) for reading in readings for f in reading.files.values()),
    )


@dataclass(frozen=True, slots=True)
class _Again:
    """What a file is read with once more."""

    path: str
    shown: str
    default_name: str
    settings: ParseSettings
    known: HashOf


def _remembering(readings: Iterable[Reading], known: HashOf) -> HashOf:
    """As *known*, with the files that *readings* hashed: they may be large."""
    hashed = {(f.found, f.stamp): f.sha256 for reading in readings for f in reading.files.values()}
    return lambda found, stamp: hashed.get((found, stamp)) or known(found, stamp)


def _problems(text: str, sound: int, again: _Again, readings: list[Reading]) -> tuple[Diagnostic, ...]:
    """All that is wrong with a file that was not valid, told by a second reading, with marks.

    *sound* documents at its beginning were found valid. What is read again joins *readings*. Never empty.
    """
    reader, lines = Rereader(text, room=MAX_FINDINGS), Lines(text, again.shown)
    problems: list[Diagnostic] = []
    try:
        for index, document in enumerate(reader.read()):
            if index < sound:
                continue
            reading = Reading(again.settings, again.path, again.known, limit=reader.room, unknown=document.unknown)
            readings.append(reading)
            _spec_of(document, reading, None if index else again.default_name, again.shown)
            problems += [finding_shown(finding, document, lines) for finding in reading.findings]
            reader.room -= len(reading.findings)
            if reader.room <= 0:
                break
    except BuildError as error:
        problems.append(fault_shown(error, lines))
    problems += [fault_shown(error, lines) for error in reader.faults]
    if not problems:
        # Only what lies outside the text can have been mended since: a local file. It is no file without specs.
        message = "a file that this one names changed while it was read"
        problems.append(Diagnostic(Code.FILE_CHANGED, message, Place(again.shown), hint="run it again"))
    return in_order(problems, again.shown)


def _named(readings: Iterable[Reading]) -> frozenset[str]:
    return frozenset[str]().union(*[reading.named for reading in readings])


def _spec_of(document: Document, reading: Reading, default_name: str | None, shown: str) -> JobSpec | None:
    tree = document.value
    if not isinstance(tree, dict):
        reading.add_known(
            [Finding(Code.NO_SPEC, "a spec is a mapping", expected="keys such as 'function' and 'inputs'")]
        )
        return None
    if document.templates:
        fill(document, reading)
    model, wrong = validate(tree)
    misspelt = any(finding.hint == FUNCTION_MEANT for finding in wrong)
    reading.add_known(finding for finding in check_tree(tree) if not (misspelt and finding.code == Code.NOTHING_TO_RUN))
    reading.add_known(wrong)
    reading.add_known(check_forms(tree))
    name = _name_of(tree.get("name"), default_name, reading)
    if "save" in tree:
        reading.add_known(check_save(tree, reading.settings.own_folders, name))
    given = tree.get("inputs")
    inputs: Json = {} if given is None else given
    if document.names_files:
        inputs = with_files(inputs, ("inputs",), reading)
    if model is None and not reading.findings and not document.unknown:
        # An invalid document has a finding, whatever else: it is never taken for one without a spec.
        reading.findings.extend(wrong)
    if model is None or reading.findings or name is None or not isinstance(inputs, dict | list):
        return None
    return _assembled(model, name, inputs, document, reading, shown)


def _name_of(name: Json, default_name: str | None, reading: Reading) -> str | None:
    if name is not None:
        return name if isinstance(name, str) else None
    if default_name is None:
        reading.add_known([Finding(Code.DOCUMENT_WITHOUT_NAME, "a document after the first needs a 'name'")])
    elif trouble := name_trouble(default_name):
        message = f"the file's path gives the name '{shortened(default_name)}', which {trouble}"
        reading.add(Finding(Code.NAME_UNUSABLE, message, hint=f"set 'name'; {NAME_HINT}"))
    return default_name


def _assembled(  # noqa: PLR0917 - the fields of a JobSpec
    model: SpecModel, name: str, inputs: dict[str, Json] | list[Json], document: Document, reading: Reading, shown: str
) -> JobSpec:
    hooks, asked = model.webhooks, model.function
    stand_in = None if asked is None else stand_in_for(asked, reading.settings.stand_ins)
    return JobSpec(
        name=name,
        path=shown,
        line=document.line,
        function=stand_in or asked,
        stands_in_for=asked if stand_in else None,
        id=model.id,
        inputs=inputs,
        env=model.env or {},
        webhooks=None if hooks is None else tuple(Webhook(hook.type, hook.url) for hook in hooks),
        description=model.description,
        labels=model.labels or {},
        rerun=None if model.rerun is None else str(model.rerun),
        rerun_on=frozenset(model.rerun_on or ()),
        protect=model.protect,
        save=pattern_of(model.save, name),
        on_change=model.on_change,
        leaves=reading.leaves,
        variables=reading.variables,
        missing=tuple(sorted(reading.missing)),
        files=reading.files,
    )


def _source_of(spec: JobSpec, settings: ParseSettings) -> str | None:
    if settings.sources is None or spec.function is None:
        return None
    return settings.sources.get(spec.function.partition(":")[0])


def _functions_of(details: Iterable[Detail], settings: ParseSettings) -> frozenset[str]:
    if settings.sources is None:
        return frozenset()
    return frozenset(d.spec.function.partition(":")[0] for d in details if d.spec.function is not None)
