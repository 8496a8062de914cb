"""One spec file to details: documents, interpolation, validation, local files; all its problems, placed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sieve_jobs.diagnostic import Diagnostic, Place, did_you_mean
from sieve_jobs.spec.digest import detail_of
from sieve_jobs.spec.document import BuildError, Document, Span, Template, read_documents
from sieve_jobs.spec.files import HashOf, LocalFileError, Stamp, read_local_file
from sieve_jobs.spec.interpolate import Trouble, interpolate
from sieve_jobs.spec.jobspec import Detail, JobSpec, Leaf, LocalFile, Pointer, Webhook, dotted
from sieve_jobs.spec.model import Finding, SpecModel, validate
from sieve_jobs.spec.rules import NAME_HINT, check_model, check_tree, name_trouble
from sieve_jobs.spec.scalars import typed
from sieve_jobs.spec.tags import TagKey
from sieve_jobs.spec.text import Lines, TextError, read_text
from sieve_jobs.spec.variables import Variables
from sieve_jobs.wire import Json

_NO_SECRETS_IN = frozenset({"name", "function", "id", "labels"})
_TYPED = frozenset({"inputs", "protect"})
_MAX_VALUE = 1024 * 1024
"""Characters in a variable's value; Linux allows 128 KiB for one of the environment, `.env` and --var do not."""


