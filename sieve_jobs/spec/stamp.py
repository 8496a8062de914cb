"""Stamp: what tells without reading it that a file has the bytes it had."""

from __future__ import annotations

import os
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int, int, int]
"""Size, mtime, inode and ctime (ns): a file with an equal stamp has the bytes it had."""


def stamp_of(status: os.stat_result) -> Stamp:
    return (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
