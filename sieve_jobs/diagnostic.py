"""Problems as data: what is wrong, where, what was expected, and a way out. Rendered once, at the edge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sieve_jobs.codes import Code


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in a file a person wrote. *line* and *column* count from 1; line 0 means the file as a whole."""

    path: str
    line: int = 0
    column: int = 0
    text: str = ""
    """The line as written, without its end; empty where it is not known."""
    width: int = 1
    """How many columns the caret underlines."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem. *message* is lower case without a full stop and never quotes a secret's value.

    *code* is the stable id whose page `sieve-jobs explain` prints; `errors.md` holds them all.
    """

    code: Code
    message: str
    place: Place | None = None
    expected: str | None = None
    hint: str | None = None
    also: tuple[Place, ...] = ()
    """Other places the same problem names, such as the first of two equal keys."""

    def as_json(self) -> dict[str, object]:
        """The form under `diagnostics` in every `--json` document."""
        place = self.place
        return {
            "code": self.code,
            "message": self.message,
            "path": place.path if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "expected": self.expected,
            "hint": self.hint,
        }


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint naming the closest of *known*, or None if nothing is close."""
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else None