@dataclass(frozen=True, slots=True)
class ParseSettings:
    """All that decides what a spec file means besides its text."""

    root: Path
    """The project's root, absolute and resolved; files named by specs may not leave it."""
    variables: Variables
    key: TagKey | None = None
    ignore_query: tuple[str, ...] = ()
    sources: Mapping[str, str] | None = None
    """`author/name` to the hash of its source, on the engine; None on a remote target."""
    local: bool = True
    """Whether local files can be read in place."""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a spec file says, or everything that is wrong with it, and what the answer depends on."""

    details: tuple[Detail, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    stamp: Stamp = (0, 0, 0, 0)
    variables: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    """Functions whose source is part of a digest, as `author/name`."""
    files: tuple[tuple[str, Stamp, str], ...] = ()
    """Local files by absolute path, with stamp and sha256."""


@dataclass(slots=True)
class _Reading:
    """One document on its way to a spec: what was found so far."""

    settings: ParseSettings
    findings: list[Finding] = field(default_factory=list)
    leaves: dict[Pointer, Leaf] = field(default_factory=dict)
    variables: dict[str, bool] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    files: dict[Pointer, LocalFile] = field(default_factory=dict)


def parse_file(path: str, shown: str, default_name: str, settings: ParseSettings, known: HashOf) -> ParsedFile:
    """Reads one spec file. *shown* is its path from the root, *default_name* the name of a spec without one."""
    try:
        text, stamp = read_text(path, shown)
    except TextError as error:
        return ParsedFile(problems=(error.diagnostic,))
    try:
        documents = [*read_documents(text)]
    except BuildError as error:
        return ParsedFile(problems=(_build_problem(text, shown, error),), stamp=stamp)
    details: list[Detail] = []
    readings: list[_Reading] = []
    for index, document in enumerate(documents):
        reading = _Reading(settings)
        readings.append(reading)
        name = default_name if index == 0 else None
        spec = _spec_of(document, reading, name, shown, path, known)
        if spec is not None:
            source = _source_of(spec, settings)
            details.append(detail_of(spec, key=settings.key, source=source, ignore_query=settings.ignore_query))
    if any(reading.findings for reading in readings):
        return ParsedFile(problems=_placed(text, shown, readings), stamp=stamp)
    return ParsedFile(
        details=tuple(details),
        stamp=stamp,
        variables=frozenset(name for reading in readings for name in reading.variables),
        functions=_functions_of(details, settings),
        files=tuple((str(f.path), f.stamp, f.sha256) for reading in readings for f in reading.files.values()),
    )


def _spec_of(  # noqa: PLR0917 - one step of parse_file
    document: Document, reading: _Reading, default_name: str | None, shown: str, path: str, known: HashOf
) -> JobSpec | None:
    tree = document.value
    if not isinstance(tree, dict):
        reading.findings.append(
            Finding("SJ200", "a spec is a mapping", expected="keys such as 'function' and 'inputs'")
        )
        return None
    for template in document.templates:
        _interpolated(template, reading)
    reading.findings.extend(check_tree(tree))
    model, wrong = validate(tree)
    reading.findings.extend(wrong)
    if model is None:
        return None
    reading.findings.extend(check_model(model))
    name = model.name if model.name is not None else default_name
    if name is None:
        reading.findings.append(Finding("SJ202", "a document after the first needs a 'name'"))
    elif model.name is None and (trouble := name_trouble(name)):
        message = f"the file's path gives the name '{name}', which {trouble}"
        reading.findings.append(Finding("SJ211", message, hint=f"set 'name'; {NAME_HINT}"))
    if isinstance(model.inputs, dict | list):
        inputs = _with_files(model.inputs, ("inputs",), reading, path, known)
    if reading.findings or name is None:
        return None
    return _assembled(model, name, inputs, document, reading, shown)


def _assembled(  # noqa: PLR0917 - the fields of a JobSpec
    model: SpecModel, name: str, inputs: Json, document: Document, reading: _Reading, shown: str
) -> JobSpec:
    hooks = model.webhooks
    return JobSpec(
        name=name,
        path=shown,
        line=document.line,
        function=model.function,
        id=model.id,
        inputs=inputs if isinstance(inputs, dict | list) else {},
        env=model.env or {},
        webhooks=None if hooks is None else tuple(Webhook(hook.type, hook.url) for hook in hooks),
        description=model.description,
        labels=model.labels or {},
        rerun=None if model.rerun is None else str(model.rerun),
        rerun_on=frozenset(model.rerun_on or ()),
        protect=model.protect,
        leaves=reading.leaves,
        variables=reading.variables,
        missing=tuple(sorted(reading.missing)),
        files=reading.files,
    )


def _interpolated(template: Template, reading: _Reading) -> None:
    """Puts a template's value where it stands, remembers where it came from, and what is wrong with it."""
    variables = reading.settings.variables
    pointer, top = template.pointer, template.pointer[0]

    def find(name: str) -> str | None:
        reading.variables[name] = variables.is_secret(name)
        found = variables.find(name)
        return None if found is None else found.value

    leaf, troubles = interpolate(template.text, find)
    used = leaf.variables
    secret = any(reading.variables[name] for name in used)
    for trouble in troubles:
        if trouble.kind in {"unset", "demanded"} and reading.variables[trouble.name]:
            reading.missing.add(trouble.name)
            if variables.is_withheld(trouble.name):
                reading.findings.append(_unset(trouble, pointer, variables))
        else:
            reading.findings.append(_unset(trouble, pointer, variables))
    for name in used:
        if wrong := _value_trouble(variables, name):
            reading.findings.append(Finding("SJ121", f"the value of variable '{name}' {wrong}", pointer, needle=name))
    if secret and top in _NO_SECRETS_IN:
        reading.findings.append(_secret_in(str(top), leaf, reading, pointer))
    value: Json = "".join(segment.value for segment in leaf.segments)
    if template.text.plain and top in _TYPED and used and len(leaf.segments) == 1 and not secret:
        value = typed(str(value))
    template.container[template.key] = value  # type: ignore[index]
    if used:
        reading.leaves[pointer] = leaf


def _unset(trouble: Trouble, pointer: Pointer, variables: Variables) -> Finding:
    needle = f"${{{trouble.name}" if trouble.name else "${"
    if trouble.kind == "expression":
        return Finding("SJ203", f"{trouble.text} are not supported yet", pointer, needle="${{")
    if trouble.kind == "syntax":
        hint = "write $${ for a literal ${"
        return Finding("SJ123", trouble.text, pointer, expected="${NAME} or ${NAME:-default}", hint=hint, needle=needle)
    if variables.is_withheld(trouble.name):
        hint = f'specs may read it once the target says allow_env = ["{trouble.name}"], or take --var {trouble.name}=…'
        message = f"variable '{trouble.name}' is set, but specs may not read it"
        return Finding("SJ122", message, pointer, hint=hint, needle=needle)
    close = did_you_mean(trouble.name, variables.names())
    fallback = f"set it, or give a default: ${{{trouble.name}:-…}}"
    return Finding("SJ120", trouble.text, pointer, hint=close or fallback, needle=needle)


