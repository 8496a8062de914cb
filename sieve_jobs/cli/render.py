"""`render`: specs as they are resolved, each interpolated field with its origin, secrets by reference."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import names_argument, verb
from sieve_jobs.cli.selection import say_nothing_found, selected
from sieve_jobs.errors import ExitCode
from sieve_jobs.render.text import escape
from sieve_jobs.spec.jobspec import Detail, JobSpec, Pointer, dotted
from sieve_jobs.spec.request import masked_body
from sieve_jobs.wire import Json

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/.-]*(?: [A-Za-z0-9_/.-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@verb("render", "sieve-jobs render dub-intro", "sieve-jobs render --json")
@names_argument
def command(session: Session, names: tuple[str, ...]) -> ExitCode:
    """Print specs as they are resolved: what would be pushed, and where each value comes from.

    Secrets stand as they are written, `${NAME}`; env values from variables are masked. A field without a comment
    is as it stands in the file; a name that is not there is the file's path.
    """
    chosen = selected(session, names)
    wanted = [spec.name for spec in session.tree.wanted] if chosen is None else chosen
    details = session.tree.details(wanted)
    say_nothing_found(session)
    ordered = [details[name] for name in sorted(details)]
    if session.as_json:
        session.streams.document({"specs": [_document(session, detail) for detail in ordered]})
    else:
        session.streams.answer("\n---\n".join("\n".join(_lines(session, detail)) for detail in ordered))
    return ExitCode.OK


def _document(session: Session, detail: Detail) -> dict[str, object]:
    spec = detail.spec
    return {
        "path": spec.path,
        "line": spec.line,
        "digest": detail.digest,
        **_fields(spec),
        "origins": [
            {"path": dotted(pointer), "variables": [_variable(session, name) for name in sorted(leaf.variables)]}
            for pointer, leaf in spec.leaves.items()
            if leaf.variables
        ],
    }


def _fields(spec: JobSpec) -> dict[str, Json]:
    """Everything the spec says, masked, in the order of the language's page."""
    return {
        "name": spec.name,
        **masked_body(spec),
        **({"stands_in_for": spec.stands_in_for} if spec.stands_in_for is not None else {}),
        "save": _save(spec.save),
        "description": spec.description,
        "labels": dict(spec.labels),
        "rerun": spec.rerun,
        "rerun_on": [*sorted(spec.rerun_on)],
        "protect": spec.protect,
        "on_change": spec.on_change,
    }


def _save(pattern: str | None) -> Json:
    """`save` in its long form, the spec's own name filled in."""
    if pattern is None:
        return None
    folder = pattern.partition("{")[0].rpartition("/")[0]
    return {"to": folder, "as": pattern[len(folder) + 1 :]}


def _lines(session: Session, detail: Detail) -> Iterator[str]:
    """The spec as YAML with comments. What it holds of others' text is escaped, and stays on its line."""
    spec = detail.spec
    yield escape(f"# {spec.path}:{spec.line}")
    yield f"# {detail.digest}"
    defaults: Mapping[str, Json] = {
        "save": None, "description": None, "labels": {}, "rerun": None, "rerun_on": [], "protect": False,
        "on_change": None,
    }  # fmt: skip
    comments = _comments(session, spec)
    for key, value in _fields(spec).items():
        if key == "stands_in_for" or (key in defaults and value == defaults[key]):
            continue
        yield from _node(key, value, (key,), 0, comments)


def _comments(session: Session, spec: JobSpec) -> dict[Pointer, str]:
    """Where values come from, by their place."""
    found: dict[Pointer, str] = {}
    for pointer, leaf in spec.leaves.items():
        if leaf.variables:
            found[pointer] = ", ".join(_origin(session, name, spec.missing) for name in sorted(leaf.variables))
    if spec.stands_in_for is not None:
        found["function",] = ", ".join(
            [f"stands in for {spec.stands_in_for}", *filter(None, [found.get(("function",))])]
        )
    for pointer, file in spec.files.items():
        found[(*pointer, "url")] = f"file, {file.size} bytes, sha256:{file.sha256[:12]}"
    return found


def _origin(session: Session, name: str, missing: Sequence[str]) -> str:
    variable = _variable(session, name)
    if session.variables.find(name) is None and name not in missing:
        return f"${{{name}}}: not set, default"
    return f"${{{name}}}: {variable['origin']}" + (", secret" if variable["secret"] else "")


def _variable(session: Session, name: str) -> dict[str, object]:
    found = session.variables.find(name)
    origin = found.origin if found is not None else "not set"
    return {"name": name, "origin": origin, "secret": session.variables.is_secret(name)}


def _node(label: str, value: Json, pointer: Pointer, depth: int, comments: Mapping[Pointer, str]) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, dict) and value:
        yield f"{indent}{_scalar(label)}:"
        for key, item in value.items():
            yield from _node(key, item, (*pointer, key), depth + 1, comments)
    elif isinstance(value, list) and value:
        yield f"{indent}{_scalar(label)}:"
        for index, item in enumerate(value):
            yield from _item(item, (*pointer, index), depth + 1, comments)
    else:
        yield f"{indent}{_scalar(label)}: {_scalar(value)}{_comment(pointer, comments)}"


def _item(value: Json, pointer: Pointer, depth: int, comments: Mapping[Pointer, str]) -> Iterator[str]:
    """An item of a list: its lines, the first of them behind a dash."""
    indent = "  " * depth
    if isinstance(value, dict) and value:
        lines = [line for key, item in value.items() for line in _node(key, item, (*pointer, key), depth + 1, comments)]
    elif isinstance(value, list) and value:
        yield f"{indent}-"
        lines = [line for n, item in enumerate(value) for line in _item(item, (*pointer, n), depth + 1, comments)]
        yield from lines
        return
    else:
        lines = [f"{indent}  {_scalar(value)}{_comment(pointer, comments)}"]
    first, *others = lines
    yield f"{indent}- {first[len(indent) + 2 :]}"
    yield from others


def _comment(pointer: Pointer, comments: Mapping[Pointer, str]) -> str:
    return f"  # {escape(comments[pointer])}" if pointer in comments else ""


def _scalar(value: Json) -> str:
    """YAML that reads back as *value*. JSON's escapes are YAML's, and hold no control character."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=not (isinstance(value, str) and value.isprintable()))
