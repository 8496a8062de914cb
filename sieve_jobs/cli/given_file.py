"""A file that the command line names: on the disk, or `-` for stdin."""

from __future__ import annotations

import sys
from pathlib import Path

STDIN = "-"


def read_given(file: str, most: int) -> bytes:
    """The content of *file*, of which no more than *most* bytes and one are read. Raises OSError."""
    if file == STDIN:
        return sys.stdin.buffer.read(most + 1)
    with Path(file).open("rb") as source:
        return source.read(most + 1)
