"""A process with mounts of its own, or without root's leave to read everything: what tests of disks and rights need."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import pytest

_OVERRIDES = (1 << 1) | (1 << 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
_VERSION_3 = 0x20080522
_CLONE_NEWNS = 0x00020000
RDONLY, REMOUNT, BIND, _REC, _PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 1 << 18
"""Flags of mount(2)."""


def require_mounts() -> None:
    """Skips a test that this user may not mount for."""
    words = ("unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt")
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this user may not mount")


def own_mounts() -> None:
    """Gives this process, a child of a test, mounts of its own: they are gone when it ends."""
    if _libc().unshare(_CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", Path("/"), None, _REC | _PRIVATE)


def mount(source: str, target: Path, kind: str | None, flags: int = 0, data: str = "") -> None:
    words = (source.encode(), str(target).encode(), kind and kind.encode(), flags, data.encode() or None)
    if _libc().mount(*words):
        raise OSError(ctypes.get_errno(), f"mount {target}")


def unmount(target: Path) -> None:
    if _libc().umount2(str(target).encode(), 0):
        raise OSError(ctypes.get_errno(), f"umount {target}")


def make_read_only(folder: Path) -> None:
    """Has this process see *folder* on a read-only disk."""
    own_mounts()
    mount(str(folder), folder, None, BIND)
    mount("none", folder, None, BIND | REMOUNT | RDONLY)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def obey_modes() -> None:
    """From now on this process, root's too, may open only what modes let its user open: called in a child."""
    if os.geteuid() != 0:
        return
    libc = _libc()
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) or _without(sets) or libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def _without(sets: ctypes.Array[ctypes.c_uint32]) -> int:
    for index in range(3):  # effective, permitted, inheritable
        sets[index] &= ~_OVERRIDES & 0xFFFFFFFF
    return 0
