"""Interest: which paths wake a watch, and which folders have to be looked at to see them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

SPEC_SUFFIXES = (".yaml", ".yml")
DEFAULTS = frozenset({"_defaults.yaml", "_defaults.yml"})


@dataclass(frozen=True)
class Interest:
    """What a project is made of. Paths are absolute and, but for their last part, free of links."""

    root: str
    files: frozenset[str] = frozenset()
    """Files that count by themselves: config, `.env`, files that specs name, there or not."""
    spec_folders: frozenset[str] = frozenset()
    """Folders whose spec files and sub-folders count, there or not."""
    code_folders: frozenset[str] = frozenset()
    """The same for Python files."""
    ignored: tuple[str, ...] = ()
    """Folders in which nothing counts, whatever else is said: what the tool itself writes."""
    outputs: tuple[re.Pattern[str], ...] = ()
    """Paths that jobs save to: a spec that names one as its input would else run again by its own end."""
    _ways: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        places = {*self.spec_folders, *self.code_folders}
        ways = {way for place in (*places, *self.files) for way in _way(self.root, place)}
        object.__setattr__(self, "_ways", frozenset(ways | places) - self.files)

    @property
    def folders(self) -> frozenset[str]:
        """Folders to look at, there or not: those that hold something, and all on the way to them."""
        return self._ways | {self.root}

    def wakes(self, path: str, is_folder: Callable[[str], bool]) -> bool:
        """Whether a change of *path* may mean something. *is_folder* tells of one that is there."""
        if any(path == folder or path.startswith(folder + "/") for folder in self.ignored):
            return False
        if any(output.fullmatch(path) for output in self.outputs):
            return False
        if path in self.files or (path in self._ways and path != self.root):
            return True
        folder, _, name = path.rpartition("/")
        in_specs, in_code = folder in self.spec_folders, folder in self.code_folders
        if in_specs and name.endswith(SPEC_SUFFIXES):
            return name[0] not in "._" or name in DEFAULTS
        if in_code and name.endswith(".py"):
            return name[0] != "."
        return (in_specs or in_code) and name[:1] not in ("", ".", "_") and is_folder(path)


def _way(root: str, place: str) -> Iterable[str]:
    """The folders between *root* and *place*, both left out; none for a place outside."""
    parents = [str(parent) for parent in PurePosixPath(place).parents]
    return parents[: parents.index(root)] if root in parents else parents[:1]
