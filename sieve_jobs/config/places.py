"""Where keys and values stand in a TOML text, which tomllib does not tell. For text that tomllib accepted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_TRIPLE_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL)
_TRIPLE_LITERAL = re.compile(r"'''.*?'{3,5}", re.DOTALL)
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")


@dataclass(frozen=True, slots=True)
class Spot:
    """Offsets into the text: a key, and the value it was given. A table's header has no value of its own."""

    key: int
    key_end: int
    value: int | None = None
    value_end: int | None = None


def locate(text: str) -> Mapping[Path, Spot]:
    """Every key path of *text* with its spot; the first one counts where a table is opened twice.

    Arrays of tables share one path. Linear in the text.
    """
    return _Scan(text).document()


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column of *offset*, both from 1."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1


class _Scan:
    """One pass over the text; *at* is the offset of what comes next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, Spot] = {}

    def document(self) -> Mapping[Path, Spot]:
        prefix: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text[self.at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)
        return self.found

    def _header(self) -> Path:
        while self.text[self.at] == "[":
            self.at += 1
        self._skip(_SPACE)
        path = self._dotted((), None)
        while self.at < len(self.text) and self.text[self.at] == "]":
            self.at += 1
        return path

    def _pair(self, prefix: Path) -> None:
        pending: list[tuple[Path, int, int]] = []
        path = self._dotted(prefix, pending)
        self.at += 1  # the equals sign
        start = self._skip(_SPACE)
        self._value(path)
        for place, key, key_end in pending:
            whole = place == path
            self.found.setdefault(
                place, Spot(key, key_end, start if whole else None, self._trimmed(start) if whole else None)
            )

    def _dotted(self, prefix: Path, pending: list[tuple[Path, int, int]] | None) -> Path:
        path = prefix
        while True:
            start = self.at
            path = (*path, self._key())
            if pending is None:
                self.found.setdefault(path, Spot(start, self.at))
            else:
                pending.append((path, start, self.at))
            self._skip(_SPACE)
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return path
            self.at += 1
            self._skip(_SPACE)

    def _key(self) -> str:
        quote = self.text[self.at]
        if quote in "\"'":
            start = self.at
            self._skip(_BASIC if quote == '"' else _LITERAL)
            return _unquote(self.text[start : self.at])
        start = self.at
        if self._skip(_BARE) == start:
            raise ValueError("not a key")
        return self.text[start : self.at]

    def _value(self, path: Path) -> None:
        rest = self.text
        sign = rest[self.at : self.at + 1]
        if sign == "{":
            self._inline_table(path)
        elif sign == "[":
            self._array(path)
        elif sign == '"':
            self._skip(_TRIPLE_BASIC if rest.startswith('"""', self.at) else _BASIC)
        elif sign == "'":
            self._skip(_TRIPLE_LITERAL if rest.startswith("'''", self.at) else _LITERAL)
        else:
            self._skip(_SCALAR)

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip(_BLANK)] != "}":
            if self.text[self.at] == ",":
                self.at += 1
            else:
                self._pair(path)
        self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip(_BLANK)] != "]":
            if self.text[self.at] == ",":
                self.at += 1
            else:
                self._value(path)
        self.at += 1

    def _trimmed(self, start: int) -> int:
        """End of the value that began at *start*, without the blanks after a bare scalar."""
        return start + len(self.text[start : self.at].rstrip())

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return self.at


def _unquote(written: str) -> str:
    import tomllib

    return next(iter(tomllib.loads(f"{written} = 0")))
