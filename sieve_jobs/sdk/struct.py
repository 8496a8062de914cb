"""A bundle of named values that travels as an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn


class Struct:
    """Every keyword becomes an attribute, and travels. A class below it may annotate its fields and give defaults.

    As an input it is made from an object, whose values become what the annotations of the class say.
    """

    def __init__(self, /, **fields: object) -> None:
        vars(self).update(fields)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and fields_of(other) == fields_of(self)

    __hash__ = None  # type: ignore[assignment]  # it is mutable, and equal by its fields

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in fields_of(self).items())
        return f"{type(self).__name__}({shown})"


class Array:
    """A name of Sieve's SDK of which nothing is known but the name."""

    def __init__(self, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError(
            "what sieve.Array is in Sieve's SDK is not documented; use a list, or return a numpy array"
        )


def fields_of(struct: object) -> Mapping[str, object]:
    """The fields of a Struct in order: those its class annotates and has a value for, then those set on it."""
    annotated = (name for kind in reversed(type(struct).__mro__) for name in vars(kind).get("__annotations__", ()))
    names = [*annotated, *vars(struct)]
    return {name: getattr(struct, name) for name in names if not name.startswith("_") and hasattr(struct, name)}
