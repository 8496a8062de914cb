"""Leases, limits, placement and caps: the decisions, as tables, and the engine that keeps to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs.engine import machine
from sieve_jobs.engine.admission import disk_problem, push_refusal
from sieve_jobs.engine.catalog import Catalog, Function, Module
from sieve_jobs.engine.death import Death, RestartType, death_of, last_words, runs_again
from sieve_jobs.engine.engine import engine_marker
from sieve_jobs.engine.home import home_of, make_home
from sieve_jobs.engine.launch import attach_with
from sieve_jobs.engine.placing import Hold, is_limited, place, refusal, split_of, surplus, wanting
from sieve_jobs.engine.present import Described
from sieve_jobs.engine.replicas import Replicas, set_replicas
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.store import Store
from sieve_jobs.engine.tree import Process, tree_of
from sieve_jobs.engine.tree import running as everything
from sieve_jobs.engine.watch import Limits, Vitals, trees, verdict
from tests.engine.conftest import make_project, settings_for
from tests.engine.farside import Client, Meeting, data, until

LIMITS = Limits(pause=8.0, memory=1000, processes=10)
GIBIBYTE = 1 << 30
PAUSED = 1_000
"""Jobs whose worker is stopped and woken, of the long run."""


@pytest.mark.parametrize(
    ("code", "oom_kills", "expected"),
    [
        pytest.param(3, 0, (RestartType.ERROR, "it exited with status 3"), id="exit"),
        pytest.param(0, 0, (RestartType.ERROR, "it exited with status 0"), id="exit-without-a-word"),
        pytest.param(-9, 0, (RestartType.ERROR, "it was killed by SIGKILL"), id="killed-by-somebody"),
        pytest.param(-9, 2, (RestartType.OOM, "out of memory"), id="killed-by-the-kernel"),
        pytest.param(-11, 1, (RestartType.ERROR, "it was killed by SIGSEGV"), id="crash-beside-an-oom-kill"),
        pytest.param(-200, 0, (RestartType.ERROR, "it was killed by signal 200"), id="unknown-signal"),
    ],
)
def test_what_an_exit_means(code: int, oom_kills: int, expected: tuple[RestartType, str]):
    death = death_of(code, oom_kills)
    assert death.type == expected[0]
    assert expected[1] in death.reason


ONCE = [{"type": "error"}]


@pytest.mark.parametrize(
    ("death", "restarts", "expected"),
    [
        pytest.param(Death("it died"), [], True, id="first"),
        pytest.param(Death("it died"), ONCE * 2, True, id="third"),
        pytest.param(Death("it died"), ONCE * 3, False, id="fourth"),
        pytest.param(Death("it died"), [{"type": "OOM"}, *ONCE * 2], False, id="oom-counts"),
        pytest.param(Death("it died"), [{"type": "preemption"}] * 9, True, id="the-engine-does-not"),
        pytest.param(Death("it grew", RestartType.OOM, repeats=True), [], False, id="it-would-again"),
    ],
)
def test_who_runs_again(death: Death, restarts: list[Any], expected: bool):
    assert runs_again(death, restarts, 3) is expected


def test_last_words():
    assert last_words(Death("it died"), ONCE * 3).startswith("Worker died 4 times, the last time because it died;")
    assert last_words(Death("it died"), []) == "Worker died because it died; the job is not run again."
    assert last_words(Death("it grew", repeats=True), ONCE) == "The job was ended because it grew."


@pytest.mark.parametrize(
    ("vitals", "is_fresh", "expected"),
    [
        pytest.param(Vitals(0.0, 1000, 10), True, None, id="at-the-limits"),
        pytest.param(Vitals(7.9, 0, 1), True, None, id="paused-for-a-moment"),
        pytest.param(Vitals(8.0, 0, 1), True, (RestartType.ERROR, False), id="paused"),
        pytest.param(Vitals(0.0, 1001, 1), True, (RestartType.OOM, True), id="memory"),
        pytest.param(Vitals(0.0, 1001, 1), False, (RestartType.OOM, False), id="memory-of-earlier-jobs"),
        pytest.param(Vitals(0.0, 0, 11), True, (RestartType.ERROR, True), id="processes"),
    ],
)
def test_when_a_worker_is_given_up(vitals: Vitals, is_fresh: bool, expected: tuple[RestartType, bool] | None):
    death = verdict(vitals, LIMITS, is_fresh=is_fresh)
    assert (death and (death.type, death.repeats)) == expected


def test_a_tree_is_its_root_and_what_descends_from_it():
    found = [Process(pid, parent, 1, 1, 1.0, "") for pid, parent in ((2, 1), (5, 4), (4, 2), (3, 1), (6, 3))]
    assert {root: [it.pid for it in tree] for root, tree in trees(found, [2, 3, 9]).items()} == {
        2: [2, 4, 5], 3: [3, 6], 9: [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0::/user.slice/a.scope\n", ("", "/user.slice/a.scope"), id="version-2"),
        pytest.param("5:cpu:/\n4:memory:/docker/1\n0::/\n", ("memory", "/docker/1"), id="version-1"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_memory_group(text: str, expected: tuple[str, str] | None):
    assert machine.memory_group(text) == expected


def test_what_the_kernel_counts_is_read():
    assert machine.count_named("low 0\noom 3\noom_kill 2\noom_group_kill 0\n", "oom_kill") == 2
    assert machine.count_named("oom_kill_disable 0\nunder_oom 0\n", "oom_kill") is None
    assert machine.memory_total() > 0
    assert 0 < (machine.private_memory(os.getpid()) or 0) < machine.memory_total()


@pytest.mark.parametrize(
    ("queued", "space", "expected"),
    [
        pytest.param(9, (0.5, 0), None, id="room"),
        pytest.param(9, (0.96, GIBIBYTE), None, id="full-and-large"),
        pytest.param(9, (0.94, 10), None, id="small-and-not-full"),
        pytest.param(9, (0.96, 10), 503, id="full"),
        pytest.param(10, (0.5, 0), 429, id="queue"),
    ],
)
def test_room_for_a_push(queued: int, space: tuple[float, int], expected: int | None):
    settings = Settings(root=Path(), queue_limit=10, disk_spare=GIBIBYTE)
    refused = push_refusal(queued, space, settings)
    assert (refused and refused.status) == expected
    if refused is not None:
        assert (refused.headers["X-Sieve-Jobs-Applied"], refused.headers["Retry-After"]) == ("no", "5")
    assert (disk_problem(space, settings) is None) is (expected != 503)


@pytest.mark.parametrize(
    ("holds", "split", "expected"),
    [
        pytest.param([], 1, 0, id="first"),
        pytest.param([Hold(0, 1)], 1, 1, id="second"),
        pytest.param([Hold(0, 1), Hold(1, 2)], 1, None, id="no-room"),
        pytest.param([Hold(1, 2)], 2, 1, id="shares-are-filled-up"),
        pytest.param([Hold(0, 3), Hold(0, 3), Hold(0, 3)], 4, 1, id="thirds-make-a-whole"),
        pytest.param([Hold(0, 2), Hold(1, 2)], 1, None, id="halves-of-two-are-no-whole"),
    ],
)
def test_where_a_worker_is_placed(holds: list[Hold], split: int, expected: int | None):
    assert place(holds, 2, split) == expected


def told(**details: Any) -> Described:
    return Described([], [], details)


def test_a_workers_share_is_the_largest_its_functions_need():
    assert split_of([told(gpu=True, split=4), told(gpu=True, split=2), told(gpu=False, split=1)]) == 2
    assert split_of([told(gpu=False, split=1)]) is None


A, B = (Module(Path(name), name, (), ()) for name in ("a.py", "b.py"))


def function(version_id: str, module: Module) -> Function:
    return Function("me", version_id, version_id, version_id, False, module, "")


def test_replicas_are_counted_by_version_and_kept_by_file():
    replicas = {"f": Replicas(1, 2), "g": Replicas(2, 0)}
    assert [is_limited("f", ["f"] * count, replicas) for count in (1, 2, 3)] == [False, True, True]
    assert not is_limited("g", ["g"] * 9, replicas)
    functions = [function("f", A), function("g", A), function("h", B)]
    assert dict(wanting(functions, replicas, [A, B])) == {A: 2}
    assert dict(wanting(functions, replicas, [A] * 4)) == {}


def test_idle_workers_end_after_a_while_but_for_those_to_be_kept():
    idle = [(A, 5.0), (A, 1.0), (B, 2.0), (B, 9.0)]
    assert surplus(idle, {}, 5.0) == [1, 2, 0]
    assert surplus(idle, {A: 1}, 5.0) == [1, 2]
    assert surplus(idle, {A: 2, B: 2}, 5.0) == []


def test_a_gpu_that_is_not_there_is_spoken_of():
    needs = told(gpu=True, compute_type="a100")
    assert "declares a GPU (a100)" in (refusal(function("f", A), needs, 0, cpu_ok=False) or "")
    assert refusal(function("f", A), needs, 1, cpu_ok=False) is None
    assert refusal(function("f", A), needs, 0, cpu_ok=True) is None
    assert refusal(function("f", A), None, 0, cpu_ok=False) is None


@contextmanager
def running(root: Path, **settings: Any) -> Iterator[Client]:
    make_project(root)
    given = {"workers": 1, **settings}
    with (
        attach_with(replace(settings_for(root), **given)) as engine,
        Client(engine.url, engine.key) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An engine with one worker and short limits."""
    limits = {"watch_every": 0.05, "lease": 0.3, "queue_limit": 1, "idle_longest": 0.1}
    with running(tmp_path_factory.mktemp("strict"), **limits) as client:
        yield client


