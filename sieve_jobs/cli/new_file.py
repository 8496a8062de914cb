"""A file that a verb writes into somebody's project, never over one that is there."""

from __future__ import annotations

from pathlib import Path


def write_new(path: Path, text: str) -> bool:
    """Writes *path* unless something is there; whether it did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True
