"""How text looks on a stream: colours, width and signs, told from the stream and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from sieve_jobs.render.style import Style


def style_of(stream: TextIO | None, environ: Mapping[str, str], *, no_color: bool = False) -> Style:
    """The style of *stream*: colours at a terminal alone, and not with NO_COLOR, TERM=dumb or --no-color."""
    terminal = stream is not None and stream.isatty()
    colour = terminal and not no_color and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    return Style(colour=colour, width=_width(stream) if terminal else 100, unicode=encoding.startswith("utf"))


def _width(stream: TextIO | None) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream is not None else 100
    except (OSError, ValueError):
        return 80
