"""What a function takes and gives, read from its signature without calling it."""

from __future__ import annotations

import enum
import inspect
import re
import types
import typing
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from sieve_jobs.sdk.convert import ANY, plain
from sieve_jobs.sdk.encode import OutputError, as_json
from sieve_jobs.sdk.files import File, kind_name
from sieve_jobs.wire import Json

_DOC_FIELD = re.compile(r"^\s*:(?:param\s+(?:\S+\s+)?(?P<name>\w+)|returns?):\s*(?P<text>.*\S)", re.MULTILINE)
_STREAMS: tuple[object, ...] = (Generator, AsyncGenerator, Iterator, Iterable)


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters a job can name, in order, and what the annotations say as objects."""

    parameters: tuple[inspect.Parameter, ...]
    hints: Mapping[str, Any]
    takes_any_name: bool
    """It has `**keywords`, so that every further name is an input."""
    streams: bool
    doc: str


def signature_of(target: Callable[..., object]) -> Signature:
    """Of a def, decorated or not, a bound `__predict__`, or a class or instance that has one.

    An annotation that does not evaluate counts as none.
    """
    method = getattr(target, "__predict__", None)
    entry = inspect.unwrap(method or target)
    parameters = list(inspect.signature(entry).parameters.values())
    if isinstance(target, type):
        parameters = parameters[1:]  # self
    return Signature(
        parameters=tuple(p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)),
        hints=_hints(entry),
        takes_any_name=any(p.kind is p.VAR_KEYWORD for p in parameters),
        streams=inspect.isgeneratorfunction(entry),
        doc=inspect.getdoc(entry) or "",
    )


def describe(target: Callable[..., object]) -> tuple[list[dict[str, Json]], list[dict[str, Json]]]:
    """The inputs and outputs of *target* as InputOutput objects, inputs in order of the signature.

    An optional input carries its default under `data`, so that a job's inputs can be shown whole. A parameter's
    description is the `:param name:` line of the docstring, the output's the `:return:` line.
    """
    signature = signature_of(target)
    texts = {found["name"]: found["text"] for found in _DOC_FIELD.finditer(signature.doc)}
    inputs = [_input(signature, parameter, texts.get(parameter.name)) for parameter in signature.parameters]
    hint = signature.hints.get("return", ANY)
    if signature.streams and get_origin(hint) in _STREAMS:
        hint = get_args(hint)[0]
    return inputs, [_item(hint, description=texts.get(None))]


def type_name(hint: Any) -> str:
    """The name of an annotation in a version's schema: "sieve.File", "int", "list"; "any" where it is open."""
    hint = plain(hint)
    kind = get_origin(hint) or hint
    if kind is typing.Literal:
        names = {type(option).__name__ for option in get_args(hint)}
        return names.pop() if len(names) == 1 else "any"
    if kind in (typing.Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        return type_name(members[0]) if len(members) == 1 else "any"
    if not isinstance(kind, type) or kind is Any:
        return "any"
    if issubclass(kind, File):
        return kind_name(kind)
    return kind.__name__


def schema_of(hint: Any) -> dict[str, Json] | None:  # noqa: PLR0911 -- one row a kind of annotation
    """What the type's name leaves open: a file's url, the values of a Literal or Enum, a model's fields."""
    hint = plain(hint)
    if get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        return schema_of(members[0]) if len(members) == 1 else None
    if get_origin(hint) is typing.Literal:
        return {"enum": [as_json(option) for option in get_args(hint)]}
    if not isinstance(hint, type):
        return None
    if issubclass(hint, File):
        return {"url": {"title": "Url", "type": "string"}}
    if issubclass(hint, enum.Enum):
        return {"enum": [_json_or_none(member.value) for member in hint]}
    if hasattr(hint, "model_json_schema"):
        fields = hint.model_json_schema().get("properties")
        return fields if isinstance(fields, dict) else None
    return None


def _input(signature: Signature, parameter: inspect.Parameter, description: str | None) -> dict[str, Json]:
    hint = signature.hints.get(parameter.name, ANY)
    if parameter.default is parameter.empty:
        return _item(hint, parameter.name, description)
    return _item(hint, parameter.name, description, _json_or_none(parameter.default), is_optional=True)


def _item(
    hint: Any, name: str | None = None, description: str | None = None, data: Json = None, is_optional: bool = False
) -> dict[str, Json]:
    return {
        "type": type_name(hint),
        "name": name,
        "data": data,
        "description": description,
        "schema": schema_of(hint),
        "run_id": None,
        "is_optional": is_optional,
    }


def _json_or_none(value: object) -> Json:
    try:
        return as_json(value)
    except OutputError:
        return None


def _hints(entry: Callable[..., object]) -> dict[str, Any]:
    """Annotations as objects; where one is text that does not evaluate, the others still count."""
    try:
        return typing.get_type_hints(entry)
    except Exception:  # an annotation is any expression of the user's and may raise anything
        scope = getattr(getattr(entry, "__func__", entry), "__globals__", {})
        annotations = getattr(entry, "__annotations__", {})
        return {name: hint for name, given in annotations.items() if (hint := _hint(given, scope)) is not None}


def _hint(given: object, scope: dict[str, Any]) -> Any:
    holder = types.SimpleNamespace(__annotations__={"it": given})
    try:
        return typing.get_type_hints(holder, globalns=scope).get("it")
    except Exception:
        return None
