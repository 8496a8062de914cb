"""A tree of specs with a parse cache."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sieve_jobs.spec.cache import ParseCache, is_settled
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.stamp import stamp_of
from sieve_jobs.spec.tree import LoadSettings, Tree
from sieve_jobs.spec.variables import Variables
from tests.project import write
from tests.spec.loading import settings

FILES = {
    "jobspecs/plain.yaml": "function: me/one\ninputs: {x: 1}\n",
    "jobspecs/reads.yaml": "function: me/two\ninputs: {v: '${V}', d: '${D:-d}'}\nenv: {K: '${A_KEY}', W: '${W}'}\n",
    "jobspecs/shows/two.yml": "function: me/one\n---\nname: second\nid: x\n",
    "jobspecs/shows/clip.yaml": "function: me/three\ninputs: {clip: {file: ../../clips/link.mp4}}\n",
    "jobspecs/empty.yaml": "# nothing yet\n",
    "clips/a.mp4": "clip a",
    "clips/b.mp4": "clip b",
}
ENVIRON = {"V": "one", "W": "w", "A_KEY": "s3cret", "OTHER": "x"}
SOURCES = {"me/one": "1", "me/two": "2", "me/four": "4"}
ALL = {"plain", "reads", "shows/two", "second", "shows/clip"}


class Cached:
    """A tree of specs with a cache, and what a load of it parsed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.given: dict[str, Any] = {"variables": Variables(environ=ENVIRON), "sources": SOURCES}
        self.cache = root / "cache.db"

    def write(self) -> None:
        write(self.root, FILES)
        (self.root / "clips" / "link.mp4").symlink_to("a.mp4")

    def settings(self, **changes: object) -> LoadSettings:
        return settings(self.root, **(self.given | changes))

    def load(self, **changes: object) -> Tree:
        given = self.settings(**changes)
        tree = load_tree(given, ParseCache(self.cache, basis=given.basis()))
        # Whatever the cache says, it is what the files say.
        fresh = load_tree(given, None)
        assert (sorted(tree.wanted), tree.problems, tree.files) == (sorted(fresh.wanted), fresh.problems, fresh.files)
        return tree

    def settle(self) -> None:
        """Waits until every file is old enough to be trusted."""
        deadline = time.monotonic() + 10
        while not all(
            is_settled(stamp_of(path.stat()), time.time_ns()) for path in self.root.rglob("*") if path.exists()
        ):
            assert time.monotonic() < deadline
            time.sleep(0.005)
