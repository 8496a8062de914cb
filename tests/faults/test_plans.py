"""A plan is the same bytes whatever the seed of hashes, the locale, the time zone and the order of files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import Project, run, spec, write

SEEDS = int(os.environ.get("SOAK_SEEDS", "100"))
PLACES = (
    {"LC_ALL": "C", "TZ": "UTC", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Apia"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "America/St_Johns"},
)
"""Three locales, where they are installed, each in a time zone of its own."""
VARIABLES = {"V": "1.10", "HOOK_KEY": "s3cret", "MODE": "ı"}

BEFORE = {
    f"clip-{number}.yaml": spec(width=number, ratio=0.1 * number, names={"é": 1, "a": [2, 1e-7]}) for number in range(9)
}
AFTER = {
    # changed, renamed, new, gone, moved into one file, and other only to a reader
    "clip-0.yaml": spec(width=100, height=1, names={"é": 2, "a": [2, 1e-7], "ß": {"İ": None}}),
    "a/renamed.yaml": BEFORE["clip-1.yaml"],
    "Z.yaml": "function: a/b\nenv: {B: '${V}', A: '${MODE}', C: '${HOOK_KEY}'}\ninputs:\n  v: '${V}'\n  w: ${V}\n",
    "é.yaml": "function: a/b\nlabels: {z: z, a: a}\ninputs: {f: {$file: ../clip.mp4}}\n",
    **{f"new-{number}.yaml": spec("c/d", width=number) for number in range(5)},
    "several.yaml": "---\n".join(f"name: s{number}\n{spec(width=number + 50)}" for number in range(5)),
    **{f"clip-{number}.yaml": BEFORE[f"clip-{number}.yaml"] for number in range(2, 7)},
}  # fmt: skip


@pytest.fixture(scope="module")
def listed() -> Iterator[Path]:
    """A folder whose files are listed in the order in which they came, or the reverse, where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def projects(listed: Path, cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[list[Path]]:
    """One project twice: applied, then changed, its files written in two orders."""
    base = listed / request.node.name.partition("[")[0]
    first = Project(base / "applied", cloud.url)
    for name, text in BEFORE.items():
        first.write(name, text)
    assert first.apply("--detach").code == 0
    made = []
    for number, names in enumerate((sorted(AFTER), sorted(AFTER, reverse=True))):
        root = base / f"order-{number}" / "project"
        shutil.copytree(first.root, root, ignore=shutil.ignore_patterns("jobspecs", "cache.db*"))
        write(root, {"clip.mp4": b"clip"} | {f"jobspecs/{name}": AFTER[name] for name in names})
        made.append(root)
    yield made
    shutil.rmtree(base)


def planned(root: Path, **env: str) -> tuple[str, dict[str, object]]:
    """The plan as JSON, byte by byte, and as it is saved, but for its time."""
    out = root / "plan.json"
    ran = run(root, "plan", "-t", "prod", "--json", "--out", str(out), **VARIABLES, **env)
    assert ran.code == 0, ran.all
    saved = json.loads(out.read_text())
    del saved["at"]
    out.unlink()
    return ran.out, saved


def test_a_plan_is_the_same_in_three_places(projects: list[Path]) -> None:
    plans = [planned(projects[at % 2], PYTHONHASHSEED=str(at), **place) for at, place in enumerate(PLACES)]
    document = json.loads(plans[0][0])
    assert {change["action"] for change in document["changes"]} == {"push", "move", "orphan"}
    assert len(document["changes"]) >= 14
    assert "s3cret" not in plans[0][0]
    assert plans[1:] == plans[:-1]


@pytest.mark.soak
def test_a_plan_is_the_same_for_every_seed_place_and_order(projects: list[Path]) -> None:
    orders = {str([entry.name for entry in os.scandir(root / "jobspecs")]) for root in projects}
    plans: set[str] = set()
    for seed in range(SEEDS):
        for root in projects if seed % 2 else ():  # every other one reads all files again
            (root / ".sieve-jobs" / "cache.db").unlink()
        runs = [planned(root, PYTHONHASHSEED=str(seed), **place) for place in PLACES for root in projects]
        plans |= {json.dumps(each) for each in runs}
    print(f"{SEEDS} seeds, {len(PLACES)} locales, {len(orders)} orders of files: {len(plans)} plan")
    assert len(plans) == 1
