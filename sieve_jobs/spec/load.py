"""A tree of spec files to what is wanted: from the parse cache where nothing changed, else parsed."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.spec.cache import Folder, ParseCache, Row, Saves, contexts_hold, is_settled
from sieve_jobs.spec.facts import Facts
from sieve_jobs.spec.scan import Scanned, scan
from sieve_jobs.spec.second_look import LEAST, second_look
from sieve_jobs.spec.stamp import Stamp, packed, packed_of, stamp_of
from sieve_jobs.spec.tree import LoadSettings, Tree

if TYPE_CHECKING:
    from sieve_jobs.spec.parse import ParsedFile


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
            _freeze_once()
            gc.enable()


@cache
def _freeze_once() -> None:
    """Remembered here: the collector counts what is frozen one by one to say whether anything is."""
    gc.freeze()


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


def _are_settled(parsed: ParsedFile, read_at: int) -> bool:
    return is_settled(parsed.stamp, read_at) and all(is_settled(stamp, read_at) for _, stamp, _ in parsed.files)


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
            problems.append(
                Diagnostic(Code.STANDS_TWICE, message, place(row), hint="set another 'name'", also=(place(earlier),))
            )
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
            problems.append(Diagnostic(Code.SAVES_COLLIDE, message, place(row), hint=hint, also=(place(earlier),)))
    return problems


def _by_row(saving: tuple[Row, str]) -> tuple[str, int]:
    return saving[0][3], saving[0][4]


def _by_place(problem: Diagnostic) -> tuple[str, int, int, str]:
    place = problem.place or Place("")
    return (place.path, place.line, place.column, problem.code)