def _secret_in(field_name: str, leaf: Leaf, reading: _Reading, pointer: Pointer) -> Finding:
    name = min(name for name in leaf.variables if reading.variables[name])
    message = f"the secret '{name}' may not stand in '{field_name}', which is shown and stored"
    hint = f'if it is no secret, name it under [project] public = ["{name}"]'
    return Finding("SJ170", message, pointer, hint=hint, needle=f"${{{name}")


def _value_trouble(variables: Variables, name: str) -> str | None:
    found = variables.find(name)
    if found is None:
        return None
    if len(found.value) > _MAX_VALUE:
        return f"is longer than {_MAX_VALUE:,} characters"
    if "\0" in found.value:
        return "holds a NUL character"
    if not found.value.isascii() and any("\ud800" <= character <= "\udfff" for character in found.value):
        return "is not UTF-8 text"
    return None


def _with_files(value: Json, pointer: Pointer, reading: _Reading, path: str, known: HashOf) -> Json:
    """*value* with `{file: …}` read and noted, and `{$file: …}` undone to the data it stands for."""
    if isinstance(value, list):
        return [_with_files(item, (*pointer, index), reading, path, known) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and "file" in value and len(pointer) > 1:
        return _local_file(value["file"], pointer, reading, path, known)
    if len(value) == 1 and "$file" in value:
        return {"file": _with_files(value["$file"], (*pointer, "file"), reading, path, known)}
    return {key: _with_files(item, (*pointer, key), reading, path, known) for key, item in value.items()}


def _local_file(shown: Json, pointer: Pointer, reading: _Reading, path: str, known: HashOf) -> Json:
    where = (*pointer, "file")
    if not isinstance(shown, str):
        finding = Finding(
            "SJ210", f"'{dotted(where)}' has the wrong type", where, expected="a path relative to this file"
        )
        reading.findings.append(finding)
    elif not reading.settings.local:
        message = "local files on a remote target are not supported yet"
        reading.findings.append(Finding("SJ203", message, where, hint="give a url, or use the local target"))
    elif (leaf := reading.leaves.get(where)) is not None and leaf.is_secret(reading.variables):
        reading.findings.append(_secret_in("file", leaf, reading, where))
    else:
        try:
            file, _ = read_local_file(shown, beside=Path(path).parent, root=reading.settings.root, known=known)
        except LocalFileError as error:
            reading.findings.append(Finding(error.code, error.message, where))
        else:
            reading.files[pointer] = file
    return {"file": shown}


def _source_of(spec: JobSpec, settings: ParseSettings) -> str | None:
    if settings.sources is None or spec.function is None:
        return None
    return settings.sources.get(spec.function.partition(":")[0])


def _functions_of(details: Iterable[Detail], settings: ParseSettings) -> frozenset[str]:
    if settings.sources is None:
        return frozenset()
    return frozenset(d.spec.function.partition(":")[0] for d in details if d.spec.function is not None)


def _build_problem(text: str, shown: str, error: BuildError) -> Diagnostic:
    if error.code == "SJ104" and error.first is None:
        # The quick reading keeps no places: read again for the first of the two keys.
        try:
            for _ in read_documents(text, marks=True):
                pass
        except BuildError as marked:
            error = marked
    lines = Lines(text, shown)
    also = (lines.place(error.first),) if error.first is not None else ()
    return Diagnostic(error.code, error.message, lines.place(error.span), hint=error.hint, also=also)


def _placed(text: str, shown: str, readings: Sequence[_Reading]) -> tuple[Diagnostic, ...]:
    lines = Lines(text, shown)
    problems: list[Diagnostic] = []
    for document, reading in zip(read_documents(text, marks=True), readings, strict=True):
        for finding in reading.findings:
            place = _place(finding, document, lines)
            problems.append(Diagnostic(finding.code, finding.message, place, finding.expected, finding.hint))
    return tuple(problems)


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
    return next(iter(document.keys.values()), None) or document.values.get((), Span(document.line - 1, 0, 0, 1))
