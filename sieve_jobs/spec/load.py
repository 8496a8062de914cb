"""A tree of spec files to what is wanted: from the parse cache where nothing changed, else parsed.

The parser, and pydantic with it, is imported only once a file has to be read.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import InvalidError
from sieve_jobs.spec.cache import Folder, ParseCache, Row, contexts_hold, is_settled
from sieve_jobs.spec.facts import Facts
from sieve_jobs.spec.scan import Scanned, scan
from sieve_jobs.spec.stamp import Stamp, stamp_of
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

    def basis(self) -> str:
        """What every cached row depends on, as one text."""
        engine = self.sources is not None
        basis = repr((self.specs, self.ignore_query, self.local, engine, str(self.root)))
        # Keyed, so that a cache file that came with somebody's commit is not even looked at.
        return tag(self.key, "cache", basis) or basis


@dataclass(slots=True)
class Tree:
    """What a tree of spec files asks for."""

    settings: LoadSettings
    wanted: list[Wanted] = field(default_factory=list)
    """Every valid spec, in no order."""
    problems: tuple[Diagnostic, ...] = ()
    """All that is wrong, by path and line. With any of these nothing may be sent."""
    files: int = 0
    """How many spec files were found."""
    parsed: dict[str, Detail] = field(default_factory=dict)
    """Details that are at hand, by name."""
    parse: Callable[[str], ParsedFile] | None = None
    """Reads a spec file by its path from the root; made when the first one has to be read."""

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
        return self.details([row[0] for row in self.wanted])


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Loading makes a million objects that all stay: looking through them for garbage takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_collector_at_rest()
def load_tree(settings: LoadSettings, cache: ParseCache | None) -> Tree:
    """Reads every spec file of the project; never raises for what the files say."""
    tree = Tree(settings)
    problems: list[Diagnostic] = []
    current = Facts(settings.variables, settings.sources, settings.key)
    seen: set[str] = set()
    for specs in settings.specs:
        for scanned in scan(settings.root, specs):
            if scanned.shown in seen:
                continue
            seen.add(scanned.shown)
            problems += scanned.problems
            tree.files += len(scanned.files)
            problems += _load_folder(scanned, tree, cache, current)
    if cache is not None:
        for gone in cache.paths() - seen:
            cache.put(gone, None)
        cache.save()
    problems += _same_names(tree)
    tree.problems = tuple(sorted(problems, key=_by_place))
    return tree


def _load_folder(scanned: Scanned, tree: Tree, cache: ParseCache | None, current: Facts) -> list[Diagnostic]:
    folder = cache.folder(scanned.shown) if cache is not None else Folder()
    holds = contexts_hold(folder.contexts, current.of)
    records = folder.records
    fresh: list[os.DirEntry[str]] = []
    problems: list[Diagnostic] = []
    wanted = tree.wanted
    for entry in scanned.files:
        record = records.get(entry.name)
        if record is not None:
            try:
                s = entry.stat()
            except OSError:
                fresh.append(entry)
                continue
            stamp, context, files, rows = record
            if (
                stamp == (s.st_size, s.st_mtime_ns, s.st_ino, s.st_ctime_ns)
                and holds[context]
                and (not files or _files_unchanged(files))
            ):
                for row in rows:
                    wanted.append(_as_wanted(row))
                continue
        fresh.append(entry)
    if not fresh and len(records) == len(scanned.files):
        return problems
    kept = folder.keeping({entry.name for entry in scanned.files})
    for entry in sorted(fresh, key=lambda each: each.name):
        problems += _load_file(entry, scanned, tree, kept, cache, current)
    if cache is not None:
        cache.put(scanned.shown, kept)
    return problems


_as_wanted = partial(tuple.__new__, Wanted)
"""`Wanted._make` without its checks, which cost as much as all else of an unchanged file."""


def _load_file(  # noqa: PLR0917 - one step of _load_folder
    entry: os.DirEntry[str], scanned: Scanned, tree: Tree, kept: Folder, cache: ParseCache | None, current: Facts
) -> tuple[Diagnostic, ...]:
    read_at = time.time_ns()
    shown = f"{scanned.shown}/{entry.name}" if scanned.shown else entry.name
    parsed = tree.parser(cache)(shown)
    rows: list[Row] = []
    for detail in parsed.details:
        spec = detail.spec
        row = (spec.name, detail.digest, detail.fingerprint, shown, spec.line)
        rows.append(row)
        tree.wanted.append(_as_wanted(row))
        tree.parsed[spec.name] = detail
    if cache is not None:
        kept.records.pop(entry.name, None)
        context = None if parsed.problems else current.context(parsed.variables, parsed.functions)
        if context is not None and _are_settled(parsed, read_at):
            kept.put(entry.name, parsed.stamp, context, parsed.files, rows)
    return parsed.problems


def _are_settled(parsed: ParsedFile, read_at: int) -> bool:
    return is_settled(parsed.stamp, read_at) and all(is_settled(stamp, read_at) for _, stamp, _ in parsed.files)


def _parser(settings: LoadSettings, cache: ParseCache | None) -> Callable[[str], ParsedFile]:
    from sieve_jobs.spec.parse import ParseSettings, parse_file

    root, specs = os.fspath(settings.root), settings.specs
    parse_settings = ParseSettings(
        settings.root, settings.variables, settings.key, settings.ignore_query, settings.sources, settings.local
    )
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


def _files_unchanged(files: tuple[tuple[str, Stamp, str], ...]) -> bool:
    for path, stamp, _ in files:
        try:
            s = os.stat(path)  # noqa: PTH116
        except OSError:
            return False
        if stamp != stamp_of(s):
            return False
    return True


def _same_names(tree: Tree) -> list[Diagnostic]:
    """Names that are equal, or that some file system would take for equal."""
    names = [row[0] for row in tree.wanted]
    if len(set(map(str.casefold, names))) == len(names) and "".join(names).isascii():
        return []
    from sieve_jobs.spec.places import name_place
    from sieve_jobs.spec.rules import folded

    def place(row: Row) -> Place:
        return name_place(os.path.join(tree.settings.root, row[3]), row[3], row[4])  # noqa: PTH118 - as elsewhere here

    first: dict[str, Row] = {}
    problems: list[Diagnostic] = []
    for row in sorted(tree.wanted, key=lambda each: (each[3], each[4])):
        earlier = first.setdefault(folded(row[0]), row)
        if earlier is not row:
            alike = "" if earlier[0] == row[0] else f", which is not told apart from '{earlier[0]}' everywhere"
            message = f"the name '{row[0]}' is taken{alike}"
            problems.append(Diagnostic("SJ104", message, place(row), hint="set another 'name'", also=(place(earlier),)))
    return problems


def _changed_under_us(row: Row) -> Diagnostic:
    return Diagnostic(
        "SJ110", f"'{row[0]}' changed while it was being planned", Place(row[3], row[4], 1), hint="run it again"
    )


def _by_place(problem: Diagnostic) -> tuple[str, int, int, str]:
    place = problem.place or Place("")
    return (place.path, place.line, place.column, problem.code)
