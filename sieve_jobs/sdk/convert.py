"""One JSON value against one annotation: what a function's author wrote decides what a job's input becomes."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, TypeAlias, get_args, get_origin

from sieve_jobs.sdk.files import OPENER, File, as_kind, is_url, kind_name
from sieve_jobs.sdk.struct import Struct
from sieve_jobs.wire import Json

OpenFile: TypeAlias = Callable[[Json], File]
ANY: Any = Any
"""The annotation of what has none."""

_LISTS: tuple[object, ...] = (list, Sequence, Iterable)
_SETS: tuple[object, ...] = (set, frozenset, Set)
_MAPPINGS: tuple[object, ...] = (dict, Mapping)


class InputError(ValueError):
    """A job's inputs do not fit the function. The message begins as Sieve's does."""


def convert(value: Json, hint: Any, open_file: OpenFile, at: str) -> object:  # noqa: PLR0911 -- one row a kind
    """*value* as the annotation *hint* asks for it, or InputError naming the place *at* ("sizes[2]").

    Checks plain types, Literal, Enum (by value), unions, list, tuple, set, dict, File kinds, and classes that
    validate themselves (pydantic). None passes any type. An int serves as a float, a bool not as an int.
    """
    hint = plain(hint)
    if value is None or hint is Any:
        return value
    kind = get_origin(hint) or hint
    if kind is typing.Literal:
        return _one_of(value, [(option, option) for option in get_args(hint)], at)
    if kind in (typing.Union, types.UnionType):
        return _first_fitting(value, hint, open_file, at)
    if not isinstance(kind, type):
        return value
    if issubclass(kind, File):
        return _file(value, kind, open_file, at)
    if issubclass(kind, enum.Enum):
        return _one_of(value, [(member.value, member) for member in kind], at)
    if hasattr(kind, "model_validate"):
        return _validated(value, kind, open_file, at)
    if issubclass(kind, Struct):
        return _struct(value, kind, open_file, at)
    return _of_class(value, hint, kind, open_file, at)


def plain(hint: Any) -> Any:
    """*hint* without the wrappers that say nothing about its value; Any for whatever admits everything."""
    while hasattr(hint, "__supertype__"):  # NewType
        hint = hint.__supertype__
    if get_origin(hint) is typing.Annotated:
        return plain(get_args(hint)[0])
    if hint in (object, None, type(None)) or isinstance(hint, typing.TypeVar):
        return Any
    return hint


def _of_class(value: Json, hint: Any, kind: type, open_file: OpenFile, at: str) -> object:
    """*value* for a class, or for a container of *kind* whose items are converted in turn."""
    arguments = get_args(hint)
    if typing.is_typeddict(kind) or kind in _MAPPINGS:
        if not isinstance(value, dict):
            raise _mismatch(value, hint, at)
        item = arguments[1] if len(arguments) == 2 else ANY
        return {name: convert(inner, item, open_file, f"{at}.{name}") for name, inner in value.items()}
    if kind in _LISTS or kind in _SETS or kind is tuple:
        if not isinstance(value, list):
            raise _mismatch(value, hint, at)
        return _items(value, hint, kind, open_file, at)
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise InputError(f"Invalid input: a number too large for a float (input '{at}')") from None
    try:
        fits = type(value) is kind if kind is int else isinstance(value, kind)
    except TypeError:  # a protocol that cannot be checked
        return value
    if not fits:
        raise _mismatch(value, hint, at)
    return value


def _items(value: list[Json], hint: Any, kind: type, open_file: OpenFile, at: str) -> object:
    arguments = get_args(hint)
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            raise InputError(f"Invalid input: {len(value)} items. Expected {len(arguments)} (input '{at}')")
        each: Sequence[Any] = arguments
    else:
        each = [arguments[0] if arguments else ANY] * len(value)
    pairs = enumerate(zip(value, each, strict=True))
    items = [convert(item, wanted, open_file, f"{at}[{index}]") for index, (item, wanted) in pairs]
    if kind is tuple:
        return tuple(items)
    if kind not in _SETS:
        return items
    try:
        return frozenset(items) if kind is frozenset else set(items)
    except TypeError:
        raise InputError(f"Invalid input: items that a set cannot hold (input '{at}')") from None


def _one_of(value: Json, options: Sequence[tuple[object, object]], at: str) -> object:
    """The result beside the option equal to *value* in type as well: 1 is neither True nor 1.0."""
    for option, result in options:
        if type(option) is type(value) and option == value:
            return result
    listed = ", ".join(repr(option) for option, _ in options)
    raise InputError(f"Invalid input: {value}. Expected one of ({listed}) (input '{at}')")


def _first_fitting(value: Json, hint: Any, open_file: OpenFile, at: str) -> object:
    """The first member of a union that takes *value*; a number goes to its own type before any other."""
    members = [member for member in get_args(hint) if member is not type(None)]
    if len(members) == 1:
        return convert(value, members[0], open_file, at)
    if isinstance(value, bool | int | float) and type(value) in members:
        return value
    for member in members:
        try:
            return convert(value, member, open_file, at)
        except InputError:
            continue
    raise _mismatch(value, hint, at)


def _file(value: Json, kind: type[File], open_file: OpenFile, at: str) -> File:
    if not isinstance(value, dict) and not (isinstance(value, str) and is_url(value)):
        raise _mismatch(value, kind, at)
    try:
        return as_kind(open_file(value), kind)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"Invalid input: {error} (input '{at}')") from error


def _struct(value: Json, kind: type[Struct], open_file: OpenFile, at: str) -> Struct:
    """An instance of the author's class, each field as that annotates it; further ones stay as they are."""
    if not isinstance(value, dict):
        raise _mismatch(value, kind, at)
    try:
        hints = typing.get_type_hints(kind)
    except Exception:  # an annotation is any expression of the user's and may raise anything
        hints = {}
    fields = {
        name: convert(item, hints.get(name, ANY), open_file, f"{at}.{name}")
        for name, item in value.items()
        if not name.startswith("_")
    }
    return kind(**fields)


def _validated(value: Json, kind: Any, open_file: OpenFile, at: str) -> object:
    """An instance of a class that validates itself. Its complaint is told without the values it is about."""
    try:
        return kind.model_validate(value, context={OPENER: open_file})
    except ValueError as error:
        told = getattr(error, "errors", None)
        if not callable(told):
            raise InputError(f"Invalid input: {error} (input '{at}')") from error
        places = [(".".join(str(step) for step in found["loc"]), found["msg"]) for found in told()]
        reasons = "; ".join(f"{place}: {reason}" if place else reason for place, reason in places)
        raise InputError(f"Invalid input: {reasons} (input '{at}')") from None


def _mismatch(value: Json, hint: Any, at: str) -> InputError:
    return InputError(f"Invalid input type: {type(value)}. Expected {_shown(hint)} (input '{at}')")


def _shown(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, File):
        return f"<class '{kind_name(hint)}'>"
    return repr(hint)
