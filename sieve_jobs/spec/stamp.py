"""Stamp: what tells without reading it that a file has the bytes it had."""

from __future__ import annotations

import os
import struct
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int, int, int]
"""Size, mtime, inode and ctime (ns): a file with an equal stamp has the bytes it had."""

_PACKED = struct.Struct("<4Q").pack


def stamp_of(status: os.stat_result) -> Stamp:
    return (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)


def packed(stamp: Stamp) -> bytes:
    """*stamp* as the parse cache keeps it: 32 bytes are read back three times as fast as four integers."""
    return _PACKED(*stamp)


def packed_of(status: os.stat_result) -> bytes:
    """`packed(stamp_of(status))` in one step, for the loop over all files of a tree."""
    return _PACKED(status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
