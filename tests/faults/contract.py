"""Contract C: what holds after a fault, whichever it was, looked at from outside.

The state opens and is sound, every push that the far side saw has its intent or its job there, whoever reads the
output is told with a code, and the same command run again leaves exactly one job for each spec.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sieve_jobs.errors import ExitCode, SieveJobsError
from sieve_jobs.state.sqlite import open_store
from tests.cloud import Cloud
from tests.project import Project, spec

CODES = {code.value for code in ExitCode}


@dataclass(frozen=True)
class Verdict:
    """What was found wrong; all empty where the contract holds."""

    lost: tuple[str, ...] = ()
    """Specs whose push nobody knows of any more, or that have no job after the second run."""
    twice: tuple[str, ...] = ()
    """Specs with more than one job."""
    unreadable: str = ""
    """Why the state could not be read."""
    said: str = ""
    """What is wrong with what people are told."""
    in_doubt: int = field(default=0, compare=False)
    """Pushes that were left in doubt: no fault, but what the next run has to settle."""

    @property
    def holds(self) -> bool:
        return self == Verdict()


def project_of(root: Path, cloud: Cloud, count: int, settings: str = 'settle = "300ms"') -> Project:
    """*count* specs for the stand-in, told apart by their width."""
    project = Project(root, cloud.url, settings)
    for width in range(count):
        project.write(f"clip-{width}.yaml", spec(width=width, video={"url": f"https://cdn.example.com/{width}.mp4"}))
    return project


def after(project: Project, cloud: Cloud) -> Verdict:
    """What holds of the state that a run left, whatever ended it."""
    cloud.settle()
    try:
        jobs, intents = _known(project.root / ".sieve-jobs" / "prod.db")
    except (SieveJobsError, sqlite3.Error, AssertionError) as error:
        return Verdict(unreadable=str(error) or repr(error))
    sent = {f"clip-{push.json['inputs']['width']}" for push in cloud.pushes}
    unknown = sent - jobs.keys() - set(intents)
    made = {job.id for job in cloud.jobs}
    invented = {name for name, job_id in jobs.items() if job_id not in made}
    return Verdict(lost=tuple(sorted(unknown | invented)), twice=tuple(_twice(cloud)), in_doubt=len(intents))


def again(project: Project, cloud: Cloud, count: int, runs: int = 1) -> Verdict:
    """Runs the same command again, *runs* times at most, and says what it could not put right."""
    for _ in range(runs):
        ran = project.apply("--json")
        if ran.code == 0:
            break
    cloud.settle()
    twice = tuple(_twice(cloud))
    if ran.code != 0:
        return Verdict(twice=twice, said=f"run again it ends with {ran.code}: {ran.all[-2000:]}")
    try:
        jobs, intents = _known(project.root / ".sieve-jobs" / "prod.db")
    except (SieveJobsError, sqlite3.Error, AssertionError) as error:
        return Verdict(twice=twice, unreadable=str(error) or repr(error))
    made = {job.id for job in cloud.jobs}
    lost = [f"clip-{width}" for width in range(count) if jobs.get(f"clip-{width}") not in made]
    return Verdict(tuple(lost), twice, said="an intent is left" if intents else "")


def told(code: int, out: str, err: str, *, deaf: bool = False) -> str:
    """What is wrong with the end of a run with `--json` that no signal ended; *deaf* where its output was cut off."""
    if "Traceback" in out + err or "SJ189" in out + err:
        return f"not foreseen: {err[-2000:]}"
    if code not in CODES:
        return f"exit code {code}: {err[-500:]}"
    if deaf:
        return ""
    if code != 0 and not re.search(r"SJ\d{3}", err):
        return f"exit code {code} without a code of an error: {err[-500:]!r}"
    try:
        json.loads(out)
    except ValueError:
        return f"not one JSON document: {out[:200]!r}"
    return ""


def _known(path: Path) -> tuple[dict[str, str], list[str]]:
    """Job ids by name, and the names in doubt, of a state that is sound; nothing where there is no state yet."""
    if not path.exists():
        return {}, []
    with open_store(path, read_only=True) as store:
        state = store.load()
        entries = store.get(store.names())
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return {name: entry.job_id for name, entry in entries.items()}, [intent.name for intent in state.intents]


def _twice(cloud: Cloud) -> Iterator[str]:
    made = Counter(job.pushed["inputs"]["width"] for job in cloud.jobs)
    return (f"clip-{width}" for width, number in sorted(made.items()) if number > 1)
