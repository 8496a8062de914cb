"""Jobs that the state could not take: kept in a file, else on the screen, so that `state recover` can bring them in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sieve_jobs.cli.answering import Outcome
from sieve_jobs.cli.context import Session
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode
from sieve_jobs.render.quantity import count
from sieve_jobs.state.recover import Unrecorded

MOST_NAMES = 100
"""Names that are tried in the project's folder: a file of an earlier run that failed is never written over."""


@dataclass(frozen=True, slots=True)
class Rescued:
    """Where the jobs are now, told as a problem; *text* is what has to go to stdout, as no file could hold it."""

    problem: Diagnostic
    text: str = ""


def kept(session: Session, outcome: Outcome) -> Outcome:
    """*outcome*, with the jobs that the state could not take put somewhere else; that is a problem of the run."""
    result = outcome.result
    if result.unrecorded is None:
        return outcome
    rescued = rescue(session, result.unrecorded)
    told = replace(result, problems=(*result.problems, rescued.problem), codes=result.codes | {ExitCode.ERROR})
    return replace(outcome, result=told, spilled=rescued.text)


def rescue(session: Session, unrecorded: Unrecorded) -> Rescued:
    """Writes the jobs to `recover-<serial>.jsonl` in the project, else to the temporary folder."""
    jobs = count(len(unrecorded.answers), "job")
    told = f"could not record {jobs} in the state of '{session.target.name}'; "
    command = f"sieve-jobs state recover {{}} -t {session.target.name}"
    temporary = Path(session.environ.get("TMPDIR") or tempfile.gettempdir())
    for write in (_into_project, _into_temporary):
        folder = session.root if write is _into_project else temporary
        try:
            path = write(folder, unrecorded)
        except OSError:
            continue
        shown = path.name if folder is session.root else str(path)
        hint = f"see to the state's disk, then: {command.format(shown)}"
        return Rescued(Diagnostic(Code.RESULTS_NOT_RECORDED, f"{told}written to '{shown}'", hint=hint))
    hint = f"keep the lines that begin with {{, see to the disk, then give them to: {command.format('-')}"
    problem = Diagnostic(
        Code.RESULTS_NOT_RECORDED, f"{told}no file could be written either, so stdout has them", hint=hint
    )
    return Rescued(problem, unrecorded.text)


def _into_project(folder: Path, unrecorded: Unrecorded) -> Path:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    for name in _names(unrecorded.serial):
        with suppress(FileExistsError):
            path = folder / name
            return _write(path, unrecorded.text, lambda path=path: os.open(path, flags, 0o600))  # type: ignore[misc]
    raise FileExistsError


def _into_temporary(folder: Path, unrecorded: Unrecorded) -> Path:
    """Others write there too: under a name that nobody can guess."""
    descriptor, name = tempfile.mkstemp(".jsonl", f"recover-{unrecorded.serial}-", folder)
    return _write(Path(name), unrecorded.text, lambda: descriptor)


def _names(serial: int) -> Iterator[str]:
    yield f"recover-{serial}.jsonl"
    yield from (f"recover-{serial}-{number}.jsonl" for number in range(2, MOST_NAMES))


def _write(path: Path, text: str, opened: Callable[[], int]) -> Path:
    """Whole and durable, or not there."""
    descriptor = opened()
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            left = memoryview(text.encode())
            while left:
                left = left[file.write(left) :]
            os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
    return path
