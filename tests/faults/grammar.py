"""Documents made to hurt the loader: `document(seed, number)` is the same bytes wherever and whenever it is asked for.

A fuzzer that learns from coverage would reach deep places sooner, but its millionth document depends on all before it.
Here each stands for itself, so that a run goes on where it was stopped and a failing document is had again alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random

from tests.faults.words import ESCAPES, FIELDS, KEYS, NAMES, ODD, PLAIN, REPEATED, SIGNS, SOUND, TAGS, TEXT

ROOT = Path(__file__).parents[2]
LONGEST = 64 * 1024
"""Bytes of a document, at most; what size alone does is shown by tests/spec/hostile.py."""


def document(seed: int, number: int) -> bytes:
    """The document *number* of the run *seed*: one of a kind that is drawn, at most LONGEST bytes."""
    random = Random(f"{seed}/{number}")
    (kind,) = random.choices([*KINDS], [*KINDS.values()])
    return kind(random)[:LONGEST]


@cache
def corpus() -> tuple[bytes, ...]:
    """Documents of this tree, good and bad."""
    folders = (ROOT / "tests" / "spec" / "bad", ROOT / "jobspecs")
    return tuple(path.read_bytes() for folder in folders for path in sorted(folder.glob("*.yaml")))


def specs(random: Random) -> bytes:
    """A spec or several, from sound ones to those in which everything may be wrong."""
    writer = Writer(random, random.choice((0.0, 0.0, 0.1, 1.0)))
    head = writer.odd(0.3, ("---\n", "# note\n", "\ufeff", "%YAML 1.2\n---\n")) or ""
    text = head + "---\n".join(writer.spec(number) for number in range(random.choice((1, 1, 1, 1, 2, 3))))
    return (text.replace("\n", "\r\n") if random.random() < 0.03 else text).encode()


def nodes(random: Random) -> bytes:
    """Any YAML at all, or nearly YAML."""
    writer = Writer(random, random.choice((0.1, 1.0)))
    return (writer.block(5, "") if random.random() < 0.5 else writer.flow(6)).encode()


def mutants(random: Random) -> bytes:
    """A document of the tree, or one made here, after a few bytes of it were changed."""
    content = random.choice(corpus()) if random.random() < 0.4 else specs(random)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        at = random.randint(0, len(content))
        end = min(len(content), at + random.choice((0, 1, 2, 5, 30)))
        content = content[:at] + random.choice(CHANGES)(random, content[at:end]) + content[end:]
    return content


def soup(random: Random) -> bytes:
    """Pieces of YAML in no order."""
    pieces = range(random.choice((2, 5, 12, 60)))
    return b"".join(random.choice(ODD) if random.random() < 0.4 else _word(random) for _ in pieces)


def noise(random: Random) -> bytes:
    """Bytes in no order."""
    return random.randbytes(random.randint(0, 120))


KINDS: Mapping[Callable[[Random], bytes], int] = {specs: 45, nodes: 15, mutants: 30, soup: 8, noise: 2}


def _word(random: Random) -> bytes:
    return random.choice((*SOUND, *PLAIN, *KEYS)).encode()


CHANGES: tuple[Callable[[Random, bytes], bytes], ...] = (
    lambda random, piece: b"",
    lambda random, piece: random.choice(ODD),
    lambda random, piece: _word(random),
    lambda random, piece: piece + _word(random),
    lambda random, piece: random.randbytes(1),
    lambda random, piece: piece[::-1],
    lambda random, piece: piece + random.choice(corpus()),
    lambda random, piece: (piece or random.choice(REPEATED)) * random.choice((2, 3, 10, 70, 1000)),
)


class Writer:
    """Writes YAML with the chances that *wild*, from 0 to 1, gives to what is odd."""

    def __init__(self, random: Random, wild: float) -> None:
        self.random = random
        self.wild = wild
        self.anchors: list[str] = []
        """Those given so far in the document: what is sound repeats no others."""

    def odd(self, chance: float, words: tuple[str, ...]) -> str | None:
        """One of *words*, as often as *chance* says where all is wild."""
        return self.random.choice(words) if self.random.random() < chance * self.wild else None

    def spec(self, number: int) -> str:
        """A spec; every one after the first in a file has a name."""
        chosen = [
            field for field in FIELDS if self.random.random() < (0.9 if field in {"function", "inputs"} else 0.25)
        ]
        if not self.wild:
            chosen = [*{*chosen, "function", *(["name"] if number else [])} - {"id"}]
            chosen.sort()
        self.random.shuffle(chosen)
        lines = [f"{field}: {self._field(field, number)}\n" for field in chosen]
        if key := self.odd(0.15, KEYS):
            lines.insert(self.random.randint(0, len(lines)), f"{key}: {self.flow(2)}\n")
        return "".join(lines)

    def _field(self, field: str, number: int) -> str:
        sound, unsound = FIELDS[field]
        if self.random.random() < 0.06 * self.wild or (field == "inputs" and self.random.random() < 0.7):
            return self._behind(4)
        return self.odd(0.4, unsound) or self.random.choice(sound).replace("#", str(number))

    def _behind(self, depth: int) -> str:
        """What may stand behind a key: on its line, or below it."""
        if self.random.random() < 0.6:
            return self.flow(depth) if self.wild else f"{{a: {self.flow(depth)}}}"
        return "\n" + self.block(depth, "  ", as_list=None if self.wild else False).rstrip("\n")

    def block(self, depth: int, indent: str, *, as_list: bool | None = None) -> str:
        random, lines = self.random, []
        as_list = random.random() < 0.35 if as_list is None else as_list
        for number in range(random.randint(1, 4)):
            mark = f"{indent}-" if as_list else f"{indent}{self._key(number)}:"
            drawn = random.random()
            if depth > 1 and drawn < 0.3:
                inner = self.block(depth - 1, indent + (self.odd(0.3, (" ", "\t", "")) or "  "))
                lines.append(f"{mark} {self._marked()}\n{inner}")
            elif drawn < 0.4:
                style = random.choice("|>") + (
                    self.odd(0.5, ("2", "9-", "x", "+", "- # note")) or random.choice(("", "-"))
                )
                inside = [f"{indent}  {self.odd(0.2, (' ', '# c', chr(9))) or ''}{self._text()}\n" for _ in range(3)]
                lines.append(f"{mark} {style}\n{''.join(inside)}")
            else:
                lines.append(f"{mark} {self.flow(depth - 1)}{random.choice(('', '', '  # note'))}\n")
        if self.anchors and not as_list and random.random() < 0.1:
            merged = random.choice(("*{0}", "[*{0}]", "[*{0}, *{0}]")).format(random.choice(self.anchors))
            lines.append(f"{indent}<<: {merged}\n")
        return "".join(lines)

    def flow(self, depth: int) -> str:
        random, drawn = self.random, self.random.random()
        if depth <= 0 or drawn < 0.6:
            return self._scalar()
        inner = range(random.choice((0, 1, 2, 3)))
        if drawn < 0.8:
            return f"{self._marked()}[{', '.join(self.flow(depth - 1) for _ in inner)}]"
        return f"{self._marked()}{{{', '.join(f'{self._key(n)}: {self.flow(depth - 1)}' for n in inner)}}}"

    def _marked(self) -> str:
        """An anchor or a tag, now and then."""
        if tag := self.odd(0.05, TAGS):
            return f"{tag} "
        if self.random.random() > 0.1:
            return ""
        self.anchors.append(self.random.choice("abc"))
        return f"&{self.anchors[-1]} "

    def _key(self, number: int) -> str:
        return self.odd(0.4, KEYS) or f"{self.random.choice('abcdefgh')}{number}"

    def _scalar(self) -> str:
        drawn = self.random.random()
        if alias := self.odd(0.1, ("*a", "*b", "*c", "*d")):
            return alias
        if self.anchors and self.random.random() < 0.15:
            return f"*{self.random.choice(self.anchors)}"
        if drawn < 0.4:
            return f"{self._marked()}{self.odd(0.6, PLAIN) or self.random.choice(SOUND)}"
        if drawn < 0.6:
            return f"{self._marked()}'{self._text()}'"
        if drawn < 0.8:
            return f'"{self._text()}{self.odd(0.5, ESCAPES) or ""}"'
        return self._template(3)

    def _text(self) -> str:
        pieces = range(self.random.randint(0, 4))
        return "".join(self.random.choice(TEXT) if self.random.random() < 0.7 else self._template(2) for _ in pieces)

    def _template(self, depth: int) -> str:
        name = self.odd(0.5, NAMES) or self.random.choice(("V", "NUMBER", "YAML", "LINES", "OTHER", "EMPTY", "A_KEY"))
        sign = self.odd(0.2, ("=", ":", " ", ":?", "?")) or self.random.choice(SIGNS)
        word = self.random.choice(("", "x", "a-b", "$"))
        if depth > 1 and self.random.random() < 0.3:
            word = self._template(depth - 1)
        end = "" if self.odd(0.05, ("x",)) else "}"
        return f"${{{name}{sign}{word if sign else ''}{end}"
