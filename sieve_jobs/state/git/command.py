"""git as a subprocess: no shell, no prompt, no hooks, bounded in time, out of reach of the terminal's Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOCAL_SECONDS = 120.0
"""For commands that touch this machine's disk alone."""
NETWORK_SECONDS = 60.0
"""For one look at the remote, or one push."""
FETCH_SECONDS = 300.0
"""For the first fetch of a large state."""

_QUIET = (
    # Hooks are for people's commits and pushes: a pre-push hook that runs tests is not for a state.
    "-c", "core.hooksPath=/dev/null",
    "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "advice.fetchShowForcedUpdates=false",
    "-c", "push.gpgSign=false", "-c", "protocol.version=2", "-c", "core.quotePath=false",
)  # fmt: skip
_OF_ANOTHER_REPOSITORY = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_TRACE", "GIT_TRACE_CURL",
    "GIT_CURL_VERBOSE", "GIT_TRACE_PACKET",
})  # fmt: skip
"""What a hook that started us has set for its own repository, and traces, which show credentials."""
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/@\s']+@")
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^?\s']+)\?[^\s']*")
_TELLING = re.compile(r"(?:fatal|error|remote|ssh)\b|.*(?:denied|refused|not found|could not|unable)", re.IGNORECASE)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended, or was ended."""

    code: int
    out: bytes
    said: str
    """What stderr tells people, in one line, without credentials."""
    in_time: bool = True

    @property
    def text(self) -> str:
        return os.fsdecode(self.out)


def run_git(
    folder: Path, environ: Mapping[str, str], arguments: Sequence[str], *, given: bytes = b"", seconds: float
) -> Done:
    """Runs git in *folder*; killed with all it started after *seconds*. Raises OSError where there is no git."""
    process = subprocess.Popen(
        ["git", *_QUIET, *arguments], cwd=folder, env=_environ(environ), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(given, timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        process.communicate()
        return Done(-signal.SIGKILL, b"", f"git {arguments[0]} gave no answer in {seconds:g} s", in_time=False)
    except BaseException:
        _kill(process)
        process.communicate()
        raise
    return Done(process.returncode, out, telling(err.decode(errors="replace")))


def telling(err: str) -> str:
    """The lines of git's *err* that tell what went wrong, as one, shortened, without user, password or query."""
    lines = [line.strip() for line in err.replace("\r", "\n").splitlines() if line.strip()]
    chosen = [line for line in lines if _TELLING.match(line)] or lines[-1:]
    joined = "; ".join(dict.fromkeys(chosen))
    return _QUERY.sub(r"\1", _USERINFO.sub(r"\1", joined))[:_LONGEST]


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GCM_INTERACTIVE": "never",
        "LC_ALL": "C",
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
