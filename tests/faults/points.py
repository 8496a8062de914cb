"""Every call with which an apply writes or sends, killed and failed one by one: `python -m tests.faults.points`.

It goes on where it was stopped, as long as the product is the same, and prints what ran over all.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cloud import Cloud, Script
from tests.faults import contract, traced
from tests.faults.contract import Verdict
from tests.faults.progress import FOLDER, Progress, code_now
from tests.faults.traced import Point, Traced
from tests.project import Project, environment

APPLY = ("apply", "-t", "prod", "--yes", "--json", "--concurrency", "1")
SPECS = 20
MOST_THREADS = 8
WRITES = ("pwrite64", "fdatasync", "sendto")
"""Calls that a push and its recording are made of."""
WRONG = ("lost", "twice", "unreadable", "said")
TRIES = 5
"""Runs in which another thread than the main one may show a call."""
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Seen:
    """What came of one point."""

    reached: bool
    verdict: Verdict


@contextmanager
def scene(folder: Path, specs: int) -> Iterator[tuple[Project, Cloud]]:
    with Cloud.running(Script()) as cloud, tempfile.TemporaryDirectory(dir=folder) as root:
        yield contract.project_of(Path(root) / "p", cloud, specs), cloud


def enumerate_points(folder: Path, specs: int = SPECS, threads: int = MOST_THREADS) -> tuple[Point, ...]:
    """Every point of an apply of *specs* specs, by running it for each of its threads, *threads* at most."""
    with scene(folder, specs) as (project, _):  # what a first run imports, no later one does
        assert project.apply("--json").code == 0
    found: dict[Point, None] = {}
    for thread in range(threads):
        # Which of two idle threads takes a step is left to chance, so that each shows all it may do in several runs.
        for _ in range(TRIES if thread else 1):
            with scene(folder, specs) as (project, _):
                ran = _run(project, None, thread)
                assert ran.code == 0, ran.err
            if not ran.lines:
                return tuple(found)
            found |= dict.fromkeys(traced.points(ran.lines, thread))
    return tuple(found)


def meet(folder: Path, point: Point, specs: int = SPECS) -> Seen:
    """An apply of *specs* specs in which *point* fails, and the one after it."""
    seen = _met(folder, point, specs)
    for _ in range(TRIES if point.thread else 0):
        if seen.reached:
            break
        seen = _met(folder, point, specs)
    return seen


def _met(folder: Path, point: Point, specs: int) -> Seen:
    with scene(folder, specs) as (project, cloud):
        ran = _run(project, point)
        if ran.injected is None or (point.call == "openat" and "O_CREAT" not in ran.injected):
            return Seen(False, Verdict())
        if ran.hangs:
            return Seen(True, Verdict(said=f"it hangs after {ran.injected}"))
        witness = contract.watching(cloud)
        verdict = contract.after(project, witness)
        if not verdict.holds:
            return Seen(True, verdict)
        said = "" if point.kind == "kill" else contract.told(ran.code, ran.out, ran.err, deaf=_on_stream(ran.injected))
        if point.kind != "kill" and not said and (gone := _unkept(project, cloud)):
            said = f"its answer is neither in the state nor in a file: {gone}"
        if said:
            return Seen(True, Verdict(said=said, in_doubt=verdict.in_doubt))
        if ran.code == 0 and verdict.in_doubt:
            return Seen(True, Verdict(said="it ends well with a push in doubt"))
        left = contract.again(project, witness, contract.clips(specs))
        return Seen(True, Verdict(left.lost, left.twice, left.unreadable, left.said, verdict.in_doubt))


def _unkept(project: Project, cloud: Cloud) -> set[str]:
    """Jobs that this run was answered with, and that it left nowhere but on the far side."""
    kept = set(contract.known(project.root / ".sieve-jobs" / "prod.db")[0].values())
    files = [*project.root.glob("recover-*.jsonl"), *project.root.parent.glob("recover-*.jsonl")]
    kept |= {json.loads(line)["job_id"] for file in files for line in file.read_text().splitlines()}
    return {job.id for job in cloud.jobs} - kept


def _run(project: Project, point: Point | None, thread: int = traced.MAIN) -> Traced:
    trace = project.root.parent / "trace"
    environ = environment(TMPDIR=str(project.root.parent))
    if point is None:
        return traced.run(project.root, APPLY, environ, trace, thread=thread)
    failing = {"thread": point.thread, "inject": (point.rule,), "calls": (point.call,)}
    return traced.run(project.root, APPLY, environ, trace, **failing)  # type: ignore[arg-type]


def _on_stream(call: str) -> bool:
    """Whether the call wrote to stdout or stderr, which reads nobody then."""
    return re.match(r"write\([12],", call) is not None


def tally(rows: Sequence[Mapping[str, object]]) -> str:
    """The figure: what ran, and what was found."""
    reached = [row for row in rows if row["reached"]]
    kinds = Counter(str(row["id"]).rpartition(":")[2] for row in reached)
    bad = {word: sum(bool(row[word]) for row in reached) for word in WRONG}
    left = sum(int(str(row["in_doubt"])) for row in reached)
    return (
        f"{len({str(row['id']).rpartition(':')[0] for row in reached}):,} points, {len(reached):,} runs "
        f"({', '.join(f'{kind} {number:,}' for kind, number in sorted(kinds.items()))}), "
        f"{len(rows) - len(reached)} not reached; {left:,} in doubt; {bad['lost']} lost, {bad['twice']} twice, "
        f"{bad['unreadable']} unreadable, {bad['said']} not told as promised"
    )


def explore(
    folder: Path, *, seed: int, most: int | None = None, share: tuple[int, int] = (0, 1)
) -> tuple[Mapping[str, object], ...]:
    """Meets the points that were not met yet, *most* of them, in the order of *seed*; what came of all of them."""
    progress = Progress(FOLDER / f"points-{SPECS}-{code_now()}.jsonl")
    points = list(enumerate_points(folder))
    random.Random(seed).shuffle(points)
    done = progress.done()
    mine = [point for point in points[share[0] :: share[1]] if point.id not in done]
    for point in mine[:most]:
        seen = meet(folder, point)
        progress.add(point.id, {"reached": seen.reached, **asdict(seen.verdict)})
        if not seen.verdict.holds:
            print(f"{point.id}: {seen.verdict}", flush=True)
    ids = {point.id for point in points}
    left = len(ids - progress.done().keys())
    print(f"an apply of {SPECS} specs has {len(points):,} points; {left:,} of them not met yet")
    return tuple(row for key, row in progress.done().items() if key in ids)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.points", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, help="points to meet now; default all")
    parser.add_argument("--share", default="1/1", help="of the points, to run several at once: 1/2 and 2/2")
    parser.add_argument("--only", help="one point, as it was printed")
    args = parser.parse_args()
    folder = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    if args.only:
        thread, call, number, kind = args.only.split(":")
        enumerate_points(folder)
        met = meet(folder, Point(int(thread), call, int(number), kind))
        print(met)
        return int(not met.verdict.holds)
    part, _, parts = args.share.partition("/")
    rows = explore(folder, seed=args.seed, most=args.most, share=(int(part) - 1, int(parts)))
    print(tally(rows))
    return int(any(row[word] for row in rows for word in WRONG))


if __name__ == "__main__":
    sys.exit(main())
