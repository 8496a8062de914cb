"""From a save to its POST: watch beside a bare loop of watchfiles that posts whatever file changed."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.trees import make_tree
from tests.cloud import Cloud, Outcome, Script

BARE_WATCHFILES = """
import sys, httpx, watchfiles, yaml
from pathlib import Path
with httpx.Client(base_url=sys.argv[1], headers={"X-API-Key": sys.argv[3]}) as client:
    for changes in watchfiles.watch(sys.argv[2], yield_on_timeout=True, rust_timeout=200):
        print("watching", flush=True)
        for _, path in changes:
            body = yaml.load(Path(path).read_text(), Loader=yaml.CSafeLoader)
            sent = {key: body[key] for key in ("function", "inputs", "webhooks")}
            client.post("/v2/push", json=sent).raise_for_status()
"""


@contextmanager
def _started(argv: Sequence[str], root: Path, env: Mapping[str, str]) -> Iterator[None]:
    """A watching process that has said so; its output is read on, as it would wait for a reader else."""
    with subprocess.Popen(argv, cwd=root, env=dict(env), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "watching" in line:
                break
        reader = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.kill()
            reader.wait()


def saves(folder: Path, tool: str, env: Mapping[str, str], *, specs: int, rounds: int) -> tuple[float, float]:
    """Median seconds from a save to its POST, ours and beside it, each in a tree of *specs* that goes on running."""
    script = Script(outcomes=[Outcome(polls=-1)])
    with Cloud.running(script) as ours, Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as beside:
        trees = [(folder / "ours", ours), (folder / "beside", beside)]
        for root, cloud in trees:
            make_tree(root, specs, cloud.url)
        watch = [tool, "watch", "-t", "bench", "--remote", "--events", "--max-pushes", "100000"]
        bare = [sys.executable, "-c", BARE_WATCHFILES, beside.url, str(folder / "beside" / "jobspecs"), Cloud.key]
        taken: tuple[list[float], list[float]] = ([], [])
        with _started(watch, folder / "ours", env), _started(bare, folder / "beside", env):
            for number in range(rounds + 1):
                for (root, cloud), seconds in zip(trees, taken, strict=True):
                    path = sorted(root.rglob("clip-*.yaml"))[number % specs]
                    text = path.read_text() + f"  - {{type: job.start, url: 'https://hooks.example.com/{number}'}}\n"
                    before = len(cloud.pushes)
                    started = time.perf_counter()
                    path.write_text(text.replace("start_time: ", f"start_time: {number + 1}000"))
                    cloud.wait_for(lambda seen, before=before: len(seen.pushes) > before)
                    seconds.append(time.perf_counter() - started)
    return statistics.median(taken[0][1:]), statistics.median(taken[1][1:])
