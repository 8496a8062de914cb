"""What the machine has and has left: memory, kills for want of it, disk, GPUs. Thin readers, pure parsers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_NVIDIA_SMI_SECONDS = 10.0


def memory_total() -> int:
    """Bytes this process and its children may use at most: the machine's, or less where its cgroup says so."""
    pages: int = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [pages]
    for folder in _memory_groups():
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _text(folder / name).strip()
            limits += [int(text)] if text.isdigit() else []
    return min(limits)


def oom_kills() -> int:
    """Processes the kernel has killed for want of memory so far, in this cgroup where it counts them, else all.

    0 where nothing tells.
    """
    for folder in _memory_groups():
        for name in ("memory.events", "memory.oom_control"):
            counted = count_named(_text(folder / name), "oom_kill")
            if counted is not None:
                return counted
    return count_named(_text(Path("/proc/vmstat")), "oom_kill") or 0


def tasks() -> int:
    """Threads of the whole machine, at the cost of one small file; 0 where nothing tells."""
    fields = _text(Path("/proc/loadavg")).split()
    count = fields[3].partition("/")[2] if len(fields) > 3 else ""
    return int(count) if count.isdigit() else 0


def private_memory(pid: int) -> int | None:
    """Bytes of a process that could not be dropped and read again; what it shares counts by its share.

    A model that is mapped from its file, or that ten forks hold together, is so not counted ten times. None where
    the kernel does not tell. It walks the page tables: some milliseconds for a large process.
    """
    text = _text(Path(f"/proc/{pid}/smaps_rollup"))
    sizes = [count_named(text, name) for name in ("Pss_Anon:", "Pss_Shmem:")]
    return None if None in sizes else sum(size or 0 for size in sizes) * 1024


def disk_space(folder: Path) -> tuple[float, int]:
    """How full the disk is, from 0 to 1 as `df` has it, and the bytes that are left for a user."""
    found = os.statvfs(folder)
    used = found.f_blocks - found.f_bfree
    usable = used + found.f_bavail
    return (used / usable if usable else 1.0), found.f_bavail * found.f_frsize


def gpu_count() -> int:
    """How many GPUs nvidia-smi lists; 0 where there is no such program or no driver."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, check=True, timeout=_NVIDIA_SMI_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith(b"GPU ") for line in told.stdout.splitlines())


def count_named(text: str, name: str) -> int | None:
    """The number after *name* in lines of `name number …`."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0] == name and fields[1].isdigit():
            return int(fields[1])
    return None


def memory_group(cgroup: str) -> tuple[str, str] | None:
    """(hierarchy, path) of the memory controller in the text of /proc/self/cgroup; hierarchy "" is version 2."""
    unified = None
    for line in cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return "memory", path
        if not controllers:
            unified = ("", path)
    return unified


def _memory_groups() -> Iterator[Path]:
    """Folders that may tell of the memory of this process's cgroup: its own, and as a container sees it."""
    found = memory_group(_text(Path("/proc/self/cgroup")))
    if found is not None:
        hierarchy, path = found
        yield _CGROUPS / hierarchy / path.lstrip("/")
        yield _CGROUPS / hierarchy


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
