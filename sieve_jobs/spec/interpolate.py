"""Docker Compose's `${…}` grammar over strings, in one pass, with the provenance of every stretch.

    ${V}  ${V:-d}  ${V-d}  ${V:?msg}  ${V?msg}  ${V:+a}  ${V+a}     nested in d, msg and a;  $${ is a literal ${

A bare `$5` or `$NAME` is text. A value is never looked at again: `${A}` whose value is "${B}" stays "${B}".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sieve_jobs.spec.jobspec import Leaf, Segment
from sieve_jobs.spec.scalars import shortened

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":-|:\?|:\+|-|\?|\+")
_MAX_NESTING = 64


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a template. *at* is the offset of its `${`; *name* the variable, where there is one."""

    kind: str
    """"unset", "demanded", "syntax", "expression" or "size"."""
    at: int
    text: str
    name: str = ""


class _SyntaxTroubleError(Exception):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.text)
        self.trouble = trouble


class _Reading:
    """One pass over one template. Collects troubles rather than stopping at the first unset variable."""

    def __init__(self, text: str, find: Callable[[str], str | None], room: int) -> None:
        self.text = text
        self.find = find
        self.room = room
        self.cost = 0
        self.troubles: list[Trouble] = []

    def spend(self, characters: int, at: int) -> None:
        self.cost += characters
        if self.cost > self.room:
            raise _SyntaxTroubleError(Trouble("size", at, "interpolation makes the text too long"))

    def segments(self) -> tuple[Segment, ...]:
        found: list[Segment] = []
        literal: list[str] = []
        position = 0
        while (start := self.text.find("${", position)) >= 0:
            if self._escaped(start, position):
                literal.append(self.text[position : start - 1] + "${")
                position = start + 2
                continue
            literal.append(self.text[position:start])
            if joined := "".join(literal):
                found.append(Segment(joined, joined))
            literal = []
            names: list[str] = []
            value, position = self._expression(start, names, depth=1)
            written = self.text[start:position]
            found.append(Segment(written, written if value is None else value, tuple(names)))
        literal.append(self.text[position:])
        if joined := "".join(literal):
            found.append(Segment(joined, joined))
        return tuple(found)

    def _escaped(self, start: int, floor: int) -> bool:
        return start > floor and self.text[start - 1] == "$"

    def _expression(self, start: int, names: list[str], *, depth: int) -> tuple[str | None, int]:
        """The value of the `${` at *start*, None where it has none, and the offset behind its `}`."""
        if depth > _MAX_NESTING:
            raise _SyntaxTroubleError(Trouble("syntax", start, "interpolation is nested too deeply"))
        if self.text.startswith("{", start + 2):
            raise _SyntaxTroubleError(Trouble("expression", start, "expressions ${{ … }}"))
        match = _NAME.match(self.text, start + 2)
        if match is None:
            raise _SyntaxTroubleError(Trouble("syntax", start, "'${' is not followed by a variable's name"))
        name = match[0]
        operator = _OPERATOR.match(self.text, match.end())
        names.append(name)
        current = self.find(name)
        self.spend(32 + len(current or ""), start)
        if operator is None:
            if not self.text.startswith("}", match.end()):
                raise _SyntaxTroubleError(Trouble("syntax", start, f"'${{{shortened(name)}' has no closing '}}'", name))
            if current is None:
                self.troubles.append(Trouble("unset", start, f"variable '{shortened(name)}' is not set", name))
            return current, match.end() + 1
        return self._operated(start, operator, current, names, depth=depth)

    def _operated(
        self, start: int, operator: re.Match[str], current: str | None, names: list[str], *, depth: int
    ) -> tuple[str | None, int]:
        """As `_expression`, for one with an operator; the last of *names* is the variable it tests."""
        name, sign = names[-1], operator[0]
        given = current is not None and (current != "" or not sign.startswith(":"))
        wanted = given if sign.endswith("+") else not given
        # What is not used is read all the same, to find its end, but nothing it names counts.
        before = len(self.troubles)
        inner_names: list[str] = []
        inner, end = self._word(operator.end(), start, inner_names, depth)
        if not wanted or sign.endswith("?"):
            del self.troubles[before:]
        elif inner_names:
            names.extend(inner_names)
        if sign.endswith("+"):
            return (inner if given else ""), end
        if given:
            return current, end
        if sign.endswith("-"):
            return inner, end
        # The message as written: resolved it might hold a secret.
        words = self.text[operator.end() : end - 1]
        text = f"variable '{shortened(name)}' is not set" + (f": {shortened(words)}" if words else "")
        self.troubles.append(Trouble("demanded", start, text, name))
        return None, end

    def _word(self, position: int, opened: int, names: list[str], depth: int) -> tuple[str | None, int]:
        """The text up to the `}` that closes the expression opened at *opened*; None if a part has no value."""
        parts: list[str] = []
        whole = True
        while position < len(self.text):
            if self.text.startswith("$${", position):
                parts.append("${")
                position += 3
            elif self.text.startswith("${", position):
                value, position = self._expression(position, names, depth=depth + 1)
                whole = whole and value is not None
                parts.append(value or "")
            elif self.text[position] == "}":
                return ("".join(parts) if whole else None), position + 1
            else:
                parts.append(self.text[position])
                position += 1
        raise _SyntaxTroubleError(Trouble("syntax", opened, "'${' has no closing '}'"))


class Interpolated(NamedTuple):
    """A resolved text, what is wrong with it, and the room it took (see `interpolate`)."""

    leaf: Leaf
    troubles: list[Trouble]
    cost: int


def interpolate(text: str, find: Callable[[str], str | None], room: int = 1 << 23) -> Interpolated:
    """Resolves *text*; *find* gives a variable's value, None where it is unset.

    A stretch without a value keeps its text as written and has a trouble of kind "unset" or "demanded", so
    that all of them are told in one run. A syntax error leaves the whole text as one literal.
    *room* bounds what may come of it, in characters: the text, each value, and 32 more for each `${`.
    """
    reading = _Reading(text, find, room)
    try:
        reading.spend(len(text), 0)
        return Interpolated(Leaf(reading.segments()), reading.troubles, reading.cost)
    except _SyntaxTroubleError as error:
        return Interpolated(Leaf((Segment(text, text),)), [error.trouble], reading.cost)
