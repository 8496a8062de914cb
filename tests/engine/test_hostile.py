"""Functions that behave badly, side by side on one engine: it stays up, and each job's end says what was wrong."""

from __future__ import annotations

import re
import shutil
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs.engine.engine import engine_marker
from sieve_jobs.engine.home import home_of
from sieve_jobs.engine.launch import attach_with
from sieve_jobs.engine.settings import MEBIBYTE, Settings
from sieve_jobs.engine.tree import running, tree_of
from tests.engine.conftest import settings_for
from tests.engine.farside import Client, until

HOSTILE = Path(__file__).parent / "hostile"


@dataclass(frozen=True, eq=False)
class Row:
    """A job and its end. *reason* is looked for in the error, or is the output of one that finished."""

    function: str
    status: str
    reason: str = ""
    inputs: Any = ()


TABLE = (
    Row("bomb", "error", r"ended because it had [\d,]+ processes, over the limit of 40\.", {"pause": 0.002}),
    Row("hoard", "error", r"ended because it held \d+ MiB of memory, over the limit of 300 MiB", {"mebibytes": 400}),
    Row("hangs", "error", r"ended because it ran for more than 10 s, the limit of a job"),
    Row("endless", "error", r"ended because it ran for more than 10 s, the limit of a job"),
    Row("prints", "finished", "done", {"mebibytes": 8}),
    Row("leaves", "error", r"died because it exited with status 9"),
    Row("closes", "error", r"died because"),
    Row("closes_output", "finished", "said nothing"),
    Row("unserialisable", "error", r"output\.here\[0\] has no JSON form"),
    Row("holds_itself", "error", r"or holds itself"),
    Row("big", "error", r"Input/Output too large", {"mebibytes": 52}),
    Row("many", "error", r"Input/Output too large: a job may have 500 outputs"),
    Row("stops", "error", r"died because it was stopped by a signal"),
    Row("kills", "error", r"died because it was killed by SIGKILL"),
    Row("crashes", "error", r"died because it was killed by SIGSEGV"),
    Row("recurses", "error", r"RecursionError"),
    Row("asks_too_much", "error", r"MemoryError"),
    Row("exits", "error", r"SystemExit: 3"),
    Row("interrupts", "error", r"KeyboardInterrupt"),
    Row("threads", "error", r"and a thread goes on"),
    Row("lingers", "error", r"and the exit hangs"),
    Row("patches", "error", r"died because it exited with status 1"),
    Row("babbles", "error", r"died because what it sent is no frame"),
    Row("hears", "error", r"died because"),
    Row("removes", "finished", "removed"),
    Row("vanishes", "finished", "nowhere"),
    Row("mute", "error", r"MuteError: <exception str\(\) failed>"),
    Row("lies", "error", r"SystemError: no items"),
    Row("unset", "error", r"Setup failed: Traceback"),
    Row("busy", "finished", "True", {"seconds": 1.0}),
)


def hostile_settings(root: Path, folder: Path = HOSTILE) -> Settings:
    shutil.copytree(folder, root / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    return replace(
        settings_for(root, workers=6),
        time_limit=10.0,
        watch_every=0.1,
        lease=0.6,
        memory_limit=300 * MEBIBYTE,
        process_limit=40,
        outputs_count=500,
        restart_limit=0,
    )


def test_hostile_functions_end_with_a_reason_and_the_engine_stays(tmp_path: Path):
    settings = hostile_settings(tmp_path)
    with attach_with(settings) as engine, Client(engine.url, engine.key) as client:
        pushed = {row: client.push(row.function, row.inputs or {"a": 1}) for row in TABLE}
        daemon = client.push("daemon", {"a": 1})
        stubborn = client.push("stubborn", {"a": 1})
        until(lambda: client.job(stubborn)["outputs"])
        assert client.http.delete(f"/v2/jobs/{stubborn}").status_code == 200
        ended = {row.function: client.end_of(job_id) for row, job_id in pushed.items()}
        assert {
            row.function: ended[row.function]["error"] for row in TABLE if not holds(row, ended[row.function])
        } == {}
        assert len(client.lines(ended["prints"]["id"])) == settings.log_lines + 1
        job = client.end_of(stubborn)
        assert (job["status"], [output["data"] for output in job["outputs"]]) == ("cancelled", ["so far"])
        assert client.end_of(daemon)["status"] == "finished"
        assert client.run("calm", {"a": 5})["outputs"][0]["data"] == 5
    marker = engine_marker(home_of(tmp_path).folder)
    assert tree_of(running(), marker, None) == []


LARGE = (
    Row("bomb", "error", r"processes, over the limit of 1,024\.", {"pause": 0}),
    Row("prints", "finished", "done", {"mebibytes": 10_240}),
    Row("big", "error", r"Input/Output too large", {"mebibytes": 1024}),
    Row("stops", "error", r"died because it was stopped by a signal"),
)
"""As bad as it gets; the bomb doubles as fast as it can."""


@pytest.mark.soak
def test_the_api_answers_quickly_while_the_worst_of_them_run(tmp_path: Path):
    settings = replace(hostile_settings(tmp_path), process_limit=1024, memory_limit=0, time_limit=900.0)
    waits = []
    with attach_with(settings) as engine, Client(engine.url, engine.key) as client:
        pushed = {row: client.push(row.function, row.inputs or {"a": 1}) for row in LARGE}
        while pushed:
            for row, job_id in list(pushed.items()):
                asked = time.monotonic()
                job = client.job(job_id)
                waits.append(time.monotonic() - asked)
                if job["status"] in {"error", "finished"}:
                    assert holds(row, job), job["error"]
                    del pushed[row]
            time.sleep(0.01)
    quick = statistics.quantiles(waits, n=100)
    print(f"{len(waits)} answers, half of them in {quick[49] * 1000:.1f} ms, 99 % in {quick[98] * 1000:.1f} ms")
    assert quick[98] < 1.0


def holds(row: Row, job: dict[str, Any]) -> bool:
    if job["status"] != row.status:
        return False
    if row.status == "error":
        return re.search(row.reason, job["error"]) is not None
    return [str(output["data"]) for output in job["outputs"]] == [row.reason]
