"""Applies with four pushes at a time, killed at random moments: `python -m tests.faults.kills`.

Over a stand-in that misbehaves at random, and over a real engine. It goes on where it was stopped, as long as the
product is the same, and prints what ran over all. The seed gives specs, faults and the moments; when a process is
really hit is the machine's affair.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sieve_jobs.engine.launch import attach_with
from tests.cloud import Cloud, Fault, Script
from tests.engine.conftest import make_project, settings_for
from tests.engine.farside import Client
from tests.faults import contract
from tests.faults.contract import Verdict, Witness
from tests.faults.points import MEMORY
from tests.faults.progress import FOLDER, Progress, code_now
from tests.forked import forked
from tests.project import Project, environment, spec

SPECS = 10
APPLY = ("apply", "-t", "prod", "--yes", "--json", "--concurrency", "4")
MOST_RUNS = 40
"""Runs of one history that are meant to be killed; the next one is left alone."""
SETTLE = 'settle = "200ms"'
"""Longer than a request of a process that lives lies about here, and than the list may lag."""
LONGEST = 0.45
"""Seconds after its start in which a run is killed; one that has ended before counts for none."""
LAST_RUNS = 6
"""Runs that a far side with that many faults may take to come through unkilled."""


@dataclass
class History:
    """What came of one project, from its first run to the one that came through."""

    kills: int = 0
    ended: int = 0
    """Runs that had ended before they were to be killed."""
    in_doubt: int = 0
    """Pushes that kills left in doubt, over all of them."""
    lost: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    unreadable: str = ""
    said: str = ""

    def note(self, verdict: Verdict) -> bool:
        """Takes *verdict* in; whether the contract holds."""
        self.in_doubt += verdict.in_doubt
        self.lost += verdict.lost
        self.twice += verdict.twice
        self.unreadable = self.unreadable or verdict.unreadable
        self.said = self.said or verdict.said
        return verdict.holds


def weather(chance: random.Random) -> Script:
    """One in four pushes goes wrong, half of those after it took effect; the list is late, or in any order."""
    kinds = ["reset", "close", "cut", "short", "html", "status", "status"]
    faults = [
        Fault(
            chance.choice(kinds),
            match=f'"width":{width}}}',
            created=chance.random() < 0.5,
            status=chance.choice([408, 409, 429, 500, 502, 503]),
            headers={"Retry-After": "0"},
            times=chance.choice([1, 1, 2]),
        )
        for width in chance.sample(range(SPECS), SPECS // 4)
    ]
    return Script(
        faults=faults, order=chance.choice(["newest", "oldest", "mixed"]), lag_seconds=chance.choice([0.0, 0.0, 0.02])
    )


@contextmanager
def hostile_cloud(_: int, chance: random.Random, folder: Path) -> Iterator[tuple[Project, Witness, Set[str]]]:
    with Cloud.running(weather(chance)) as cloud:
        project = contract.project_of(folder / "p", cloud, SPECS, SETTLE)
        yield project, contract.watching(cloud), contract.clips(SPECS)


class RealEngine:
    """One engine for many histories, each with jobs of its own."""

    def __init__(self, url: str, client: Client, key: str) -> None:
        self.url, self.client, self.key = url, client, key

    @contextmanager
    def history(self, number: int, chance: random.Random, folder: Path) -> Iterator[tuple[Project, Witness, Set[str]]]:
        first = chance.randrange(1, 1 << 40) * SPECS
        names = {first + at: f"clip-{at}" for at in range(SPECS)}
        project = Project(folder / "p", self.url, SETTLE, {"SIEVE_API_KEY": self.key})
        for a, name in names.items():
            project.write(f"{name}.yaml", spec("me/add", a=a))

        def jobs() -> Mapping[str, Sequence[str]]:
            found: dict[str, list[str]] = {}
            listed = self.client.http.get("/v2/jobs", params={"limit": 5 * SPECS}).json()["data"]
            for job in listed:
                name = names.get(job["inputs"]["a"]["data"])
                if name is not None:
                    found.setdefault(name, []).append(job["id"])
            return found

        yield project, Witness(lambda: jobs().keys(), jobs), {*names.values()}


@contextmanager
def far_side(kind: str, folder: Path) -> Iterator[Any]:
    """What opens a history over that kind of far side."""
    if kind == "cloud":
        yield hostile_cloud
        return
    root = folder / "engine"
    root.mkdir()
    with (
        attach_with(settings_for(make_project(root), workers=2)) as running,
        Client(running.url, running.key) as client,
    ):
        yield RealEngine(running.url, client, running.key).history


def live(opened: Any, number: int, seed: int, folder: Path, most: int = MOST_RUNS) -> History:
    """One history: runs killed at random moments, *most* of them or until one comes through, then one left alone."""
    chance = random.Random(f"{seed} {number}")
    made = History()
    with (
        tempfile.TemporaryDirectory(dir=folder) as root,
        opened(number, chance, Path(root)) as (project, witness, names),
    ):
        for _ in range(most):
            ended = _killed(project, chance.uniform(0.0, LONGEST))
            if ended is None:
                made.kills += 1
            else:
                made.ended += 1
                if said := contract.told(*ended):
                    made.said = said
            if not made.note(contract.after(project, witness)) or (ended is not None and ended[0] == 0):
                break
        made.note(contract.again(project, witness, names, LAST_RUNS))
    return made


def _killed(project: Project, after: float) -> tuple[int, str, str] | None:
    """An apply that is killed *after* seconds; how it ended if it did so before."""
    with forked(project.root, APPLY, {**environment(), **project.environ}) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
        out, err = process.communicate()
    return None if process.returncode == -signal.SIGKILL else (process.returncode, out, err)


def tally(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figure: what ran, and what was found."""
    total = {word: sum(row[word] for row in rows) for word in ("kills", "ended", "in_doubt")}
    found = {word: sum(len(row[word]) for row in rows) for word in ("lost", "twice")}
    bad = {word: sum(bool(row[word]) for row in rows) for word in ("unreadable", "said")}
    ran = f"{total['kills']:,} kills in {len(rows):,} histories of {SPECS} specs ({total['ended']:,} runs ended before)"
    wrong = (
        f"{found['lost']} lost, {found['twice']} twice, {bad['unreadable']} unreadable, {bad['said']} not as promised"
    )
    return f"{ran}, {total['in_doubt']:,} in doubt; {wrong}"