def test_a_paused_worker_loses_its_job_and_nothing_it_says_later_counts(strict: Client, meeting: Meeting):
    job_id = strict.push("stream", {"port": meeting.port})
    first = meeting.accept()
    os.kill(first.told["pid"], signal.SIGSTOP)
    first.let_go("late")
    second = meeting.accept()
    assert second.told["pid"] != first.told["pid"]
    with contextlib.suppress(ProcessLookupError):
        os.kill(first.told["pid"], signal.SIGCONT)
    second.let_go("second")
    job = strict.end_of(job_id)
    assert data(job) == ["first", "second"]
    assert {output["run_id"] for output in job["outputs"]} == {job["run_id"]}
    (restart,) = job["restarts"]
    assert (restart["type"], "stopped by a signal" in restart["reason"]) == ("error", True)


@pytest.mark.soak
def test_paused_workers_that_wake_at_any_moment_never_make_a_second_output(tmp_path: Path):
    """Some are woken before their lease is over, some just as they are killed, some never."""
    choice = random.Random(3)
    paused = 0
    with running(tmp_path, watch_every=0.05, lease=0.3) as client:
        marker = engine_marker(home_of(tmp_path).folder)
        for _ in range(PAUSED):
            job_id = client.push("count", {"to": 20})
            until(lambda job_id=job_id: client.job(job_id)["status"] != "queued")  # type: ignore[misc]
            for worker in tree_of(everything(), marker, None):
                pause(worker.pid, choice.random() * 0.4)
            job = client.end_of(job_id)
            assert data(job) == list(range(20))
            assert {output["run_id"] for output in job["outputs"]} == {job["run_id"]}
            paused += len(job["restarts"])
    print(f"{paused} of {PAUSED:,} jobs were taken from a paused worker")
    assert paused


