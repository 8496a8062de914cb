"""JSON as Python source, with every file in it as one of the SDK's: text that a formatter leaves as it is. Pure.

Nothing of a value is ever taken for code: text is written as literals of printable characters, and a name stands bare
only where it is an identifier.
"""

from __future__ import annotations

import keyword
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sieve_jobs.push.naming import is_file
from sieve_jobs.wire import Json

WIDTH = 88
"""Columns up to which a collection stands on one line."""
LONGEST_TEXT = 120
"""Columns of the longest line that a text is not broken for: within the limits that are usual."""
DEEPEST = 40
"""Levels of nesting; Python's own parser gives up somewhat above."""
_PIECE = 72
_INDENT = "    "
_KINDS = frozenset({"sieve.File", "sieve.Video", "sieve.Audio", "sieve.Image"})


class NoSourceError(Exception):
    """A value that cannot be written. The words complete "the outputs …"."""


def is_parameter(name: str) -> bool:
    """Whether *name* can be a parameter: an identifier that Python keeps as it is written, and that means nothing."""
    plain = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
    return plain and not keyword.iskeyword(name) and not name.startswith("__")


def text(value: str) -> str:
    """A literal of *value* on one line, in double quotes unless the others need fewer escapes."""
    inner = repr(f'{value}"')[1:-2]  # with a double quote in it repr always takes single ones
    if value.count('"') > value.count("'"):
        return f"'{inner}'"
    inner = inner.replace("\\'", "'").replace('"', '\\"')
    return f'"{inner}"'


@dataclass(frozen=True, slots=True)
class Source:
    """Writes values."""

    files: Mapping[str, str]
    """Source of the path of each file, by its url."""
    clean: Callable[[str], str] = str
    """Takes out of a text what is not to be written."""

    def output(self, data: Json, kind: object, level: int) -> str:
        """The value of an output that is said to be a *kind*, at *level* of indentation. Raises NoSourceError."""
        if is_file(data, kind):
            return self._file(data, str(kind) if kind in _KINDS else "sieve.File", level)
        if kind == "tuple" and isinstance(data, list):
            return self._items("(", [self.value(item, level + 1) for item in data], ")", level)
        return self.value(data, level)

    def value(self, data: Json, level: int = 0, lead: int = 0) -> str:
        """*data* as source, behind *lead* columns of its line. Raises NoSourceError."""
        if level > DEEPEST:
            raise NoSourceError(f"are nested more than {DEEPEST} levels deep")
        if isinstance(data, str):
            return self._text(data, level, lead)
        if isinstance(data, float) and not math.isfinite(data):
            raise NoSourceError("hold a number that is none (NaN or infinite)")
        if data is None or isinstance(data, bool | int | float):
            return repr(data)
        if is_file(data):
            return self._file(data, "sieve.File", level, lead)
        if isinstance(data, dict):
            pairs = [self._named(f"{text(self._sound(key))}: ", item, level + 1) for key, item in data.items()]
            return self._items("{", pairs, "}", level, lead)
        return self._items("[", [self.value(item, level + 1) for item in data], "]", level, lead)

    def _named(self, name: str, data: Json, level: int) -> str:
        return name + self.value(data, level, len(name))

    def _file(self, data: Json, kind: str, level: int, lead: int = 0) -> str:
        """One of the SDK's files, with the attributes that travel with it."""
        fields = data if isinstance(data, dict) else {}
        more = {name: item for name, item in fields.items() if name not in {"url", "path"} and name[:1] != "_"}
        named = {name: item for name, item in more.items() if is_parameter(name)}
        others = {name: item for name, item in more.items() if name not in named}
        given = [f"path={self.files[str(fields['url'])]}"]
        given += [self._named(f"{name}=", item, level + 1) for name, item in named.items()]
        given += [self._named("**", others, level + 1)] if others else []
        return self._items(f"{kind}(", given, ")", level, lead)

    def _text(self, value: str, level: int, lead: int) -> str:
        value = self._sound(value)
        whole = text(value)
        if len(_INDENT) * level + lead + len(whole) < LONGEST_TEXT:
            return whole
        pieces = [text(value[at : at + _PIECE]) for at in range(0, len(value), _PIECE)]
        inner = "".join(f"{_INDENT * (level + 1)}{piece}\n" for piece in pieces)
        return f"(\n{inner}{_INDENT * level})" if len(pieces) > 1 else whole

    def _sound(self, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NoSourceError("hold text with half a surrogate pair, which has no UTF-8 form") from None
        return self.clean(value)

    @staticmethod
    def _items(start: str, items: Iterable[str], end: str, level: int, lead: int = 0) -> str:
        """*items* on one line, or each on its own with a comma behind it."""
        given = list(items)
        comma = "," if start == "(" and len(given) == 1 else ""
        flat = f"{start}{', '.join(given)}{comma}{end}"
        if "\n" not in flat and len(_INDENT) * level + lead + len(flat) < WIDTH:
            return flat
        inner = "".join(f"{_INDENT * (level + 1)}{item},\n" for item in given)
        return f"{start}\n{inner}{_INDENT * level}{end}" if given else f"{start}{end}"
