"""`sieve-jobs.toml` to Config: every problem of the file in one go, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sieve_jobs.codes import Code
from sieve_jobs.config import kinds
from sieve_jobs.config.kinds import Kind, LaterError
from sieve_jobs.config.settings import CONFIG_NAME, GIT, LOCAL, Config, EngineTable, Project, Target
from sieve_jobs.diagnostic import Diagnostic, Place, did_you_mean
from sieve_jobs.errors import InvalidError

if TYPE_CHECKING:
    from sieve_jobs.config import places

PROJECT_KEYS: Mapping[str, Kind] = {
    "specs": kinds.texts,
    "functions": kinds.texts,
    "owner": kinds.owner,
    "secrets": kinds.texts,
    "public": kinds.texts,
}
TARGET_KEYS: Mapping[str, Kind] = {
    "endpoint": kinds.endpoint,
    "api_key_env": kinds.variable,
    "state": kinds.state,
    "lineage": kinds.lineage,
    "concurrency": kinds.concurrency,
    "allow_env": kinds.texts,
    "max_pushes": kinds.count,
    "wait": kinds.duration,
    "settle": kinds.duration,
    "ignore_query": kinds.texts,
    "vars": kinds.variables,
    "stand_ins": kinds.table,
}
ENGINE_KEYS: Mapping[str, Kind] = {
    "allow_private": kinds.allowances,
    "cors_origins": kinds.origins,
    "webhook_shape": kinds.shape,
    "install": kinds.switch,
    "keep": kinds.duration,
    "workers": kinds.workers,
    "time_limit": kinds.limit,
    "memory_limit": kinds.memory,
    "process_limit": kinds.processes,
    "idle_limit": kinds.limit,
    "queue_limit": kinds.queue,
    "disk_full": kinds.share,
    "disk_spare": kinds.size,
    "webhook_retries": kinds.retries,
}
LATER_TARGET_KEYS = frozenset({"max_cost", "uploads", "keep"})
GUARDED_VALUES = frozenset({"api_key_env", "endpoint", "state", "vars"})
"""Keys whose value is never shown when it is wrong: a key or a password may have been put there."""
REMOTE_PUSHES = 50
"""Pushes without a terminal on a remote target, where the config does not say."""

_LARGEST = 1 << 20
"""Bytes; a config beyond this is not one."""
_TARGET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
_TABLES = ("project", "targets", "engine")
_RESERVED = frozenset({"cache", "key"})
"""Names that files in .sieve-jobs already have."""
_SYNTAX = re.compile(
    r"(?P<message>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)


def read_config(root: Path) -> Config:
    """The config of the project at *root*; all defaults where there is no file.

    Raises InvalidError with every problem of the file.
    """
    try:
        with (root / CONFIG_NAME).open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return Config(targets={LOCAL: Target(LOCAL, LOCAL)})
    except OSError as error:
        why = error.strerror or "unreadable"
        raise InvalidError(
            Diagnostic(Code.CONFIG_UNREADABLE, f"could not read the config: {why.lower()}", Place(CONFIG_NAME))
        ) from error
    if len(raw) > _LARGEST:
        raise InvalidError(Diagnostic(Code.CONFIG_UNREADABLE, "the config is larger than 1 MiB", Place(CONFIG_NAME)))
    return parse_config(raw)


def parse_config(raw: bytes) -> Config:
    """The config in *raw*, the bytes of the file. Raises InvalidError with every problem."""
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InvalidError(
            Diagnostic(Code.CONFIG_UNREADABLE, f"not UTF-8: byte {error.start} of the file", Place(CONFIG_NAME))
        ) from error
    return _Reader(text, _load(text)).config()


def _load(text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(_syntax_problem(text, str(error))) from error
    except (RecursionError, ValueError) as error:
        raise InvalidError(
            Diagnostic(Code.CONFIG_UNREADABLE, "not valid TOML: nested too deeply or out of range", Place(CONFIG_NAME))
        ) from error


def _syntax_problem(text: str, message: str) -> Diagnostic:
    """tomllib's message with its place. The line is not shown: a stray quote may have put a secret on it."""
    match = _SYNTAX.fullmatch(message)
    said = match["message"] if match else message
    if match and match["line"]:
        place = Place(CONFIG_NAME, int(match["line"]), int(match["column"]))
    else:
        from sieve_jobs.config.places import line_column

        place = Place(CONFIG_NAME, *line_column(text, len(text)))
    return Diagnostic(Code.CONFIG_UNREADABLE, f"not valid TOML: {said[:1].lower()}{said[1:]}", place)


