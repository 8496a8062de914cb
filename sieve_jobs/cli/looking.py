"""Looking: the project as it is now, for one round of a watch; of what is broken, the last good is kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from sieve_jobs.cli.connection import required_key
from sieve_jobs.cli.context import Kept, Session
from sieve_jobs.codes import Code
from sieve_jobs.config import CONFIG_NAME
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import GuardedError
from sieve_jobs.source import FunctionSources, function_folders, read_functions
from sieve_jobs.spec.tree import Tree
from sieve_jobs.watch.functions import Usable, usable
from sieve_jobs.watch.interest import Interest

_PLACEHOLDER = re.compile(r"(\{[a-z]+\})")


@dataclass(frozen=True, slots=True)
class FarSideOf:
    """What decides which far side a session speaks to: another one of these needs another client, or engine."""

    target: str
    endpoint: str
    key: str | None
    state: str
    functions: tuple[str, ...] = ()
    owner: str = ""


def far_side_of(session: Session) -> FarSideOf:
    target, project = session.target, session.config.project
    if target.is_local:
        state = str(session.state_path)
        return FarSideOf(target.name, target.endpoint, None, state, project.functions, project.owner)
    return FarSideOf(target.name, target.endpoint, session.api_key, str(session.state_path))


def anew(session: Session) -> Session:
    """The same run, which reads everything again but its root."""
    return replace(session, kept=Kept(root=session.root))


def as_configured(session: Session) -> Session:
    """The same run, which reads specs and functions again, but neither config nor `.env`."""
    return replace(session, kept=Kept(root=session.root, config=session.config, dotenv=session.dotenv))


def require_watchable(session: Session, *, remote: bool) -> None:
    """Raises what is wrong with config, target, key and `.env`, and GuardedError for a remote target not meant."""
    target = session.target
    if not target.is_local and not remote:
        raise GuardedError(
            Diagnostic(
                Code.WATCH_OF_REMOTE,
                f"refused: watch would push every save to '{target.name}' ({target.endpoint}); nothing was sent",
                hint="if that is meant: --remote; without it watch is for the local target",
            )
        )
    _ = session.state_path, session.dotenv
    if not target.is_local:
        required_key(session)


def with_functions(session: Session, last: Usable | None) -> tuple[Session, Usable]:
    """The session with functions that can be used: of what is broken just now those in *last*."""
    if not session.target.is_local:
        return session, Usable(FunctionSources({}, ()))
    folders = [session.root / folder for folder in session.config.project.functions]
    found = usable(read_functions(folders), last)
    return replace(session, kept=replace(session.kept, functions=found.sources)), found


def function_problems(session: Session, found: Usable) -> list[Diagnostic]:
    """What is wrong with files of functions, as it is shown."""
    return [
        Diagnostic(Code.FUNCTIONS_UNREADABLE, what, Place(_shown(session, os.fspath(file)), line or 0),
                   hint="what it held before stays in use; specs that use it are pushed once it is mended")
        for file, line, what in found.problems
    ]  # fmt: skip


def interest_of(session: Session, tree: Tree, sources: FunctionSources, ignored: Sequence[str]) -> Interest:
    """Which paths matter to the session's project as it is now. *ignored* are absolute folders."""
    base, project = os.fspath(session.root), session.config.project
    real = cache(os.path.realpath)

    def known_as(paths: Iterable[str]) -> Iterable[str]:
        """Each by its name in a folder free of links, and by what it leads to."""
        for path in paths:
            folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - keeps links, which is what is meant
            yield os.path.join(real(folder), name)  # noqa: PTH118 - for many files at each round
            yield os.path.realpath(path)

    code: set[str] = set()
    data: set[str] = set()
    if session.target.is_local:
        folders = [session.root / folder for folder in project.functions]
        code = {os.fspath(folder) for folder in (*folders, *function_folders(folders))}
        code |= {os.fspath(file.parent) for function in sources.functions.values() for file in function.files}
        data = {os.fspath(file) for function in sources.functions.values() for file in function.data}
    specs = [f"{base}/{folder}" for folder in (*project.specs, *tree.folders)]
    return Interest(
        root=real(base),
        files=frozenset(known_as([*config_paths(session), *tree.local_files(), *data])),
        spec_folders=frozenset(known_as(specs)),
        code_folders=frozenset(known_as(code)),
        ignored=tuple(known_as(ignored)),
        outputs=tuple(_saved_as(real(base), pattern) for _, pattern in tree.saves),
    )


def _saved_as(root: str, pattern: str) -> re.Pattern[str]:
    """Every path that a `save` may put something at: `out/{index}{ext}`."""
    forms = {"{index}": "[0-9]+", "{ext}": r"(\.[^/]*)?"}
    parts = (forms.get(part, "[^/]+") if part[:1] == "{" else re.escape(part) for part in _PLACEHOLDER.split(pattern))
    return re.compile(re.escape(f"{root}/") + "".join(parts))


def config_paths(session: Session) -> frozenset[str]:
    """The files that decide where everything goes: the config, and `.env`, which may hold the key."""
    root = os.path.realpath(session.root)
    names = (f"{root}/{CONFIG_NAME}", f"{root}/.env")
    return frozenset([*names, *map(os.path.realpath, names)])


def stamps(paths: Iterable[str]) -> dict[str, tuple[int, int, int] | None]:
    """What tells that each of *paths* was written since; None for one that is not there."""
    found: dict[str, tuple[int, int, int] | None] = {}
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - beside the other paths, which are text
        except OSError:
            found[path] = None
        else:
            found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _shown(session: Session, path: str) -> str:
    root = os.path.realpath(session.root) + "/"
    return path.removeprefix(root)


def shown_paths(session: Session, paths: Iterable[str]) -> list[str]:
    """Changed paths as people are shown them: from the root where they lie below it."""
    return sorted(_shown(session, path) for path in paths)
