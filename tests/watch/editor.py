"""A random editor of spec files: the habits of real ones, with edits, reverts, renames, deletes and broken YAML."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.project import spec
from tests.watch.watched import save

BROKEN = (
    "",
    "function: sieve/dubbing\ninputs: {width:",
    "functio: x\n",
    "a: [b\n",
    "function: 5\n",
    "\tx",
    "just text\n",
)


@dataclass
class Editor:
    """Edits specs in *folder*. *asks* is what each file says now, by name; files that are broken are not in it."""

    folder: Path
    random: random.Random
    asks: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    fresh: int = 0
    """Files have values of their own: what two of them ask for is never the same."""

    def begin(self, files: int) -> None:
        for _ in range(files):
            self._new()

    def step(self) -> None:
        """One operation."""
        operations: list[tuple[Callable[[], None], int]] = [
            (self._edit, 40), (self._comment, 15), (self._revert, 15), (self._rename, 8), (self._delete, 4),
            (self._new, 5), (self._break, 8), (self._mend, 10), (self._litter, 5), (self._touch, 5),
        ]  # fmt: skip
        chosen = self.random.choices([each for each, _ in operations], [weight for _, weight in operations])[0]
        self.counts[chosen.__name__.strip("_")] = self.counts.get(chosen.__name__.strip("_"), 0) + 1
        chosen()

    def mend_all(self) -> None:
        for name in sorted(self.broken):
            self._write(name, self._value(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.yaml"

    def _value(self, name: str) -> int:
        self.fresh += 1
        return self.fresh

    def _any(self) -> str | None:
        return self.random.choice(sorted(self.asks)) if self.asks else None

    def _edit(self) -> None:
        if (name := self._any()) is not None:
            self._write(name, self._value(name))

    def _comment(self) -> None:
        if (name := self._any()) is not None:
            self._write(name, self.asks[name], comment=self.random.choice(["# a\n", "# b\n\n", ""]))

    def _revert(self) -> None:
        """Something else, and back at once."""
        if (name := self._any()) is not None:
            before = self.asks[name]
            self._write(name, self._value(name))
            self._write(name, before)

    def _rename(self) -> None:
        if (name := self._any()) is not None:
            self.fresh += 1
            new = f"{self.random.choice(['', 'sub/', 'deep/er/'])}clip-{self.fresh}"
            self._path(new).parent.mkdir(parents=True, exist_ok=True)
            self._path(name).rename(self._path(new))
            self.asks[new] = self.asks.pop(name)

    def _delete(self) -> None:
        if (name := self._any()) is not None and len(self.asks) > 4:
            self._path(name).unlink()
            del self.asks[name]

    def _new(self) -> None:
        self.fresh += 1
        self._write(f"{self.random.choice(['', 'sub/'])}clip-{self.fresh}", self.fresh)

    def _break(self) -> None:
        if (name := self._any()) is not None and len(self.asks) > 4:
            self._put(name, self.random.choice(BROKEN))
            del self.asks[name]
            self.broken.add(name)

    def _mend(self) -> None:
        if self.broken:
            self._write(self.random.choice(sorted(self.broken)), self._value(""))

    def _litter(self) -> None:
        name = self.random.choice([".a.yaml.swp", "a.yaml~", "4913", "#a.yaml#", "_note.yaml", "notes.txt"])
        (self.folder / name).write_text("function: [")
        (self.folder / name).unlink()

    def _touch(self) -> None:
        if (name := self._any()) is not None:
            self._path(name).touch()

    def _write(self, name: str, value: int, comment: str = "") -> None:
        self._put(name, comment + spec(width=value))
        self.asks[name] = value
        self.broken.discard(name)

    def _put(self, name: str, text: str) -> None:
        """By one of the ways in which editors save."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        way = self.random.randrange(5)
        if way == 0:
            save(path, text)
        elif way == 1:
            path.write_text("")
            with path.open("a") as file:
                for at in range(0, len(text), 9):
                    file.write(text[at : at + 9])
                    file.flush()
        elif way == 2 and path.exists():
            backup = path.with_name(path.name + "~")
            path.rename(backup)
            path.write_text(text)
            backup.unlink()
        elif way == 3:
            path.unlink(missing_ok=True)
            path.write_text(text)
        else:
            path.write_text(text)
