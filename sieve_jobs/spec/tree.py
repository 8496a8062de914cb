"""Tree: what a tree of spec files asks for, and how a file of it is read when somebody needs all that it says.

The parser, and pydantic with it, is imported only once a file has to be read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import InvalidError
from sieve_jobs.spec.cache import Folder, ParseCache, Row, Saves
from sieve_jobs.spec.stamp import Stamp
from sieve_jobs.spec.tags import TagKey, tag
from sieve_jobs.spec.wanted import Wanted

if TYPE_CHECKING:
    from sieve_jobs.spec.jobspec import Detail
    from sieve_jobs.spec.parse import ParsedFile
    from sieve_jobs.spec.variables import Variables


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """Where specs are, and all that decides what they mean."""

    root: Path
    specs: tuple[str, ...]
    """Folders, relative to the root."""
    variables: Variables
    key: TagKey | None = None
    ignore_query: tuple[str, ...] = ()
    sources: Mapping[str, str] | None = None
    """`author/name` to the hash of its source, on the engine; None on a remote target."""
    local: bool = True
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """What runs in place of which function (see config/stand_ins.py)."""
    functions: tuple[str, ...] = ()
    """Folders of functions, relative to the root: no output is saved there."""

    def basis(self) -> str:
        """What every cached row depends on, as one text."""
        engine = self.sources is not None
        stand_ins = sorted(self.stand_ins.items())
        basis = repr((self.specs, self.functions, self.ignore_query, self.local, engine, stand_ins, str(self.root)))
        # Keyed, so that a cache file that came with somebody's commit is not even looked at.
        return tag(self.key, "cache", basis) or basis


@dataclass
class Tree:
    """What a tree of spec files asks for."""

    settings: LoadSettings
    problems: tuple[Diagnostic, ...] = ()
    """All that is wrong, by path and line. With any of these nothing may be sent."""
    files: int = 0
    """How many spec files were found."""
    read: list[Row] = field(default_factory=list)
    """Of files that were looked at one by one."""
    unchanged: list[Folder] = field(default_factory=list)
    """Folders of which nothing changed at all, so that their rows are read when somebody asks."""
    saves: Saves = field(default_factory=list)
    """Specs that save, by name, with their patterns."""
    parsed: dict[str, Detail] = field(default_factory=dict)
    """Details that are at hand, by name."""
    folders: set[str] = field(default_factory=set)
    """Folders that were looked through, by their path from the root."""
    kept: list[Folder] = field(default_factory=list)
    """What is remembered of folders that were looked at file by file."""
    named: set[str] = field(default_factory=set)
    """Local files that specs read just now name, there or not, by the absolute path they are looked up under."""
    parse: Callable[[str], ParsedFile] | None = None
    """Reads a spec file by its path from the root; made when the first one has to be read."""

    @cached_property
    def wanted(self) -> list[Wanted]:
        """Every valid spec, in no order."""
        rows = [*self.read, *(row for folder in self.unchanged for row in folder.rows())]
        return [_as_wanted(row) for row in rows]

    @cached_property
    def names(self) -> list[str]:
        """Names of *wanted*, in its order."""
        return [*(row[0] for row in self.read), *(name for folder in self.unchanged for name in folder.names)]

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """Fingerprints of *wanted*, by name: enough to tell that nothing differs from a state."""
        found = {row[0]: row[2] for row in self.read}
        for folder in self.unchanged:
            found.update(zip(folder.names, folder.fingerprints, strict=True))
        return found

    def local_files(self) -> set[str]:
        """Every local file that a spec names, as in *named*."""
        known = [files for folder in (*self.unchanged, *self.kept) for files in folder.files]
        return self.named | {path for files in known for path, _, _ in files}

    def details(self, names: Iterable[str]) -> dict[str, Detail]:
        """Details of those *names* that are wanted, parsed now where the cache answered.

        Raises InvalidError if a file changed under us and no longer says what was planned.
        """
        missing = {name for name in names if name not in self.parsed}
        rows = {row[0]: row for row in self.wanted if row[0] in missing}
        for path in sorted({row[3] for row in rows.values()}):
            parsed = self.parser()(path)
            if parsed.problems:
                raise InvalidError(*parsed.problems)
            self.parsed.update((detail.spec.name, detail) for detail in parsed.details)
        changed = [row for name, row in rows.items() if name not in self.parsed or self.parsed[name].digest != row[1]]
        if changed:
            raise InvalidError(*(_changed_under_us(row) for row in changed))
        return {name: self.parsed[name] for name in names if name in self.parsed}

    def parser(self, cache: ParseCache | None = None) -> Callable[[str], ParsedFile]:
        if self.parse is None:
            self.parse = _parser(self.settings, cache)
        return self.parse

    def all_details(self) -> dict[str, Detail]:
        return self.details(self.names)


_as_wanted = partial(tuple.__new__, Wanted)
"""`Wanted._make` without its checks, which cost as much as all else of an unchanged file."""


def _parser(settings: LoadSettings, cache: ParseCache | None) -> Callable[[str], ParsedFile]:
    from sieve_jobs.spec.parse import ParseSettings, parse_file

    root, specs = os.fspath(settings.root), settings.specs
    parse_settings = ParseSettings(
        settings.root, settings.variables, settings.key, settings.ignore_query, settings.sources, settings.local,
        settings.stand_ins, own_folders=(*settings.specs, *settings.functions),
    )  # fmt: skip
    known = cache.hash_of if cache is not None else _nothing_known
    prefixes = _prefixes(specs)

    def parse(shown: str) -> ParsedFile:
        return parse_file(f"{root}/{shown}", shown, _name_below(prefixes, shown), parse_settings, known)

    return parse


def default_name(shown: str, specs: tuple[str, ...]) -> str:
    """The name of a spec that gives none: its path under its specs folder, without the extension."""
    return _name_below(_prefixes(specs), shown)


def _prefixes(specs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(os.path.normpath(folder) + "/" for folder in specs)


def _name_below(prefixes: tuple[str, ...], shown: str) -> str:
    for prefix in prefixes:
        if shown.startswith(prefix):
            return shown[len(prefix) :].rpartition(".")[0]
    return shown.rpartition(".")[0]


def _nothing_known(path: str, stamp: Stamp) -> str | None:
    return None


def _changed_under_us(row: Row) -> Diagnostic:
    return Diagnostic(
        Code.FILE_CHANGED,
        f"'{row[0]}' changed while it was being planned",
        Place(row[3], row[4], 1),
        hint="run it again",
    )
