"""How text looks on a stream of this process: its width, its encoding, and whether it is a terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from sieve_jobs.render.style import Style, style_for

PLAIN_WIDTH = 100
"""Columns where the stream is no terminal: a log or a file has no width of its own."""


def style_of(stream: TextIO | None, environ: Mapping[str, str], *, no_color: bool = False) -> Style:
    """The style of *stream*, one that shows everything where there is no stream."""
    if stream is None:
        return Style()
    terminal = stream.isatty()
    return style_for(
        environ,
        terminal=terminal,
        width=_columns(stream) if terminal else PLAIN_WIDTH,
        encoding=getattr(stream, "encoding", None) or "utf-8",
        no_color=no_color,
    )


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80  # some pseudo-terminals say 0
    except (OSError, ValueError):
        return 80