def pause(pid: int, seconds: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)


def test_a_full_queue_refuses_and_says_that_nothing_was_done(strict: Client, meeting: Meeting):
    strict.push("wait", {"port": meeting.port})
    guest = meeting.accept()
    queued = strict.push("add", {"a": 1}, key="again")
    assert strict.push("add", {"a": 1}, key="again") == queued
    refused = strict.send("add", {"a": 2})
    assert (refused.status_code, refused.headers["X-Sieve-Jobs-Applied"]) == (429, "no")
    assert int(refused.headers["Retry-After"]) > 0
    guest.let_go()
    assert data(strict.end_of(queued)) == [3]
    assert data(strict.run("add", {"a": 2})) == [4]


def test_an_idle_worker_ends_after_a_while(strict: Client):
    pid = data(strict.run("odd", {"what": "pid"}))[0]
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert data(strict.run("odd", {"what": "pid"}))[0] != pid


def test_a_full_disk_refuses_pushes_but_answers(tmp_path: Path):
    with running(tmp_path, disk_full=0.0, disk_spare=1 << 62) as client:
        refused = client.send("add", {"a": 2})
        assert (refused.status_code, refused.headers["X-Sieve-Jobs-Applied"]) == (503, "no")
        assert "full" in refused.json()["detail"]
        assert client.http.get("/v2/jobs").json()["data"] == []


