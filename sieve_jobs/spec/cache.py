"""The parse cache: what an unchanged tree said last time, so that planning it again parses nothing.

It may be deleted at any time. It holds digests and names, never a value of a variable. One blob a folder, in two
parts, of which a plan that finds nothing changed reads the first alone:

    contexts, {file name: stamp}, local files, names, fingerprints, saves
    {file name: (context index, local files, [(name, digest, fingerprint, path, line)], saves)}

A context is what else the rows depend on: variables as set, empty or unset with a keyed tag, functions with the
hash of their source. A file whose time is as new as its reading is not remembered (git's "racily clean").
"""

from __future__ import annotations

import marshal
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from sieve_jobs import __version__
from sieve_jobs.spec.stamp import Stamp

Row: TypeAlias = tuple[str, str, str, str, int]
Context: TypeAlias = tuple[tuple[str, str], ...]
LocalFiles: TypeAlias = tuple[tuple[str, Stamp, str], ...]
Saves: TypeAlias = list[tuple[str, str]]
"""Names of specs that save, with their patterns (see save.py)."""
Record: TypeAlias = tuple[int, LocalFiles, list[Row], Saves]

_FORMAT = 4
_COARSE = 2_000_000_000
_FINE = 50_000_000
"""Nanoseconds by which a file must be older than its reading. Kernels stamp files with a clock that lags by up to
10 ms; file systems that keep whole seconds get two of them."""


