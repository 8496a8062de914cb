"""Processes that tests start, kill and starve: `python -m tests.state.child MODE ARGUMENTS`. They answer in lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sieve_jobs.errors import LockedError, StateError
from sieve_jobs.state.lock import hold, this_process
from sieve_jobs.state.sqlite import SqliteStore, open_store
from sieve_jobs.state.writes import ClearIntent, JobStatus, PutEntry, PutIntent, PutPast
from sieve_jobs.wire import Status
from tests.state.samples import NOON, entry, intent


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


def commit_for_ever(path: Path) -> None:
    """One push after another, as apply records them, each commit told once it is acknowledged."""
    with open_store(path) as store:
        _commit_on(store, lambda _: False)


def commit_and_close(path: Path, rounds: int) -> None:
    """The same, but the state is closed and opened again all the time."""
    for _ in range(rounds):
        with open_store(path) as store:
            serial = store.load().header.serial
            _commit_on(store, lambda now, until=serial + 3: now >= until)  # type: ignore[misc]


def _commit_on(store: SqliteStore, enough: Callable[[int], bool]) -> None:
    serial = store.load().header.serial
    while not enough(serial):
        # The states that commit n leaves: an intent after the first of three, the entry after the second, its end then.
        number, phase = divmod(serial, 3)
        name, uuid = f"spec-{number % 50}", f"uuid-{number}"
        if phase == 0:
            serial = store.commit([PutIntent(intent(uuid, name=name))], serial)
        elif phase == 1:
            before = store.get([name]).get(name)
            put = entry(name, status=Status.QUEUED, job=f"job-{number}")
            past = [PutPast(before.past())] if before else []
            serial = store.commit([ClearIntent(uuid), PutEntry(put), *past], serial)
        else:
            store.commit([JobStatus(f"job-{number}", Status.FINISHED)], None)
            serial = store.commit([PutEntry(entry(name, job=f"job-{number}"))], serial)
        say(serial=serial)


def hold_lock(path: Path) -> None:
    """Takes the lock or says why not; holds it until its input ends."""
    owner = this_process("apply --target prod", os.environ, datetime.now(UTC))
    try:
        with hold(path, owner=owner, timeout=0.0):
            say(held=owner.pid)
            sys.stdin.read()
    except LockedError as error:
        say(code=error.diagnostics[0].code, message=error.diagnostics[0].message)


def fill_the_disk(folder: Path) -> None:
    """Commits until the disk is full, in the order that matters; tells what each kind of commit met."""
    state = folder / ".sieve-jobs"
    state.mkdir(mode=0o700)
    path = state / "prod.db"
    with open_store(path, now=lambda: NOON) as store:
        serial = store.commit([PutIntent(intent("first"))], 0)
        _fill(folder / "filler")
        intents = 1
        while True:
            try:
                serial = store.commit([PutIntent(intent(f"more-{intents}"))], serial)
            except StateError as error:
                say(begun=intents, refused=error.diagnostics[0].code, reserve=_reserve(path))
                break
            intents += 1
        recorded = 0
        left = 10
        while left:
            left -= not _reserve(path)
            put = replace(entry(f"spec-{recorded}"), error="x" * 2000)
            serial = store.commit([PutEntry(put), PutPast(put.past())], serial)
            recorded += 1
        say(recorded=recorded, reserve=_reserve(path))
        try:
            store.commit([PutIntent(intent("after"))], serial)
        except StateError as error:
            say(refused=error.diagnostics[0].code)
    with open_store(path, read_only=True) as store:
        state_now = store.load()
        say(serial=state_now.header.serial, entries=len(store.names()), intents=len(state_now.intents))


def find_the_disk_full(folder: Path) -> None:
    """A state that is there, a disk that is full: what the first intent of a run meets."""
    (folder / ".sieve-jobs").mkdir(mode=0o700)
    path = folder / ".sieve-jobs" / "prod.db"
    with open_store(path) as store:
        store.commit([PutEntry(entry())], 0)
    _fill(folder / "filler")
    try:
        with open_store(path) as store:
            store.commit([PutIntent(intent("first"))], 1)
    except StateError as error:
        say(refused=error.diagnostics[0].code)
    with open_store(path, read_only=True) as store:
        say(serial=store.load().header.serial, intents=len(store.load().intents))


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue


def _reserve(path: Path) -> bool:
    return Path(f"{path}-reserve").exists()


def meet_a_failing_disk(path: Path) -> None:
    """Commits under a disk that fails at some point; tells what each of two commits met after the first failure."""
    with open_store(path) as store:
        serial = store.load().header.serial
        say(opened=serial)
        for number in range(100):
            try:
                serial = store.commit([PutEntry(entry(f"spec-{number}"))], serial)
            except StateError as error:
                first = error
                break
            say(serial=serial)
        else:
            return
        try:
            store.commit([PutEntry(entry("after"))], serial)
        except StateError as error:
            say(first=first.diagnostics[0].message, second=error.diagnostics[0].message)


def read_and_try_to_write(path: Path) -> None:
    """What a process without the right to write meets."""
    with open_store(path, read_only=True) as store:
        say(names=store.names(), serial=store.load().header.serial)
    try:
        open_store(path)
    except StateError as error:
        say(refused=error.diagnostics[0].code)
    try:
        with hold(path.with_suffix(".lock"), owner=this_process("apply", os.environ, NOON), timeout=0.0):
            say(locked=True)
    except StateError as error:
        say(lock=error.diagnostics[0].code)


MODES: dict[str, Callable[[Path], None]] = {
    "commit": commit_for_ever,
    "reopen": lambda path: commit_and_close(path, 40),
    "hold": hold_lock,
    "fill": fill_the_disk,
    "full": find_the_disk_full,
    "failing": meet_a_failing_disk,
    "read": read_and_try_to_write,
}


def main() -> None:
    MODES[sys.argv[1]](Path(sys.argv[2]))


if __name__ == "__main__":
    main()