def is_wrong(row: Mapping[str, Any]) -> bool:
    return any(row[word] for word in ("lost", "twice", "unreadable", "said"))


def storm(
    kind: str, folder: Path, *, seed: int, kills: int, share: tuple[int, int] = (0, 1)
) -> tuple[Mapping[str, Any], ...]:
    """Lives through histories until there were *kills* kills over all that ran; what came of all of them."""
    progress = Progress(FOLDER / f"kills-{kind}-{seed}-{code_now()}.jsonl")
    number = share[0]
    with tempfile.TemporaryDirectory(dir=folder) as root, far_side(kind, Path(root)) as opened:
        done = progress.done()
        while sum(int(str(row["kills"])) for row in done.values()) < kills:
            if str(number) not in done:
                made = live(opened, number, seed, Path(root))
                progress.add(str(number), asdict(made))
                if is_wrong(asdict(made)):
                    print(f"{kind} {number}: {made}", flush=True)
            number += share[1]
            done = progress.done()
    return tuple(done.values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills", description=__doc__)
    parser.add_argument("far", choices=["cloud", "engine"])
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", default="1/1", help="of the histories, to run several at once: 1/2 and 2/2")
    args = parser.parse_args()
    part, _, parts = args.share.partition("/")
    folder = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    rows = storm(args.far, folder, seed=args.seed, kills=args.kills, share=(int(part) - 1, int(parts)))
    print(f"{args.far}, seed {args.seed}: {tally(rows)}")
    return int(any(map(is_wrong, rows)))


if __name__ == "__main__":
    sys.exit(main())
