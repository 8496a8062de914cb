"""A tree of spec files to what is wanted: from the parse cache where nothing changed, else parsed.

The parser, and pydantic with it, is imported only once a file has to be read.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import InvalidError
from sieve_jobs.spec.cache import Folder, ParseCache, Row, Saves, contexts_hold, is_settled
from sieve_jobs.spec.facts import Facts
from sieve_jobs.spec.scan import Scanned, scan
from sieve_jobs.spec.second_look import LEAST, second_look
from sieve_jobs.spec.stamp import Stamp, packed, packed_of, stamp_of
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
    functions: tuple[str, ...] = ()
    """Folders of functions, relative to the root: no output is saved there."""

    def basis(self) -> str:
        """What every cached row depends on, as one text."""
        engine = self.sources is not None
        basis = repr((self.specs, self.functions, self.ignore_query, self.local, engine, str(self.root)))
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


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Loading makes a million objects that all stay: looking through them for garbage takes a fifth of the time.

    Then or later: what is there after a process's first tree is left out of every further look. Later trees are not,
    as it would never be seen that an earlier one is garbage.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():
                gc.freeze()
            gc.enable()


@_collector_at_rest()
def load_tree(settings: LoadSettings, cache: ParseCache | None, *, least: int = LEAST) -> Tree:
    """Reads every spec file of the project; never raises for what the files say.

    From *least* bytes of cache on, a second process shares the work.
    """
    tree = Tree(settings)
    loading = _Loading(tree, cache, Facts(settings.variables, settings.sources, settings.key))
    seen: set[str] = set()
    later: list[Scanned] = []
    with second_look(os.fspath(settings.root), cache, least=least) as look:
        for specs in settings.specs:
            for scanned in scan(settings.root, specs):
                if scanned.shown in seen:
                    continue
                seen.add(scanned.shown)
                tree.files += len(scanned.files)
                if look is not None and scanned.shown in look.takes:
                    later.append(scanned)
                else:
                    loading.folder(scanned, confirmed=False)
        confirmed = look.confirmed() if look is not None else frozenset()
    for scanned in later:
        loading.folder(scanned, confirmed=scanned.shown in confirmed)
    tree.folders = seen
    if cache is not None:
        for gone in cache.paths() - seen:
            cache.put(gone, None)
        cache.save()
    problems = [*loading.problems, *_same_names(tree), *(_same_saves(tree) if tree.saves else ())]
    tree.problems = tuple(sorted(problems, key=_by_place))
    return tree


class _Loading:
    """Folders on their way into a tree."""

    def __init__(self, tree: Tree, cache: ParseCache | None, current: Facts) -> None:
        self._tree = tree
        self._cache = cache
        self._current = current
        self.problems: list[Diagnostic] = []

    def folder(self, scanned: Scanned, *, confirmed: bool) -> None:
        """Takes what the cache knows of a folder, and reads the rest. *confirmed*: all it knows has its stamp."""
        self.problems += scanned.problems
        known = self._cache.folder(scanned.shown) if self._cache is not None else Folder()
        holds = contexts_hold(known.contexts, self._current.of)
        stamps = known.stamps if confirmed and _same_files(scanned, known) else _stamps(scanned.files)
        if stamps == known.stamps and all(holds) and all(map(_files_unchanged, known.files)):
            self._tree.unchanged.append(known)
            self._tree.saves += known.saves
            return
        kept = known.keeping(_unchanged(known, stamps, holds))
        self._tree.read += kept.rows()
        self._tree.saves += kept.saves
        self._tree.kept.append(kept)
        for entry in sorted(scanned.files, key=lambda each: each.name):
            if entry.name not in kept.stamps:
                self._file(f"{scanned.shown}/{entry.name}" if scanned.shown else entry.name, entry.name, kept)
        if self._cache is not None:
            self._cache.put(scanned.shown, kept)

    def _file(self, shown: str, name: str, kept: Folder) -> None:
        read_at = time.time_ns()
        parsed = self._tree.parser(self._cache)(shown)
        self.problems += parsed.problems
        self._tree.named |= parsed.named
        rows: list[Row] = []
        saves: Saves = []
        for detail in parsed.details:
            spec = detail.spec
            rows.append((spec.name, detail.digest, detail.fingerprint, shown, spec.line))
            self._tree.parsed[spec.name] = detail
            if spec.save is not None:
                saves.append((spec.name, spec.save))
        self._tree.read += rows
        self._tree.saves += saves
        if self._cache is not None and not parsed.problems:
            context = self._current.context(parsed.variables, parsed.functions)
            if context is not None and _are_settled(parsed, read_at):
                kept.put(name, packed(parsed.stamp), context, parsed.files, rows, saves)


def _same_files(scanned: Scanned, known: Folder) -> bool:
    return {entry.name for entry in scanned.files} == known.stamps.keys()


def _stamps(files: list[os.DirEntry[str]]) -> dict[str, bytes]:
    """Packed stamps by name; a file that is gone meanwhile, or a link to nothing, has one that is never remembered."""
    try:
        return {entry.name: packed_of(entry.stat()) for entry in files}
    except OSError:
        return {entry.name: _stamp_or_none(entry) for entry in files}


def _stamp_or_none(entry: os.DirEntry[str]) -> bytes:
    try:
        return packed_of(entry.stat())
    except OSError:
        return b""


def _unchanged(folder: Folder, stamps: Mapping[str, bytes], holds: Sequence[bool]) -> set[str]:
    """The files of a folder of which the cache still knows what they say."""
    return {
        name
        for name, (context, files, _, _) in folder.records.items()
        if stamps.get(name) == folder.stamps[name] and holds[context] and _files_unchanged(files)
    }


_as_wanted = partial(tuple.__new__, Wanted)
"""`Wanted._make` without its checks, which cost as much as all else of an unchanged file."""


def _are_settled(parsed: ParsedFile, read_at: int) -> bool:
    return is_settled(parsed.stamp, read_at) and all(is_settled(stamp, read_at) for _, stamp, _ in parsed.files)


def _parser(settings: LoadSettings, cache: ParseCache | None) -> Callable[[str], ParsedFile]:
    from sieve_jobs.spec.parse import ParseSettings, parse_file

    root, specs = os.fspath(settings.root), settings.specs
    parse_settings = ParseSettings(
        settings.root, settings.variables, settings.key, settings.ignore_query, settings.sources, settings.local,
        own_folders=(*settings.specs, *settings.functions),
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
    names = tree.names
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
            message = (
                f"the name '{row[0]}' is taken"
                if earlier[0] == row[0]
                else f"the names '{row[0]}' and '{earlier[0]}' are not told apart on every disk"
            )
            problems.append(Diagnostic("SJ104", message, place(row), hint="set another 'name'", also=(place(earlier),)))
    return problems


def _same_saves(tree: Tree) -> list[Diagnostic]:
    """Specs whose outputs would lie on one another."""
    patterns = [pattern for _, pattern in tree.saves]
    if len(set(map(str.casefold, patterns))) == len(patterns) and "".join(patterns).isascii():
        return []
    from sieve_jobs.spec.places import save_place
    from sieve_jobs.spec.save import same_place

    rows = {row[0]: row for row in tree.wanted}

    def place(row: Row) -> Place:
        return save_place(os.path.join(tree.settings.root, row[3]), row[3], row[4])  # noqa: PTH118 - as elsewhere here

    first: dict[str, Row] = {}
    problems: list[Diagnostic] = []
    for row, where in sorted(((rows[name], same_place(pattern)) for name, pattern in tree.saves), key=_by_row):
        earlier = first.setdefault(where, row) if where else row
        if earlier is not row:
            message = f"'{row[0]}' would save its outputs over those of '{earlier[0]}'"
            hint = 'give each a folder of its own, or a name: as: "{name}-{index}{ext}"'
            problems.append(Diagnostic("SJ232", message, place(row), hint=hint, also=(place(earlier),)))
    return problems


def _by_row(saving: tuple[Row, str]) -> tuple[str, int]:
    return saving[0][3], saving[0][4]


def _changed_under_us(row: Row) -> Diagnostic:
    return Diagnostic(
        "SJ110", f"'{row[0]}' changed while it was being planned", Place(row[3], row[4], 1), hint="run it again"
    )


def _by_place(problem: Diagnostic) -> tuple[str, int, int, str]:
    place = problem.place or Place("")
    return (place.path, place.line, place.column, problem.code)
