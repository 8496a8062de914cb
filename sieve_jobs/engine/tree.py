"""Finding and killing everything a worker started, also what left its process group or its session.

A worker and what it starts carry a marker in their environment. A process belongs to a worker if it has the
marker, is in the worker's group or session, or descends from one that does.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MARKER = "SIEVE_JOBS_WORKER"
"""Its value is `<engine's marker>.<worker's own>`, both hexadecimal."""
STOPPED = "T"
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PIECE = 65_536
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Process:
    """One running process. *started* tells it from a later one with the same pid."""

    pid: int
    parent: int
    group: int
    session: int
    started: float
    marker: str
    state: str = "S"
    """The kernel's letter; T is stopped by a signal."""
    resident: int = 0
    """Bytes in memory, shared ones included."""


def tree_of(
    processes: Iterable[Process], marker: str, leader: int | None, found_before: Iterable[Process] = ()
) -> list[Process]:
    """Those that belong to the worker whose marker begins with *marker*, and whose group *leader* leads.

    Those *found_before* still do: what tied them to it may have ended meanwhile.
    """
    before = {(process.pid, process.started) for process in found_before}
    children: defaultdict[int, list[Process]] = defaultdict(list)
    pending: list[Process] = []
    for process in processes:
        children[process.parent].append(process)
        in_group = leader is not None and leader in (process.group, process.session)
        is_marked = bool(marker) and process.marker.startswith(marker)
        if in_group or is_marked or (process.pid, process.started) in before:
            pending.append(process)
    found: dict[int, Process] = {}
    while pending:
        process = pending.pop()
        if process.pid not in found:
            found[process.pid] = process
            pending.extend(children.get(process.pid, ()))
    return list(found.values())


def running(*, marked: bool = True) -> list[Process]:
    """Every process of this user that is not a zombie, without markers if *marked* is false, which is half the cost.

    Takes some milliseconds; call it off the event loop.
    """
    if (_PROC / "self" / "environ").exists():
        return [process for pid in _pids() if (process := _read(pid, marked=marked))]
    return _running_elsewhere()


def kill_tree(marker: str, leader: int | None, number: int, found_before: Iterable[Process] = ()) -> list[Process]:
    """Sends a signal to all of a tree but this process itself; which they were. 0 as *number* only looks."""
    tree = tree_of(running(), marker, leader, found_before)
    found = [process for process in tree if process.pid != os.getpid()]
    for process in found:
        if _still(process):
            _send(process.pid, number)
    return found


def end_tree(marker: str, leader: int, found_before: Iterable[Process] = ()) -> list[Process]:
    """Kills all of a tree, one that grows as fast as it can too: what is stopped starts nothing more. Who it was.

    Bounded in rounds; the caller asks again until nobody is found.
    """
    found = list(found_before)
    for _ in range(_ROUNDS):
        found = tree_of(running(), marker, leader, found)
        fresh = [process for process in found if process.state != STOPPED]
        for process in fresh:
            _send(process.pid, signal.SIGSTOP)
        if not fresh:
            break
    return kill_tree(marker, leader, signal.SIGKILL, found)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended meanwhile, or is not ours to end
        os.kill(pid, number)


def _still(process: Process) -> bool:
    """Whether the pid is still the process that was found."""
    if not _PROC.joinpath("self").exists():
        return True
    now = _read(str(process.pid))
    return now is not None and now.started == process.started


def _pids() -> list[str]:
    return [name for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208 -- see _content


def _read(pid: str, *, marked: bool = True) -> Process | None:
    try:
        stat = _content(f"/proc/{pid}/stat").decode("utf-8", "replace")
        environ = _content(f"/proc/{pid}/environ") if marked else b""
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 22 or fields[0] in {"Z", "X"}:
        return None
    return Process(
        pid=int(pid),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        started=float(fields[19]),
        marker=_marker(environ),
        state=fields[0],
        resident=int(fields[21]) * _PAGE,
    )


def _content(path: str) -> bytes:
    """A file of /proc. They are read for every process every second: a Path and a file object cost three times this."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        pieces = []
        while piece := os.read(descriptor, _PIECE):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _marker(environ: bytes) -> str:
    name = MARKER.encode() + b"="
    found = next((entry for entry in environ.split(b"\0") if entry.startswith(name)), name)
    return found[len(name) :].decode("ascii", "replace")


def _running_elsewhere() -> list[Process]:
    """The same where there is no /proc."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            environ: Mapping[str, str] = process.environ()
            found.append(
                Process(
                    pid=process.pid,
                    parent=process.ppid(),
                    group=os.getpgid(process.pid),
                    session=os.getsid(process.pid),
                    started=process.create_time(),
                    marker=environ.get(MARKER, ""),
                    state=STOPPED if process.status() == psutil.STATUS_STOPPED else "S",
                    resident=process.memory_info().rss,
                )
            )
        except (psutil.Error, OSError):
            continue
    return found
