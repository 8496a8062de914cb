"""Which file system a path lies on, read from the kernel's list of mounts: a state needs a disk of this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import StateError
from sieve_jobs.state.problems import shown

NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4",
        "ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "vboxsf",
        "fuse.ceph", "fuse.cifs", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs",
        "fuse.mount.davfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "fuse.vmhgfs-fuse",
    }
)  # fmt: skip
"""File systems that several machines can write at once. SQLite's log needs memory that all its writers share:
https://sqlite.org/wal.html, "All processes using a database must be on the same host computer"."""

_OCTAL = re.compile(r"\\([0-7]{3})")


def file_system_of(path: str, mounts: str) -> str:
    """The type of the file system that the absolute *path* lies on, as *mounts* tells it; empty if it does not.

    *mounts* is the text of /proc/self/mountinfo: `36 35 98:0 / /mnt rw shared:1 - ext4 /dev/sda rw`, spaces in
    paths as \\040. Source: proc_pid_mountinfo(5). The longest mount point that holds the path counts, and of two
    over one another the later.
    """
    kind, longest = "", -1
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields, types = before.split(" "), after.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
        inside = path == point or path.startswith(point if point.endswith("/") else f"{point}/")
        if inside and len(point) >= longest:
            kind, longest = types[0], len(point)
    return kind


def read_mounts() -> str:
    """The kernel's list; empty on a system without one."""
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def refuse_network(path: Path, mounts: Callable[[], str] | None = None) -> None:
    """Raises StateError if *path* lies on a network file system. *mounts* gives another list than the kernel's."""
    kind = file_system_of(str(path.parent.resolve()), (mounts or read_mounts)())
    if kind in NETWORK:
        raise StateError(
            Diagnostic(
                Code.STATE_ON_NETWORK,
                f"the state '{shown(path)}' lies on a network file system ({kind}), which several machines may write",
                hint="set `state` of the target to a path on a disk of this machine",
            )
        )
