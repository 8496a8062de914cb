"""Where the engine's own troubles are told: standard error, which `launch` and `serve` lead to a log."""

from __future__ import annotations

import sys
import traceback


def report(trouble: str) -> None:
    """One line, whole: several threads may tell at once. *trouble* holds no secret."""
    sys.stderr.write(trouble + "\n")


def report_error(where: str) -> None:
    """The exception being handled, with its traceback."""
    sys.stderr.write(f"{where}\n{traceback.format_exc()}")
