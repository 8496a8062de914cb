"""Entry of the command `sieve-jobs`: answers a bare `version` at once, hands all else to the command line."""

from __future__ import annotations

import sys


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
    from sieve_jobs.cli.main import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
