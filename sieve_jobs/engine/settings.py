"""What an engine is started with: where, which functions, how many workers, and its limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sieve_jobs.engine.pairs import OBJECT

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations are seconds, sizes bytes. What a config does not set, tests shorten."""

    root: Path
    """The project's root: `.sieve-jobs/engine` is below it."""
    functions: tuple[Path, ...] = ()
    owner: str = "me"
    workers: int = 2
    """How many worker processes run at once; 0 serves the API alone."""
    port: int = 0
    """0 takes any free one."""
    installs: bool = True
    """Whether python_packages that functions declare are installed, in environments; else what is here must do."""
    ends_with_users: bool = False
    """End when standard input closes and nobody holds the `users` lock; otherwise a signal ends the engine."""

    cancel_grace: float = 10.0
    """From TERM to KILL for a cancelled job. Source: contract section 4."""
    end_grace: float = 3.0
    """The same when the engine ends."""
    await_longest: float = 600.0
    file_ttl: int = 172_800
    """How long a signed file URL holds. Source: Sieve's are signed for 48 h."""
    body_limit: int = 50 * MEBIBYTE
    """Of a request, and of a frame between engine and worker. Source: Sieve's message cap of 50 MB."""
    body_deadline: float = 60.0
    upload_limit: int = 10_000_000_000
    """Of a file sent to an upload URL. Source: the range Sieve's SDK sends with its uploads."""
    upload_ttl: int = 3_600
    """How long an upload URL holds. Source: contract section 9."""
    head_limit: int = 16 * 1024
    """Of a request's line and headers."""
    head_deadline: float = 10.0
    connections: int = 512
    """At once. Beyond it the oldest on which nothing is being answered is closed, else the new one is refused."""
    wrong_keys: float = 5.0
    """Requests with a wrong key that are answered a second; further ones wait."""
    depth_limit: int = 72
    """Nesting of a JSON body: the 64 levels of a spec, and what a push puts around them."""
    watch_every: float = 1.0
    """How often the engine looks at the processes that run jobs."""
    lease: float = 10.0
    """How long a worker may be paused before its job is taken from it."""
    time_limit: float = 18_000.0
    """How long an attempt at a job may take, import and setup included. Source: Sieve's SDK waits 5 h by default."""
    memory_limit: int = 0
    """Of a worker and all it started, without what can be read from a file again; 0 is nine tenths of the machine's."""
    process_limit: int = 1024
    """The same, counted in processes."""
    outputs_count: int = 100_000
    outputs_size: int = 512 * MEBIBYTE
    """Of one job's outputs together, as JSON; files are not counted."""
    queue_limit: int = 100_000
    """Queued jobs beyond which pushes are refused."""
    disk_full: float = 0.95
    disk_spare: int = 10 * 1024 * MEBIBYTE
    """Pushes and output files are refused on a disk that is so full and has less than that left."""
    idle_longest: float = 600.0
    """How long a warm worker without jobs is kept."""
    gpus: int | None = None
    """GPUs to place workers on; None asks nvidia-smi."""
    cpu_ok: bool = True
    """A function that declares a GPU runs on a machine without one."""
    restart_limit: int = 3
    """How often a job whose worker died is run again before it ends in error."""
    describe_longest: float = 30.0
    """How long a request for a function waits for its module to be imported."""
    absence: float = 2.0
    """How long a queued job waits for a function that is missing: a file being saved may be half a program."""
    log_lines: int = 20_000
    log_bytes: int = 8 * MEBIBYTE
    """What is kept of one job's output; the rest is counted, not stored."""
    hook_retries: int = 10
    hook_first: float = 1.0
    """Delay before the first retry of a webhook; it doubles from there."""
    hook_longest: float = 600.0
    hook_timeout: float = 10.0
    hook_patience: float = 10.0
    """How long an engine that nobody uses any more stays for retries of webhooks, if its jobs are over."""
    hook_shape: str = OBJECT
    """How webhooks write outputs where the push does not say: one of `pairs.SHAPES`."""
    allow_private: tuple[str, ...] = ()
    """Addresses beside the public ones that webhooks may be sent to, as `addresses.parse_allowance` reads them."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may use the API from a browser, as `https://app.example` and nothing less exact."""
    key_retention: float = 30 * 86_400.0
    """How long an Idempotency-Key is remembered."""
    keep: float | None = None
    """How long what has ended is kept, where the engine removes it by itself; None removes nothing."""
    collect_first: float = 10.0
    """How long an engine runs before it removes anything: whoever started it may have come for what is old."""
    collect_every: float = 3_600.0
    """From one such round to the next, over restarts."""

    def as_json(self) -> str:
        values = asdict(self)
        values["root"] = str(self.root)
        values["functions"] = [str(folder) for folder in self.functions]
        return json.dumps(values)


def parse_settings(text: str) -> Settings:
    """Reads what `as_json` wrote. Raises ValueError for anything else."""
    values = json.loads(text)
    known = {field.name for field in fields(Settings)}
    if not isinstance(values, dict) or not values.keys() <= known or "root" not in values:
        raise ValueError("not the settings of an engine")
    values["root"] = Path(values["root"])
    for name in ("allow_private", "cors_origins"):
        values[name] = tuple(values.get(name, ()))
    values["functions"] = absolute(values["root"], [Path(folder) for folder in values.get("functions", ())])
    return Settings(**values)


def absolute(root: Path, folders: Sequence[Path]) -> tuple[Path, ...]:
    """*folders* seen from *root*."""
    return tuple(root / folder for folder in folders)
