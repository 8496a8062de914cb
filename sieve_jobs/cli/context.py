"""Session: what one run speaks of: folder, config, target, variables, key, tree and state, gathered when asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias

from sieve_jobs.cli.streams import Streams
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import StateError, UsageError

if TYPE_CHECKING:
    from sieve_jobs.config import Config, Target
    from sieve_jobs.render.style import Style
    from sieve_jobs.source import FunctionSources
    from sieve_jobs.spec.cache import ParseCache
    from sieve_jobs.spec.tags import TagKey
    from sieve_jobs.spec.tree import LoadSettings, Tree
    from sieve_jobs.spec.variables import Variables
    from sieve_jobs.state.sqlite import SqliteStore

Form: TypeAlias = Literal["human", "json", "markdown", "github"]
"""For whom stdout is written."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the options that all verbs share said."""

    directory: str | None = None
    target: str | None = None
    form: Form = "human"
    no_color: bool = False
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run takes from an earlier one of the same process instead of reading it. None: it is read."""

    root: Path | None = None
    config: Config | None = None
    functions: FunctionSources | None = None
    dotenv: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Session:
    """One run. Nothing is read before it is asked for, and then once. Problems raise SieveJobsError."""

    invocation: Invocation
    environ: Mapping[str, str] = field(repr=False)
    streams: Streams
    working_folder: Path
    writes: bool = False
    """Whether this run may make what is missing on the disk: the state, its folder and its key."""
    kept: Kept = Kept()

    @classmethod
    def of_process(cls) -> Session:
        """The session of this process, before anything was said."""
        return cls(Invocation(), os.environ, Streams(sys.stdout, sys.stderr), Path.cwd())

    def saying(self, invocation: Invocation) -> Session:
        """The same run, told more."""
        return replace(self, invocation=invocation)

    @property
    def form(self) -> Form:
        return self.invocation.form

    @property
    def as_json(self) -> bool:
        return self.form == "json"

    def problems(self, *problems: Diagnostic) -> None:
        """Shows *problems* on stderr."""
        if not problems:
            return
        from sieve_jobs.render.problems import diagnostics

        self.streams.say(diagnostics(problems, self.style(self.streams.err)))

    def warnings(self, *found: Diagnostic) -> None:
        """Shows on stderr what went wrong and ended nothing."""
        if found:
            from sieve_jobs.render.problems import diagnostics

            self.streams.say(diagnostics(found, self.style(self.streams.err), word="warning"))

    def say_key_hint(self) -> None:
        """Says how a key that is set would be used, where jobs run locally without anybody having said so."""
        from sieve_jobs.config import key_hint

        line = key_hint(self.config, self.invocation.target, self.environ)
        if line is not None:
            self.streams.say(f"note: {line}")

    def style(self, stream: TextIO | None) -> Style:
        """How text looks on one of the streams."""
        from sieve_jobs.cli.look import style_of

        return style_of(stream, self.environ, no_color=self.invocation.no_color)

    @cached_property
    def start(self) -> Path:
        """The folder the run works in: the working folder, or `-C`."""
        given = self.invocation.directory
        if given is None:
            return self.working_folder
        folder = self.working_folder / Path(given).expanduser()
        if not folder.is_dir():
            raise UsageError(Diagnostic(Code.USAGE, f"-C: '{given}' is no folder"))
        return folder.resolve()

    @cached_property
    def root(self) -> Path:
        from sieve_jobs.config import find_root

        return self.kept.root or find_root(self.start)

    @cached_property
    def config(self) -> Config:
        from sieve_jobs.config import read_config

        return self.kept.config or read_config(self.root)

    @cached_property
    def target(self) -> Target:
        from sieve_jobs.config import choose_target

        return choose_target(self.config, self.invocation.target, self.environ)

    @cached_property
    def state_path(self) -> Path:
        """The target's state file. Raises InvalidError in CI where it would be lost with the runner."""
        from sieve_jobs.config import needs_shared_state

        needs_shared_state(self.target, self.environ)
        return self.target.state_path(self.root)

    @property
    def shown_state(self) -> str:
        """The state as people are shown it: a file is relative to the root where it lies below it."""
        if self.target.in_git:
            from sieve_jobs.cli.shared import shown_place

            return shown_place(self)
        path = self.state_path
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    @property
    def own_folder(self) -> Path:
        """`.sieve-jobs`, whether it is there or not."""
        from sieve_jobs.config import STATE_FOLDER

        return self.root / STATE_FOLDER

    def to_write(self) -> Session:
        """This run, now as one that writes: what it needs on the disk is made."""
        return replace(self, writes=True)

    @cached_property
    def key(self) -> TagKey | None:
        """The key of the state's tags; one that only reads has none before the first run that writes."""
        from sieve_jobs.state.folder import ensure_folder
        from sieve_jobs.state.key import ensure_key, read_key

        if self.writes:
            return ensure_key(ensure_folder(self.root), self.environ)
        return read_key(self.own_folder, self.environ)

    @cached_property
    def api_key(self) -> str | None:
        """The key of a remote target, from the environment or `.env`; None where it is not set."""
        name = self.target.api_key_env
        return self.environ.get(name) or self.dotenv.get(name) or None

    @cached_property
    def dotenv(self) -> Mapping[str, str]:
        """What `.env` beside the config says."""
        if self.kept.dotenv is not None:
            return self.kept.dotenv
        from sieve_jobs.config.env_file import read_env_file

        return read_env_file(self.root / ".env")

    @cached_property
    def variables(self) -> Variables:
        from sieve_jobs.spec.variables import DEFAULT_SECRETS, Variables

        project = self.config.project
        return Variables(
            cli=self.invocation.variables,
            target=self.target.vars,
            environ=self.environ,
            dotenv=self.dotenv,
            allow=self.target.allow_env,
            secrets=DEFAULT_SECRETS if project.secrets is None else project.secrets,
            public=project.public,
        )

    @cached_property
    def declared(self) -> FunctionSources:
        """The functions of the project, read without running them."""
        from sieve_jobs.source import read_functions

        if self.kept.functions is not None:
            return self.kept.functions
        return read_functions([self.root / folder for folder in self.config.project.functions])

    @cached_property
    def sources(self) -> Mapping[str, str] | None:
        """`author/name` to the hash of its source, for the local target; None for a remote one."""
        if not self.target.is_local:
            return None
        owner = self.config.project.owner
        return {f"{owner}/{name}": function.source_hash for name, function in self.declared.functions.items()}

    def load_settings(self) -> LoadSettings:
        from sieve_jobs.spec.tree import LoadSettings

        return LoadSettings(
            root=self.root,
            specs=self.config.project.specs,
            variables=self.variables,
            key=self.key,
            ignore_query=self.target.ignore_query,
            sources=self.sources,
            local=self.target.is_local,
            stand_ins=self.target.stand_ins,
            functions=self.config.project.functions,
        )

    @cached_property
    def tree(self) -> Tree:
        """Every spec of the project, from the parse cache where nothing changed. What is wrong stands in it."""
        from sieve_jobs.spec.load import load_tree

        settings = self.load_settings()
        return load_tree(settings, self._parse_cache(settings.basis()))

    def _parse_cache(self, basis: str) -> ParseCache | None:
        """The parse cache in `.sieve-jobs`, which is made where it can be; None where it cannot be trusted.

        Without any folder of specs there is nothing to remember: a command in the wrong folder leaves no trace there.
        """
        from sieve_jobs.spec.cache import ParseCache
        from sieve_jobs.state.folder import ensure_folder

        if not any((self.root / folder).is_dir() for folder in self.config.project.specs):
            return None
        try:
            return ParseCache(ensure_folder(self.root) / "cache.db", basis=basis)
        except StateError:
            return None

    def open_store(self, *, read_only: bool, new_state: bool = False, offline: bool = False) -> SqliteStore:
        """The target's state. The caller closes it.

        Of a shared one: with *new_state* it is made where it is not there, *offline* it is read as last seen here.
        """
        if self.target.in_git:
            from sieve_jobs.cli.shared import open_shared

            return open_shared(self, read_only=read_only, new_state=new_state, offline=offline)
        from sieve_jobs.state.sqlite import open_store

        return open_store(self.state_path, read_only=read_only)

    def known_names(self) -> Sequence[str]:
        """Names that the state knows, sorted; none without a state."""
        with self.open_store(read_only=True, offline=True) as store:
            return store.names()

    def chosen(self, words: Sequence[str], known: Mapping[str, str]) -> set[str]:
        """Names of *known* (name to path) that *words* mean, paths seen from the folder the run works in.

        Raises UsageError for a word without a match.
        """
        from sieve_jobs.spec.select import select

        return select([self._from_root(word, known) for word in words], known)

    def _from_root(self, word: str, known: Iterable[str]) -> str:
        if word in known or not word:
            return word
        path = Path(os.path.normpath(self.start / word))
        return path.relative_to(self.root).as_posix() if path.exists() and path.is_relative_to(self.root) else word
