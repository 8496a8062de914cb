"""A second process looks whether files still have their stamps while this one lists the folders.

Asking for 10,000 stamps takes most of what loading an unchanged tree takes, and one process asks no faster with
threads. What the other one does not confirm, for whatever reason, is looked at here.
"""

from __future__ import annotations

import marshal
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sieve_jobs.spec.cache import ParseCache
from sieve_jobs.spec.stamp import packed_of

LEAST = 500_000
"""Bytes of cache, some 2,000 files, below which a fork costs more than it saves: 2 to 3 ms."""
_SHARE = 3
"""The other process takes all but every third folder: listing and unpacking are left to this one."""


class SecondLook:
    """A look under way. `takes` says what it looks at; `confirmed` waits for what it found."""

    def __init__(self, folders: frozenset[str], pid: int, pipe: int) -> None:
        self.takes = folders
        self._pid = pid
        self._pipe = pipe

    def confirmed(self) -> frozenset[str]:
        """Those folders of which every remembered file has the stamp that is remembered."""
        with open(self._pipe, "rb", closefd=False) as pipe:
            said = pipe.read()
        try:
            return frozenset(marshal.loads(said))  # noqa: S302 - from a process of our own
        except (ValueError, EOFError, TypeError):  # it was killed before it had said all
            return frozenset()

    def end(self) -> None:
        os.close(self._pipe)
        os.waitpid(self._pid, 0)


@contextmanager
def second_look(root: str, cache: ParseCache | None, *, least: int) -> Iterator[SecondLook | None]:
    """A look at the files that *cache* remembers below *root*.

    None where it would not pay (less than *least* bytes of cache, one core), or where forking is not safe.
    """
    if cache is None or cache.size < least or not _may_fork():
        yield None
        return
    taken = [path for index, path in enumerate(sorted(cache.paths())) if index % _SHARE]
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        _answer(root, cache, taken, theirs)
    os.close(theirs)
    look = SecondLook(frozenset(taken), pid, ours)
    try:
        yield look
    finally:
        look.end()


def _may_fork() -> bool:
    return len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


def _answer(root: str, cache: ParseCache, folders: Sequence[str], pipe: int) -> None:
    """The other process, from its first step to its last: nothing of the one it was forked from may run in it."""
    try:
        found = [path for path in folders if _all_hold(f"{root}/{path}", cache.folder(path).stamps)]
        with open(pipe, "wb") as answer:
            answer.write(marshal.dumps(found))
    finally:
        os._exit(0)


def _all_hold(folder: str, known: dict[str, bytes]) -> bool:
    try:
        return {name: packed_of(os.stat(f"{folder}/{name}")) for name in known} == known  # noqa: PTH116
    except OSError:
        return False
