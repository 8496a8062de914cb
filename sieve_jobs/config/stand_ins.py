"""`stand_ins` of a target: which function runs the jobs of which other one, and what is wrong with a table. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

FUNCTION = re.compile(r"[^\s/\\:]+/[^\s/\\:]+(?::[^\s/\\:]+)?")
"""`author/name` or `author/name:version`."""
_FORM = '"author/name" or "author/name:version"'


class StandIn(NamedTuple):
    """A function that runs in place of another one; as text, the mark of everything that comes of it."""

    function: str
    """What runs."""
    asked: str
    """What the spec asked for."""

    def __str__(self) -> str:
        return f"{self.function} stands in for {self.asked}"

    def as_json(self) -> dict[str, str]:
        """The keys that mark a row of a document."""
        return {"function": self.function, "stands_in_for": self.asked}


class Wrong(NamedTuple):
    """What is wrong with one line of the table."""

    asked: str
    """Its key."""
    at_key: bool
    """Whether the key is meant, not its value."""
    message: str
    expected: str
    hint: str | None = None


def is_function(text: object) -> bool:
    """Whether *text* names a function: `author/name` or `author/name:version`."""
    return isinstance(text, str) and text.isprintable() and FUNCTION.fullmatch(text) is not None


def stand_in_for(function: str, stand_ins: Mapping[str, str]) -> str | None:
    """What runs in place of *function*, `author/name[:version]`; None where it runs itself.

    A line that names the version goes before one that speaks of every version. What stands in is not looked up again.
    """
    return stand_ins.get(function) or stand_ins.get(function.partition(":")[0])


def config_line(stand_ins: Mapping[str, str], asked: str, function: str) -> str:
    """The line of a target's table that adds *function* in place of *asked* to its *stand_ins*."""
    pairs = [f"{_quoted(key)} = {_quoted(name)}" for key, name in {**stand_ins, asked: function}.items()]
    return f"stand_ins = {{{', '.join(pairs)}}}"


def _quoted(text: str) -> str:
    """A TOML string; JSON's is one, of printable text."""
    return json.dumps(text, ensure_ascii=False)


def wrong_lines(table: Mapping[str, object]) -> Iterator[Wrong]:
    """Names that are none, functions that would stand in for themselves, and stand-ins that have one themselves."""
    sound = {asked: name for asked, name in table.items() if isinstance(name, str)}
    for asked, name in table.items():
        if not is_function(asked):
            yield Wrong(asked, True, f"'{asked}' is no function", _FORM)
        elif not isinstance(name, str) or not is_function(name):
            shown = f"'{name}'" if isinstance(name, str) else "the value"
            yield Wrong(asked, False, f"{shown} is no function", _FORM)
        elif name.partition(":")[0] == asked.partition(":")[0]:
            yield Wrong(asked, False, f"'{asked}' would stand in for itself", "another function")
        elif (last := stand_in_for(name, sound)) is not None:
            message = f"'{name}' has a stand-in itself, and stand-ins are not followed"
            hint = f"name what is to run in the end: '{last}'"
            yield Wrong(asked, False, message, "a function without a stand-in", hint)
