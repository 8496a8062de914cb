"""The engine's folder, `.sieve-jobs/engine`: its paths, its key, the lock that elects, and the endpoint file."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sieve_jobs.engine.hooksign import HOOK_SECRET_VARIABLE, parse_secrets

KEY_VARIABLE = "SIEVE_JOBS_ENGINE_KEY"
HEALTH, STATE = "/healthz", "/x/engine"
"""Routes that `launch` asks an engine on: whether it is the one expected, and, with the key, what it is."""
ELECTED_ELSEWHERE = 75
"""Exit status of an engine that found another one running: EX_TEMPFAIL."""
_SHORTEST_KEY = 16
_KEY_FORM = f"at least {_SHORTEST_KEY} printable ASCII characters"


class HomeError(RuntimeError):
    """The engine's folder cannot be used as it is. The message says why and what to do, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the engine of a project answers. Written to a file of mode 0600; holds no secret."""

    url: str
    instance: str
    """A new random id for each engine process; GET /healthz tells it too."""
    pid: int


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one engine. *folder* is `.sieve-jobs/engine` below the project's root."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "engine.db"

    @property
    def key_file(self) -> Path:
        return self.folder / "key"

    @property
    def endpoint_file(self) -> Path:
        return self.folder / "endpoint"

    @property
    def lock_file(self) -> Path:
        """Held by the one engine that runs."""
        return self.folder / "lock"

    @property
    def users_file(self) -> Path:
        """Shared by everyone the engine must not end under."""
        return self.folder / "users"

    @property
    def files(self) -> Path:
        """Output files: `<job id>/<file id>/<name>`."""
        return self.folder / "files"

    @property
    def environments(self) -> Path:
        """What is installed for functions: one virtual environment for each set of packages."""
        return self.folder / "environments"

    @property
    def scratch(self) -> Path:
        """Temporary folders of workers, one each; empty when none runs."""
        return self.folder / "tmp"


def home_of(root: Path) -> Home:
    """The engine's home below a project's root; nothing is created."""
    return Home(root / ".sieve-jobs" / "engine")


def make_home(root: Path) -> Home:
    """Creates the folders, 0700, and the `.gitignore` above them. Raises HomeError."""
    home = home_of(root)
    outer = home.folder.parent
    try:
        for folder in (outer, home.folder, home.files, home.scratch):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = outer / ".gitignore"
        if not ignore.exists():
            _write_private(ignore, "*\n")
    except OSError as error:
        raise HomeError(f"could not create '{home.folder}': {error.strerror}") from error
    for folder in (outer, home.folder, home.files, home.scratch):
        _require_private(folder)
    return home


def read_key(home: Home, environ: Mapping[str, str]) -> str | None:
    """The key: from the environment, else from its file; None if there is neither. Raises HomeError."""
    given = environ.get(KEY_VARIABLE)
    if given is not None:
        if not _is_key(given):
            raise HomeError(f"{KEY_VARIABLE} must be {_KEY_FORM}")
        return given
    try:
        _require_private(home.key_file)
        key = home.key_file.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    if not _is_key(key):
        raise HomeError(f"'{home.key_file}' does not hold {_KEY_FORM}; delete it and a new key is made")
    return key


def read_hook_keys(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """The keys that sign webhooks; none if the variable is not set. Raises HomeError."""
    try:
        return parse_secrets(environ.get(HOOK_SECRET_VARIABLE, ""))
    except ValueError as error:
        raise HomeError(str(error)) from error


def _is_key(text: str) -> bool:
    """Whether *text* arrives in a header as it is: blanks around it would not."""
    return len(text) >= _SHORTEST_KEY and text.isascii() and text.isprintable() and text == text.strip()


def read_or_make_key(home: Home, environ: Mapping[str, str]) -> str:
    """The key, made at the first start: 256 random bits. Call it while holding the lock. Raises HomeError."""
    key = read_key(home, environ)
    if key is None:
        import secrets

        key = secrets.token_urlsafe(32)
        _write_private(home.key_file, key + "\n")
    return key


def read_endpoint(home: Home) -> Endpoint | None:
    """What the endpoint file says; None if there is no readable one. Whether that engine lives is not known."""
    try:
        values = json.loads(home.endpoint_file.read_text(encoding="utf-8"))
        endpoint = Endpoint(str(values["url"]), str(values["instance"]), int(values["pid"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return endpoint if endpoint.url.startswith("http://127.0.0.1:") else None


def write_endpoint(home: Home, endpoint: Endpoint) -> None:
    """Replaces the endpoint file in one step."""
    _write_private(home.endpoint_file, json.dumps(asdict(endpoint)) + "\n")


def forget_endpoint(home: Home) -> bool:
    """Removes the endpoint file; whether there was one, which at a start means the last engine was killed."""
    try:
        home.endpoint_file.unlink()
    except FileNotFoundError:
        return False
    return True


def clear_scratch(home: Home) -> None:
    """Removes what workers of a killed engine left in their temporary folders."""
    shutil.rmtree(home.scratch, ignore_errors=True)
    home.scratch.mkdir(mode=0o700, exist_ok=True)


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Takes a lock on *path* without waiting: an open descriptor to close later, or None if another holds it.

    The lock dies with the process; descriptors are not inherited, so no worker keeps it alive.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether another process holds *path* exclusively."""
    descriptor = try_lock(path, shared=True)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _write_private(path: Path, text: str) -> None:
    """Writes a file of mode 0600 in one step; readers see the old content or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def _require_private(path: Path) -> None:
    """Refuses what others could have written, and a file others can read."""
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise HomeError(f"'{path}' belongs to another user")
    forbidden = 0o022 if stat.S_ISDIR(found.st_mode) else 0o077
    if found.st_mode & forbidden:
        raise HomeError(f"'{path}' is open to other users; run: chmod go= '{path}'")