class Folder:
    """What is remembered of one folder of specs."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []
        self.stamps: dict[str, bytes] = {}
        """By file name, packed."""
        self.files: list[LocalFiles] = []
        """Of all its files together."""
        self.names: list[str] = []
        self.fingerprints: list[str] = []
        """Of all its specs, in one order with *names*."""
        self.saves: Saves = []
        """Of all its specs that save; mostly none."""
        self._records: dict[str, Record] | bytes = {}
        """Bytes until somebody asks."""
        self._indexes: dict[Context, int] = {}

    @classmethod
    def unpacked(cls, body: bytes) -> Folder:
        """The folder of `pack`. Raises ValueError, EOFError or TypeError for what no folder is."""
        folder = cls()
        at = 4 + int.from_bytes(body[:4], "big")
        first = marshal.loads(body[4:at])  # noqa: S302 - our own 0600 file, checked; data only
        folder.contexts, folder.stamps, folder.files, folder.names, folder.fingerprints, folder.saves = first
        folder._records = body[at:]
        return folder

    def pack(self) -> bytes:
        first = marshal.dumps((self.contexts, self.stamps, self.files, self.names, self.fingerprints, self.saves))
        return len(first).to_bytes(4, "big") + first + marshal.dumps(self.records)

    @property
    def records(self) -> dict[str, Record]:
        """By file name. Raises as `unpacked` for bytes that are none."""
        if isinstance(self._records, bytes):
            self._records = dict(marshal.loads(self._records))  # noqa: S302 - as above
        return self._records

    def rows(self) -> Iterator[Row]:
        return (row for _, _, rows, _ in self.records.values() for row in rows)

    def put(  # noqa: PLR0917 - the parts of a record
        self, name: str, stamp: bytes, context: Context, files: LocalFiles, rows: list[Row], saves: Saves
    ) -> None:
        """Remembers what the file *name* said; *stamp*, and those of *files*, are settled. Once a name."""
        index = self._indexes.get(context)
        if index is None:
            index = self._indexes[context] = len(self.contexts)
            self.contexts.append(context)
        self.records[name] = (index, files, rows, saves)
        self.stamps[name] = stamp
        if files:
            self.files.append(files)
        self.names += [row[0] for row in rows]
        self.fingerprints += [row[2] for row in rows]
        self.saves += saves

    def keeping(self, names: set[str]) -> Folder:
        """The same for the files *names* alone, without contexts that nothing depends on any more."""
        kept = Folder()
        for name, (context, files, rows, saves) in self.records.items():
            if name in names:
                kept.put(name, self.stamps[name], self.contexts[context], files, rows, saves)
        return kept


def is_settled(stamp: Stamp, read_at: int) -> bool:
    """Whether a file with *stamp* cannot have been written again after *read_at* (ns) with the same stamp."""
    newest = max(stamp[1], stamp[3])
    return newest + (_COARSE if newest % 1_000_000_000 == 0 else _FINE) < read_at


class ParseCache:
    """The cache file. A missing, foreign, damaged or unwritable one is an empty one; nothing here ever fails."""

    def __init__(self, path: Path, *, basis: str) -> None:
        """*basis* names all that rows depend on besides their contexts; another basis forgets everything."""
        self._path = path
        self._basis = basis
        self._changed: dict[str, Folder | None] = {}
        self._folders = self._read()
        self._hashes: dict[str, tuple[Stamp, str]] | None = None

    def folder(self, path: str) -> Folder:
        """What is remembered of the folder *path*; an empty one if nothing is."""
        blob = self._folders.get(path)
        if blob is None:
            return Folder()
        try:
            if zlib.crc32(blob[4:]) != int.from_bytes(blob[:4], "big"):
                return Folder()
            return Folder.unpacked(blob[4:])
        except (ValueError, EOFError, TypeError):
            return Folder()

    def paths(self) -> set[str]:
        """Every folder that something is remembered of."""
        return set(self._folders)

    @property
    def size(self) -> int:
        """Bytes that are remembered."""
        return sum(map(len, self._folders.values()))

    def put(self, path: str, folder: Folder | None) -> None:
        """Remembers *folder* at the next `save`; None forgets it."""
        self._changed[path] = folder

    def hash_of(self, path: str, stamp: Stamp) -> str | None:
        """The sha256 of a local file that still has *stamp*, as any spec's record knows it."""
        if self._hashes is None:
            self._hashes = {}
            for name in self._folders:
                for files in self.folder(name).files:
                    self._hashes.update((file, (known, digest)) for file, known, digest in files)
        found = self._hashes.get(path)
        return found[1] if found is not None and found[0] == stamp else None

    def save(self) -> None:
        """Writes what was put since opening. Gives up silently where it cannot: the next run parses again."""
        if not self._changed:
            return
        rows: list[tuple[str, bytes]] = []
        for path, folder in self._changed.items():
            if folder is not None:
                body = folder.pack()
                rows.append((path, zlib.crc32(body).to_bytes(4, "big") + body))
        try:
            self._write(rows)
        except (sqlite3.Error, OSError, UnicodeError):  # a folder's name may be no text
            return
        self._changed.clear()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=0.2, isolation_level=None)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    def _read(self) -> dict[str, bytes]:
        try:
            if not self._path.stat().st_size:
                return {}
            connection = self._connect()
        except (sqlite3.Error, OSError):
            return {}
        try:
            row = connection.execute("SELECT basis FROM meta").fetchone()
            if row is None or row[0] != self._full_basis():
                return {}
            found: list[Any] = connection.execute("SELECT path, blob FROM folder").fetchall()
            return {path: blob for path, blob in found if isinstance(blob, bytes)}
        except sqlite3.Error:
            return {}
        finally:
            connection.close()

    def _write(self, rows: list[tuple[str, bytes]]) -> None:
        if not self._folders:
            # Another basis, damage, or none yet: begin anew rather than trusting anything of it.
            for leftover in ("", "-journal", "-wal", "-shm"):
                self._path.with_name(self._path.name + leftover).unlink(missing_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        connection = self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE IF NOT EXISTS meta (basis TEXT NOT NULL)")
            connection.execute("CREATE TABLE IF NOT EXISTS folder (path TEXT PRIMARY KEY, blob BLOB NOT NULL)")
            if connection.execute("SELECT basis FROM meta").fetchone() != (self._full_basis(),):
                # Another process may have begun it anew since we looked, and for another target.
                connection.execute("DELETE FROM folder")
                connection.execute("DELETE FROM meta")
                connection.execute("INSERT INTO meta VALUES (?)", (self._full_basis(),))
            gone = [(path,) for path, folder in self._changed.items() if folder is None]
            connection.executemany("DELETE FROM folder WHERE path = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO folder VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _full_basis(self) -> str:
        return f"{__version__} {_FORMAT}.{marshal.version} {self._basis}"


def contexts_hold(contexts: list[Context], fact_of: Callable[[str], str]) -> list[bool]:
    """For each context whether every fact in it is still so."""
    return [all(fact_of(name) == fact for name, fact in context) for context in contexts]
