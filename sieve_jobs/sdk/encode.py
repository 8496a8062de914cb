"""A function's result as an output of a job: JSON, with every file inside it handed over and named by a URL."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, TypeGuard

from sieve_jobs.sdk.files import File, attributes_of, is_remote, kind_name
from sieve_jobs.sdk.struct import Struct, fields_of
from sieve_jobs.wire import Json

KeepFile: TypeAlias = Callable[[Path], dict[str, Json]]

DEEPEST = 100
"""Levels of nesting an output may have: far from what Python's own encoder survives, far above what is meant."""
LONGEST_INT = 4096
"""Bits of an integer; Python itself refuses to write one of more than 4,300 decimal digits as text."""


class OutputError(ValueError):
    """A result has no JSON form. The message names the place inside it."""


def encode(value: object, *, keep_file: KeepFile) -> dict[str, Json]:
    """One result, or one yield, as an InputOutput object.

    Files go by `{"url": …, "_path": null}` with their attributes: one that is only known by an http(s) URL goes
    by it, any other is given to *keep_file*, once for each path, whose object is used. Raises OutputError for
    what has no JSON form, NaN, sets and bytes included, and for a file that is not there.
    """
    return {
        "type": _type_name(value),
        "name": None,
        "data": _Encoder(keep_file).encode(value, "output", 0),
        "description": None,
        "schema": None,
        "run_id": None,
        "is_optional": False,
    }


def as_json(value: object, *, keep_file: KeepFile | None = None) -> Json:
    """The bare JSON of *value*. Without *keep_file* it holds no file, as a parameter's default. Raises OutputError."""
    return _Encoder(keep_file or _no_files).encode(value, "value", 0)


def _no_files(path: Path) -> dict[str, Json]:
    raise OutputError(f"a file has no JSON form here: {path.name}")


def _type_name(value: object) -> str:
    if value is None:
        return "any"
    if isinstance(value, File):
        return kind_name(type(value))
    if _is_array(value) and getattr(value, "shape", None) == ():
        return _type_name(value.tolist())  # a scalar of numpy goes by the type of its value
    return type(value).__name__


def _is_array(value: object) -> TypeGuard[_Array]:
    """numpy's arrays and scalars, torch's tensors: known by what they offer, never imported."""
    return hasattr(value, "tolist") and hasattr(value, "dtype")


class _Array(Protocol):
    def tolist(self) -> object: ...


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Encodes one result. *kept* holds what has been handed over, for a result may name a file twice."""

    keep_file: KeepFile
    kept: dict[Path, dict[str, Json]] = field(default_factory=dict)

    def encode(self, value: object, at: str, depth: int) -> Json:  # noqa: PLR0911 -- one row for each kind of value
        if value is None or isinstance(value, bool):
            return value
        if depth > DEEPEST:
            raise OutputError(f"{at} is nested more than {DEEPEST} levels deep, or holds itself")
        if isinstance(value, enum.Enum):
            return self.encode(value.value, at, depth + 1)
        if isinstance(value, str):
            return _text(value, at)
        if isinstance(value, int | float):
            return _number(value, at)
        if isinstance(value, File):
            return self._file(value, at, depth)
        if isinstance(value, list | tuple):
            return [self.encode(item, f"{at}[{index}]", depth + 1) for index, item in enumerate(value)]
        fields = _fields(value)
        if fields is not None:
            return self._object(fields, at, depth)
        if _is_array(value):
            return self.encode(value.tolist(), at, depth + 1)
        raise OutputError(f"{at} has no JSON form: {_named(value)}")

    def _object(self, fields: Iterable[tuple[object, object]], at: str, depth: int) -> dict[str, Json]:
        encoded: dict[str, Json] = {}
        for key, item in fields:
            if isinstance(key, int) and not isinstance(key, bool):
                name = str(int(key))
            elif isinstance(key, str):
                name = _text(key, f"a key of {at}")
            else:
                raise OutputError(f"{at} has a key that is no text: {_named(key)}")
            if name in encoded:
                raise OutputError(f"{at} has two keys that both read {name!r}")
            encoded[name] = self.encode(item, f"{at}.{name}", depth + 1)
        return encoded

    def _file(self, file: File, at: str, depth: int) -> Json:
        attributes = self._object(attributes_of(file).items(), at, depth)
        if is_remote(file):
            return {"url": file.url, "_path": None, **attributes}
        path = Path(file.path)
        if path not in self.kept:
            if not path.is_file():
                what = "is no regular file" if path.exists() else "is a file that is not there"
                raise OutputError(f"{at} {what}: {path}")
            self.kept[path] = self.keep_file(path)
        return {"_path": None, **self.kept[path], **attributes}


def _fields(value: object) -> Iterable[tuple[object, object]] | None:
    """The pairs of a mapping, a Struct, a dataclass or a pydantic model (known by what it offers, never imported)."""
    if isinstance(value, Struct):
        return fields_of(value).items()
    if isinstance(value, Mapping):
        return value.items()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(item.name, getattr(value, item.name)) for item in dataclasses.fields(value)]
    if hasattr(type(value), "model_fields") and isinstance(value, Iterable):
        return [(name, item) for name, item in value]
    return None


def _text(value: str, at: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise OutputError(f"{at} is text with half a surrogate pair in it, which has no UTF-8 form") from None
    return str(value)


def _number(value: float, at: str) -> float:
    if isinstance(value, int):
        if value.bit_length() > LONGEST_INT:
            raise OutputError(f"{at} is an integer of more than {LONGEST_INT} bits")
        return int(value)
    if not math.isfinite(value):
        raise OutputError(f"{at} is {float(value)}, which has no JSON form")
    return float(value)


def _named(value: object) -> str:
    """The kind of *value*, and what to return instead where that is known."""
    if isinstance(value, bytes):
        return "bytes; write them to a file and return sieve.File(path=…)"
    if isinstance(value, set | frozenset):
        return "a set; return a list"
    if isinstance(value, Path):
        return "a path; return sieve.File(path=…)"
    return f"{type(value).__module__}.{type(value).__qualname__}"
