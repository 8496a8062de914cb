"""A process of its own that has loaded everything, as a rule the command line: forked where its start is not the point.

It has its own environment, folder, streams and signals, and dies like any other. A start takes half a second of CPU,
most of a short test; tests of it start one (`project.py`).
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from sieve_jobs.__main__ import command
from tests.project import Ran, environment

LOADED = (
    "asyncio.subprocess", "httpx", "watchfiles", "sieve_jobs.cli.apply", "sieve_jobs.cli.pushing",
    "sieve_jobs.cli.watch", "sieve_jobs.cli.watching", "sieve_jobs.engine.launch", "sieve_jobs.push.run",
    "sieve_jobs.spec.parse", "sieve_jobs.state.git.store",
)  # fmt: skip
"""What a run imports on its way: once here instead of once in every child."""


def forked(
    root: Path,
    arguments: tuple[str, ...],
    environ: Mapping[str, str],
    prepare: Callable[[], object] = lambda: None,
    *,
    program: Callable[[], object] = command,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[str]:
    """Starts *program* on *arguments* in the folder *root*; *prepare* is called in the child first."""
    for name in LOADED:
        import_module(name)

    def run() -> None:
        # The parent goes on once its pipe to this child is closed; the others are no business of a command.
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        gc.freeze()
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = ["sieve-jobs", *arguments]
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(fd, mode) for fd, mode in ((0, "r"), (1, "w"), (2, "w")))
        try:
            prepare()
            program()
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    # Threads of a stand-in may run meanwhile: the child goes on without them, and takes no lock that they hold.
    return subprocess.Popen(
        [sys.executable], preexec_fn=run, cwd=root, stdin=stdin, stdout=subprocess.PIPE,  # noqa: PLW1509
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@contextmanager
def started(root: Path, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A process in the background; killed at the end if it still runs."""
    with forked(root, arguments, environment(**env)) as process:
        try:
            yield process
        finally:
            process.kill()


def run(root: Path, *arguments: str, **env: str) -> Ran:
    """The command line to its end."""
    with started(root, *arguments, **env) as process:
        out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)
