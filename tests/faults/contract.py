"""Contract C: what holds after a fault, whichever it was, looked at from outside.

The state opens and is sound, every push that the far side saw has its intent or its job there, whoever reads the
output is told with a code, and the same command run again leaves exactly one job for each spec.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
        return not (self.lost or self.twice or self.unreadable or self.said)


@dataclass(frozen=True)
class Witness:
    """What a far side saw, by name of spec."""

    sent: Callable[[], Set[str]]
    """Specs that a push came for, whatever became of it; everything sent before the call is in it."""
    jobs: Callable[[], Mapping[str, Sequence[str]]]
    """Ids of the jobs there are."""

    def twice(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, ids in self.jobs().items() if len(ids) > 1))


def watching(cloud: Cloud) -> Witness:
    """The stand-in as a witness of a project_of."""

    def sent() -> Set[str]:
        cloud.settle()
        return {_name(push.json) for push in cloud.pushes}

    def jobs() -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for job in cloud.jobs:
            found.setdefault(_name(job.pushed), []).append(job.id)
        return found

    return Witness(sent, jobs)


def project_of(root: Path, cloud: Cloud, count: int, settings: str = 'settle = "300ms"') -> Project:
    """*count* specs for the stand-in, told apart by their width."""
    project = Project(root, cloud.url, settings)
    for width in range(count):
        project.write(f"clip-{width}.yaml", spec(width=width, video={"url": f"https://cdn.example.com/{width}.mp4"}))
    return project


def after(project: Project, witness: Witness) -> Verdict:
    """What holds of the state that a run left, whatever ended it."""
    sent = witness.sent()
    try:
        jobs, intents = known(project.root / ".sieve-jobs" / "prod.db")
    except (SieveJobsError, sqlite3.Error, AssertionError) as error:
        return Verdict(unreadable=str(error) or repr(error))
    made = witness.jobs()
    lost = sent - jobs.keys() - set(intents) | {
        name for name, job_id in jobs.items() if job_id not in made.get(name, ())
    }
    return Verdict(tuple(sorted(lost)), witness.twice(), in_doubt=len(intents))


def again(project: Project, witness: Witness, names: Set[str], runs: int = 1) -> Verdict:
    """Runs the same command again, *runs* times at most, and says what it could not put right for *names*."""
    for _ in range(runs):
        ran = project.apply("--json")
        if ran.code == 0:
            break
    witness.sent()
    made, twice = witness.jobs(), witness.twice()
    if ran.code != 0:
        return Verdict(twice=twice, said=f"run again it ends with {ran.code}: {ran.all[-2000:]}")
    try:
        jobs, intents = known(project.root / ".sieve-jobs" / "prod.db")
    except (SieveJobsError, sqlite3.Error, AssertionError) as error:
        return Verdict(twice=twice, unreadable=str(error) or repr(error))
    lost = sorted(name for name in names if jobs.get(name) not in made.get(name, ()))
    return Verdict(tuple(lost), twice, said="an intent is left" if intents else "")


def clips(count: int) -> Set[str]:
    """The names that project_of gives."""
    return {f"clip-{width}" for width in range(count)}


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


def known(path: Path) -> tuple[dict[str, str], list[str]]:
    """Job ids by name, and the names in doubt, of a state that is sound; nothing where there is no state yet."""
    if not path.exists():
        return {}, []
    with open_store(path, read_only=True) as store:
        state = store.load()
        entries = store.get(store.names())
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return {name: entry.job_id for name, entry in entries.items()}, [intent.name for intent in state.intents]


def _name(body: Mapping[str, Any]) -> str:
    return f"clip-{body['inputs']['width']}"