async def set_for(root: Path, wanted: dict[str, Replicas]) -> None:
    """Sets replicas by the names of functions, in the database of an engine that does not run."""
    functions = Catalog([root / "functions"], "me").functions()
    store = Store(make_home(root).database, asyncio.get_running_loop())
    for name, replicas in wanted.items():
        await store.write(lambda db, name=name, replicas=replicas: set_replicas(db, functions[name].id, replicas))
    store.close()


def test_replicas_are_obeyed(tmp_path: Path, meeting: Meeting):
    make_project(tmp_path)
    asyncio.run(set_for(tmp_path, {"wait": Replicas(0, 1), "warm": Replicas(1, 0)}))
    with attach_with(settings_for(tmp_path, workers=3)) as engine, Client(engine.url, engine.key) as client:
        until(lambda: tree_of(everything(), engine_marker(home_of(tmp_path).folder), None))
        first, second = (client.push("wait", {"port": meeting.port}) for _ in range(2))
        guest = meeting.accept()
        assert data(client.run("warm", {"step": 1}))[0]["jobs"] == 1
        assert client.job(second)["status"] == "queued"
        guest.let_go()
        meeting.accept().let_go()
        assert [client.end_of(job_id)["status"] for job_id in (first, second)] == ["finished", "finished"]


GPU = """
import os
import socket

import sieve


@sieve.function(name="{name}", gpu={gpu})
def run(port: int):
    meeting = socket.create_connection(("127.0.0.1", port))
    meeting.sendall(b"{{}}\\n")
    meeting.recv(16)
    return os.environ.get("CUDA_VISIBLE_DEVICES")
"""


def test_gpus_are_given_out_in_shares(tmp_path: Path, meeting: Meeting):
    (tmp_path / "functions").mkdir()
    for name, gpu in (("half", "sieve.gpu.T4(split=2)"), ("whole", "'a100'")):
        (tmp_path / "functions" / f"{name}.py").write_text(GPU.format(name=name, gpu=gpu))
    with running(tmp_path / "x", workers=4, gpus=2, functions=(tmp_path / "functions",)) as client:
        ids = [client.push(name, {"port": meeting.port}) for name in ("half", "half", "whole", "whole")]
        guests = [meeting.accept() for _ in range(3)]
        assert [client.job(job_id)["status"] for job_id in ids] == ["processing"] * 3 + ["queued"]
        for guest in guests:
            guest.let_go()
        seen = [data(client.end_of(job_id))[0] for job_id in ids[:3]]
        assert seen == ["0", "0", "1"]
        meeting.accept().let_go()
        assert data(client.end_of(ids[3]))[0] in {"0", "1"}


def test_a_function_that_needs_a_gpu_is_refused_where_there_is_none(tmp_path: Path):
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "whole.py").write_text(GPU.format(name="whole", gpu="True"))
    with running(tmp_path / "x", gpus=0, cpu_ok=False, functions=(tmp_path / "functions",)) as client:
        first = client.run("whole", {"port": 1})
        assert (first["status"], "declares a GPU" in first["error"]) == ("error", True)
        refused = client.send("whole", {"port": 1})
        assert (refused.status_code, refused.headers["X-Sieve-Jobs-Applied"]) == (400, "no")
        assert "--cpu-ok" in refused.json()["detail"]