class _Reader:
    """Checks one decoded document, collecting problems as it goes."""

    def __init__(self, text: str, document: Mapping[str, Any]) -> None:
        self._text = text
        self._document = document
        self._problems: list[Diagnostic] = []

    def config(self) -> Config:
        for name in self._document:
            if name not in _TABLES:
                self._unknown((name,), "key", _TABLES)
        project = self._settings(("project",), PROJECT_KEYS, frozenset())
        engine = self._settings(("engine",), ENGINE_KEYS, frozenset())
        targets = self._targets()
        if self._problems:
            raise InvalidError(*sorted(self._problems, key=_position))
        return Config(Project(**project), targets, exists=True, engine=EngineTable(**engine))

    def _targets(self) -> Mapping[str, Target]:
        found: dict[str, Target] = {}
        tables = self._table(("targets",))
        for name in tables:
            if not _TARGET_NAME.fullmatch(name) or name.lower() in _RESERVED:
                self._wrong_key(
                    ("targets", name),
                    f"'{name}' cannot name a target",
                    "letters, digits, '-', '_' and '.', not 'cache' or 'key'",
                )
                continue
            settings = self._settings(("targets", name), TARGET_KEYS, LATER_TARGET_KEYS)
            target = self._target(name, settings, isinstance(tables[name], dict))
            if target is not None:
                found[name] = target
        found.setdefault(LOCAL, Target(LOCAL, LOCAL))
        return found

    def _target(self, name: str, settings: dict[str, Any], is_table: bool) -> Target | None:
        place = ("targets", name)
        written = self._table(place) if is_table else {}
        if name == LOCAL:
            if settings.setdefault("endpoint", LOCAL) != LOCAL:
                self._wrong_value(
                    (*place, "endpoint"), "the target 'local' is the embedded engine", 'endpoint = "local"',
                    hint="give this endpoint a target of its own, such as [targets.prod]",
                )  # fmt: skip
        elif is_table and "endpoint" not in written:
            self._wrong_key(place, f"target '{name}' has no endpoint", f'endpoint = "https://…", or "{LOCAL}"')
        self._check_shared(place, settings, written)
        if "stand_ins" in settings:
            self._check_stand_ins((*place, "stand_ins"), settings)
        if "endpoint" not in settings:
            return None
        if settings["endpoint"] != LOCAL:
            settings.setdefault("max_pushes", REMOTE_PUSHES)
        return Target(name=name, **settings)

    def _check_shared(self, place: places.Path, settings: dict[str, Any], written: Mapping[str, Any]) -> None:
        """A state that is shared, and what goes with it alone."""
        shared = settings.get("state") == GIT
        if shared and settings.get("endpoint") == LOCAL:
            self._wrong_value(
                (*place, "state"), "the engine's jobs live on this machine, so their state cannot be shared", "a path",
                hint='state = "git" is for a target whose endpoint is a url',
            )  # fmt: skip
        elif shared and (".." in place[-1] or place[-1].endswith((".", ".lock"))):
            self._wrong_key(place, f"'{place[-1]}' cannot be the name of a git ref", "a name without '..' and '.lock'")
        elif not shared and "lineage" in settings and ("state" in settings or "state" not in written):
            self._wrong_key(
                (*place, "lineage"), "'lineage' says which shared state is meant", 'state = "git" beside it'
            )

    def _check_stand_ins(self, place: places.Path, settings: Mapping[str, Any]) -> None:
        """Stand-ins, which are for the engine alone: elsewhere the jobs of one function would be paid as another's."""
        from sieve_jobs.config.stand_ins import wrong_lines

        if settings.get("endpoint", LOCAL) != LOCAL:
            self._wrong_key(
                place, f"'stand_ins' is for the embedded engine, and '{place[1]}' is elsewhere", 'endpoint = "local"',
                hint="a function that a remote target is to run is named in the spec",
            )  # fmt: skip
            return
        for wrong in wrong_lines(settings["stand_ins"]):
            tell = self._wrong_key if wrong.at_key else self._wrong_value
            tell((*place, wrong.asked), wrong.message, wrong.expected, hint=wrong.hint)

    def _settings(self, place: places.Path, known: Mapping[str, Kind], later: frozenset[str]) -> dict[str, Any]:
        """The settings of one table that are right; what is wrong is a problem."""
        settings: dict[str, Any] = {}
        for name, value in self._table(place).items():
            here = (*place, name)
            if name in later:
                self._later(here, f"'{name}'")
            elif name not in known:
                self._unknown(here, f"key in [{'.'.join(place)}]:", known)
            else:
                try:
                    settings[name] = known[name](value)
                except LaterError:
                    self._later(here, "a state other than a path or git", value=True)
                except ValueError as error:
                    self._wrong_value(here, f"'{name}' is not valid", str(error))
        return settings

    def _table(self, place: places.Path) -> Mapping[str, Any]:
        value: Any = self._document
        for step in place:
            value = value.get(step, {})
        if isinstance(value, dict):
            return value
        self._wrong_value(place, f"'{'.'.join(place)}' is not a table", f"[{'.'.join(place)}]")
        return {}

    def _unknown(self, path: places.Path, what: str, known: Iterable[str]) -> None:
        hint = did_you_mean(path[-1], known)
        self._wrong_key(path, f"unknown {what} '{path[-1]}'", ", ".join(known), code=Code.UNKNOWN_CONFIG_KEY, hint=hint)

    def _later(self, path: places.Path, what: str, *, value: bool = False) -> None:
        place = self._value_place(path) if value else self._key_place(path)
        self._problems.append(
            Diagnostic(Code.CONFIG_NOT_SUPPORTED, f"{what} is not supported yet", place, hint="remove it")
        )

    def _wrong_key(
        self,
        path: places.Path,
        message: str,
        expected: str,
        *,
        code: Code = Code.WRONG_CONFIG_VALUE,
        hint: str | None = None,
    ) -> None:
        self._problems.append(Diagnostic(code, message, self._key_place(path), expected, hint))

    def _wrong_value(self, path: places.Path, message: str, expected: str, *, hint: str | None = None) -> None:
        self._problems.append(Diagnostic(Code.WRONG_CONFIG_VALUE, message, self._value_place(path), expected, hint))

    @cached_property
    def _spots(self) -> Mapping[places.Path, places.Spot]:
        """Where each key stands; looked for once something is wrong."""
        from sieve_jobs.config.places import locate

        return locate(self._text)

    def _key_place(self, path: places.Path) -> Place | None:
        spot = self._spots.get(path)
        return Place(CONFIG_NAME) if spot is None else self._place(spot.key, spot.key_end)

    def _value_place(self, path: places.Path) -> Place | None:
        spot = self._spots.get(path)
        if spot is None or spot.value is None or spot.value_end is None:
            return self._key_place(path)
        return self._place(spot.value, spot.value_end, whole=path[-1] not in GUARDED_VALUES)

    def _place(self, start: int, end: int, *, whole: bool = False) -> Place:
        """A place whose text ends with the key, as the value may be a secret put there by mistake, or is *whole*."""
        from sieve_jobs.config.places import line_column

        line, column = line_column(self._text, start)
        first = start - column + 1
        stop = self._text.find("\n", first)
        shown = self._text[first : stop if stop >= 0 else len(self._text)]
        sign = shown.find("=")
        own = shown.lstrip().startswith("stand_ins")  # names of functions, and nothing else stands on that line
        if sign >= 0 and not own and not (whole and "{" not in shown):
            shown = f"{shown[: sign + 1]} …"
        width = min(end - start, len(shown) - column + 1)
        return Place(CONFIG_NAME, line, column, shown.expandtabs(1), max(width, 1))


def _position(problem: Diagnostic) -> tuple[int, int]:
    place = problem.place
    return (place.line, place.column) if place else (0, 0)
