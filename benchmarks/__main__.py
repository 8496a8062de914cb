"""Prints the figures of the README side by side. `python -m benchmarks [--specs 10000] [--rounds 7]`."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pushes import Load, measure
from benchmarks.queues import available
from benchmarks.saves import saves
from benchmarks.timing import Run, in_turn, once
from benchmarks.trees import make_tree

REPOSITORY = Path(__file__).parents[1]
TOOL = str(Path(sys.executable).with_name("sieve-jobs"))
BARE_YAML = """
import sys, yaml
from pathlib import Path
for path in Path(sys.argv[1]).rglob("*.yaml"):
    with open(path) as opened:
        yaml.load(opened, Loader=yaml.CSafeLoader)
"""
BARE_HTTPX = """
import sys, httpx, yaml
from pathlib import Path
bodies = [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in sorted(Path(sys.argv[2]).rglob("*.yaml"))]
with httpx.Client(base_url=sys.argv[1], headers={"X-API-Key": sys.argv[3]}) as client:
    for body in bodies if len(sys.argv) == 4 else ():
        sent = {key: body[key] for key in ("function", "inputs", "webhooks")}
        client.post("/v2/push", json=sent).raise_for_status().json()["id"]
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    beside: str
    ratio: float
    aim: str
    met: bool

    def __str__(self) -> str:
        mark = "ok" if self.met else "MISSED"
        return f"{self.what:<34} {self.ours:>12} {self.beside:>26} {self.ratio:>8.2f}  {self.aim:<8} {mark}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--specs", type=int, default=10_000, help="spec files in the tree that is planned")
    parser.add_argument("--pushes", type=int, default=2_000, help="spec files in the tree that is pushed")
    parser.add_argument("--jobs", type=int, default=20_000, help="no-op jobs pushed to the engine, huey and celery")
    parser.add_argument("--only-jobs", action="store_true", help="no rows but those of --jobs")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sieve-jobs-bench-") as folder:
        rows = [] if args.only_jobs else _tool(Path(folder), args.specs, args.pushes, args.rounds)
        queued, notes = _queueing(Path(folder) / "queues", args.jobs)
    print(f"{'measured':<34} {'sieve-jobs':>12} {'beside it':>26} {'ratio':>8}  aim")
    for row in rows + queued:
        print(row)
    for note in notes:
        print(note)
    return 0


def _tool(folder: Path, specs: int, pushes: int, rounds: int) -> list[Row]:
    with _cloud() as (url, key):
        rows = _planning(folder / "plan", url, key, specs, rounds)
        rows += _starting(folder, rounds * 3)
        rows += _pushing(folder / "push", url, key, pushes, rounds)
        rows += _saving(folder / "saves", key, rounds * 3)
        return rows


class _cloud:  # noqa: N801 - reads as the context it is
    """The stand-in for the cloud, as a process."""

    def __enter__(self) -> tuple[str, str]:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.cloud", "--until-eof"],
            cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip(), "key-of-the-stand-in"

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def _env(key: str) -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {"SIEVE_API_KEY": key}


