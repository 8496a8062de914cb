"""Entry of the command `sieve-jobs`: answers a bare `version` at once, hands all else to the command line."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn


def command() -> NoReturn:
    """The process of one command line, ended at once: all that must be closed has been.

    Taking an interpreter down object by object takes 4 ms, and looking for garbage while modules load takes 3.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        _begin_in_utf8()
    gc.set_threshold(50_000, 20, 20)
    code = main()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


def _begin_in_utf8() -> NoReturn:
    """This command line once more, with the names of files read as UTF-8, as git keeps them, whatever the locale says.

    Names of files are names of specs: read otherwise, all of them would be other specs, and be pushed again. What is
    written goes on as the locale says.
    """
    environ = {**os.environ, "PYTHONUTF8": "1"}
    if sys.stdout is not None:
        environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], environ)  # noqa: S606


def main() -> int:
    """Runs the command line of this process; returns its exit code."""
    arguments = sys.argv[1:]
    if arguments in (["version"], ["--version"]) and sys.stdout is not None:
        from sieve_jobs import __version__

        try:
            sys.stdout.write(f"sieve-jobs {__version__}\n")
            sys.stdout.flush()
        except OSError:
            pass  # the full path below knows how to end without a reader
        else:
            return 0
    try:
        from sieve_jobs.cli.main import run

        return run(arguments)
    except KeyboardInterrupt:  # while it was being loaded, or told of its end
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    command()
