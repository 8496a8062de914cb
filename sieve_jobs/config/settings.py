"""What a config says, as frozen data: the project, its targets, and their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CONFIG_NAME = "sieve-jobs.toml"
STATE_FOLDER = ".sieve-jobs"
LOCAL = "local"
"""The endpoint that stands for the embedded engine, and the name of the default target."""
GIT = "git"
"""The `state` of a target that is shared through the project's git remote."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(B|[kKMGT]B|[KMGT]iB)")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
LONGEST = 366 * 86400.0
"""Seconds; a longer duration is a slip of the pen and would overflow timers."""


@dataclass(frozen=True, slots=True)
class Project:
    """The table `[project]`: what all targets share. Paths are relative to the root, as written."""

    specs: tuple[str, ...] = ("jobspecs",)
    functions: tuple[str, ...] = ("functions",)
    owner: str = "me"
    """Author of local functions: `me/thumbnails`."""
    secrets: tuple[str, ...] | None = None
    """Name patterns of secret variables; None is the default of spec/variables.py."""
    public: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineTable:
    """The table `[engine]`: what the embedded engine does that is not the usual."""

    allow_private: tuple[str, ...] = ()
    """Private addresses that webhooks may be sent to: `10.0.0.0/8`, `192.168.1.5:9000`."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may use its API from a browser."""
    webhook_shape: str = "object"
    """How webhooks write outputs: `object`, or `pairs` as some receivers of Sieve's have it."""
    install: bool = True
    """Whether python_packages that functions declare are installed, in environments of their own."""
    keep: float | None = None
    """Seconds after which the engine removes by itself what has ended; None keeps everything."""
    workers: int | None = None
    """Worker processes at once; of this and what follows None is the engine's default."""
    time_limit: float | None = None
    """Seconds of an attempt at a job."""
    memory_limit: int | None = None
    """Bytes of a worker and all it started."""
    process_limit: int | None = None
    """Processes of a worker."""
    idle_limit: float | None = None
    """Seconds that a worker without jobs is kept."""
    queue_limit: int | None = None
    """Queued jobs beyond which pushes are refused."""
    disk_full: float | None = None
    """Share of the disk from which on pushes are refused, if less than `disk_spare` is left too."""
    disk_spare: int | None = None
    """Bytes."""
    webhook_retries: int | None = None
    """Attempts at a webhook after the first."""


@dataclass(frozen=True, slots=True)
class Target:
    """A table `[targets.NAME]`: where jobs go, and the state that belongs to it."""

    name: str
    endpoint: str
    """`local`, or the base url without a trailing slash."""
    api_key_env: str = "SIEVE_API_KEY"
    """Name of the variable that holds the key."""
    state: str | None = None
    """Path of the state file as written, or `git`; None is the local default."""
    concurrency: int = 8
    allow_env: tuple[str, ...] | None = None
    """Patterns of what specs may read; None is the default of spec/variables.py."""
    max_pushes: int | None = None
    """More than this many pushes are refused without a terminal; None is no limit."""
    wait: float | None = None
    """Seconds `apply` follows what it pushed; None is to the end."""
    settle: float | None = None
    """Seconds after which a push that is found nowhere may be sent again; None holds it."""
    ignore_query: tuple[str, ...] = ()
    vars: Mapping[str, str] = field(default_factory=dict, repr=False)
    store_name: str | None = None
    """Name of the default state file without extension, where it is not the target's."""
    lineage: str | None = None
    """Which shared state is meant; None where the config does not say."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """The local function that runs the jobs of another one, by the function asked for; see stand_ins.py."""

    @property
    def is_local(self) -> bool:
        """Whether jobs go to the embedded engine."""
        return self.endpoint == LOCAL

    @property
    def in_git(self) -> bool:
        """Whether the state lies on a ref of the project's git remote."""
        return self.state == GIT

    def state_path(self, root: Path) -> Path:
        """Absolute path of the state file; of its copy, where the state is shared."""
        if self.in_git:
            return root / STATE_FOLDER / f"{self.name}.copy.db"
        if self.state is not None:
            return root / Path(self.state).expanduser()
        return root / STATE_FOLDER / f"{self.store_name or self.name}.db"


@dataclass(frozen=True, slots=True)
class Config:
    """A project's config, whole. Without a file, all defaults."""

    project: Project = field(default_factory=Project)
    targets: Mapping[str, Target] = field(default_factory=dict)
    """By name; always holds `local`."""
    exists: bool = False
    """Whether there is a sieve-jobs.toml."""
    engine: EngineTable = EngineTable()

    @property
    def remotes(self) -> tuple[str, ...]:
        """Names of the targets that are not the embedded engine, in order of the file."""
        return tuple(name for name, target in self.targets.items() if not target.is_local)


def parse_duration(text: str) -> float:
    """Seconds in `90s`, `30m`, `1h30m`, `250ms`, or a bare number of seconds.

    Raises ValueError for anything else, and for more than 366 days.
    """
    written = text.strip()
    if _DURATION.fullmatch(written):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(written))
    elif re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", written):
        seconds = float(written)
    else:
        raise ValueError("not a duration")
    if seconds > LONGEST:
        raise ValueError("longer than 366 days")
    return seconds


def parse_size(text: str) -> int:
    """Bytes in `512MiB`, `1.5GB` or `100B`: units of 1000, and of 1024 with an i.

    Raises ValueError for anything else, and for more than 2^53 bytes.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a size")
    unit = match[2]
    exponent = " KMGT".index(unit[0].upper()) if len(unit) > 1 else 0
    size = int(float(match[1]) * (1024 if "i" in unit else 1000) ** exponent)
    if size > 2**53:
        raise ValueError("more than there is")
    return size