def _forgetting(root: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(root / ".sieve-jobs", ignore_errors=True)


def _planning(root: Path, url: str, key: str, specs: int, rounds: int) -> list[Row]:
    make_tree(root, specs, url)
    env = _env(key)
    plan = [TOOL, "plan", "-t", "bench"]
    first, bare = in_turn(
        [
            Run(plan, root, env, before=_forgetting(root)),
            Run([sys.executable, "-c", BARE_YAML, str(root / "jobspecs")], root, env),
        ],
        max(3, rounds // 2),
    )
    _forgetting(root)()
    applied = once(Run([TOOL, "apply", "-t", "bench", "--yes"], root, env))
    once(Run(plan, root, env))
    unchanged, status = in_turn(
        [Run([*plan, "--detailed-exitcode"], root, env), Run(["git", "status"], root, env)], rounds
    )
    peak = max(first.peak, unchanged.peak, applied.peak) / 1e6
    return [
        _times(f"unchanged plan, {specs:,} specs", unchanged.seconds, "git status", status.seconds, below=6),
        _times(f"first plan, {specs:,} specs", first.seconds, "bare CSafeLoader loop", bare.seconds, below=1.5),
        Row(
            what=f"peak memory, {specs:,} specs",
            ours=f"{peak:.0f} MB",
            beside=f"first plan {first.peak / 1e6:.0f} MB",
            ratio=peak / 150,
            aim="< 150 MB",
            met=peak < 150,
        ),
    ]


def _starting(folder: Path, rounds: int) -> list[Row]:
    env = _env("")
    version, nothing = in_turn(
        [Run([TOOL, "version"], folder, env), Run([sys.executable, "-c", "pass"], folder, env)], rounds
    )
    return [_times("sieve-jobs version", version.seconds, "python -c pass", nothing.seconds, below=5)]


def _pushing(root: Path, url: str, key: str, specs: int, rounds: int) -> list[Row]:
    """What is beside the pushes, starting and reading the specs, is measured too and taken off on both sides.

    Round by round, so that a machine that is busy for a while is busy for both sides; the median of the rounds counts.
    """
    make_tree(root, specs, url)
    env, tree = _env(key), str(root / "jobspecs")
    apply = [TOOL, "apply", "-t", "bench", "--yes", "--detach", "--new-state"]
    ours, planned, bare, read = in_turn(
        [
            Run(apply, root, env, before=_forgetting(root)),
            Run([TOOL, "plan", "-t", "bench"], root, env, before=_forgetting(root)),
            Run([sys.executable, "-c", BARE_HTTPX, url, tree, key], root, env),
            Run([sys.executable, "-c", BARE_HTTPX, url, tree, key, "read only"], root, env),
        ],
        rounds,
    )
    ours_each = [specs / (whole - start) for whole, start in zip(ours.each, planned.each, strict=True)]
    bare_each = [specs / (whole - start) for whole, start in zip(bare.each, read.each, strict=True)]
    rate, beside = statistics.median(ours_each), statistics.median(bare_each)
    ratio = statistics.median(mine / other for mine, other in zip(ours_each, bare_each, strict=True))
    return [
        Row(
            what=f"pushes a second, {specs:,} detached",
            ours=f"{rate:,.0f}/s",
            beside=f"bare httpx loop {beside:,.0f}/s",
            ratio=ratio,
            aim="> 0.8",
            met=ratio > 0.8,
        )
    ]


def _saving(folder: Path, key: str, rounds: int) -> list[Row]:
    rows = []
    for specs in (100, 2_000):
        ours, bare = saves(folder / str(specs), TOOL, _env(key), specs=specs, rounds=rounds)
        rows.append(
            Row(
                what=f"save to POST, {specs:,} specs, median",
                ours=f"{ours * 1000:.0f} ms",
                beside=f"bare watchfiles {bare * 1000:.0f} ms",
                ratio=ours / bare,
                aim="< 400 ms",
                met=ours < 0.4,
            )
        )
    return rows


def _queueing(folder: Path, jobs: int) -> tuple[list[Row], list[str]]:
    """Rows of no-op jobs through the engine beside the same through other queues, and notes on all of them."""
    queues, missing = available()
    mine, *others = [measure(queue, folder / queue.name, jobs=jobs, steady=2_000, rate=200) for queue in queues]
    rows = [_flooded(mine, other, jobs) for other in others]
    rows += [_paced(mine, other) for other in others]
    notes = [f"{load.name}: {load.durability}; {load.cpu * 1000:.2f} ms of processor a job" for load in (mine, *others)]
    return rows, [*notes, *missing]


def _flooded(mine: Load, other: Load, jobs: int) -> Row:
    ratio, beside = mine.rate / other.rate, f"{other.name} {other.rate:,.0f}/s"
    return Row(f"jobs a second, {jobs:,} no-ops", f"{mine.rate:,.0f}/s", beside, ratio, "> 1", ratio > 1)


def _paced(mine: Load, other: Load) -> Row:
    """Push to start at 200 pushes a second, median and slowest hundredth."""

    def both(load: Load) -> tuple[float, float]:
        return load.percentile(0.5) * 1000, load.percentile(0.99) * 1000

    (half, most), (their_half, their_most) = both(mine), both(other)
    return Row(
        what="push to start at 200/s, p50 p99",
        ours=f"{half:.1f} {most:.1f} ms",
        beside=f"{other.name} {their_half:.1f} {their_most:.1f} ms",
        ratio=most / their_most,
        aim="< 20 ms",
        met=most < 20,
    )


def _times(what: str, ours: float, name: str, beside: float, *, below: float) -> Row:
    ratio = ours / beside
    return Row(what, f"{ours * 1000:.0f} ms", f"{name} {beside * 1000:.0f} ms", ratio, f"< {below:g}", ratio < below)


if __name__ == "__main__":
    sys.exit(main())
