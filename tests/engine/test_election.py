"""One engine a project: found, started, shared, killed."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from sieve_jobs.engine.home import home_of, is_locked
from sieve_jobs.engine.launch import EngineError, attach, attach_with
from sieve_jobs.engine.serve import serve
from sieve_jobs.engine.settings import Settings
from tests.engine.conftest import make_project, settings_for
from tests.engine.farside import Client, Meeting, Receiver, data, until


def endpoint(root: Path) -> Path:
    return root / ".sieve-jobs" / "engine" / "endpoint"


def pid_of(root: Path) -> int:
    return int(json.loads(endpoint(root).read_text())["pid"])


def until_ended(root: Path) -> None:
    """Waits for the engine to let go of its lock: it ends by itself after its last user has."""
    until(lambda: not is_locked(home_of(root).lock_file))


def test_a_second_caller_uses_the_engine_of_the_first_and_keeps_it(tmp_path: Path):
    settings = settings_for(make_project(tmp_path))
    with attach_with(settings) as first, Client(first.url, first.key) as client:
        second = attach_with(settings)
        assert (first.started, second.started) == (True, False)
        assert (second.url, second.key) == (first.url, first.key)
        first.close()
        assert first.requeued is None
        assert data(client.run("add", {"a": 1})) == [3]
        second.close()
    with attach_with(settings) as third, Client(third.url, third.key) as client:
        assert data(client.run("add", {"a": 2})) == [4]
    until_ended(tmp_path)


def test_racing_callers_end_with_one_engine(tmp_path: Path):
    settings = settings_for(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: attach_with(settings), range(2)))
    assert len({running.url for running in both}) == 1
    assert sorted(running.started for running in both) == [False, True]
    for running in both:
        assert (
            httpx.get(running.url + "/v2/jobs", headers={"X-API-Key": running.key}, trust_env=False).status_code == 200
        )
    for running in both:
        running.close()


def test_an_engine_without_workers_gets_them_from_who_needs_some(tmp_path: Path, meeting: Meeting):
    make_project(tmp_path)
    folders = [Path("functions")]
    with (
        attach(tmp_path, workers=0, functions=folders, owner="me") as reader,
        Client(reader.url, reader.key) as client,
    ):
        job_id = client.push("add", {"a": 1})
        app = client.http.get("/v2/functions/me/add").json()
        assert app["latest_version"]["build_status"] == "queued"
        assert client.job(job_id)["status"] == "queued"
        with attach(tmp_path, workers=1, functions=folders, owner="me"):
            assert data(client.end_of(job_id)) == [3]


def test_a_project_without_functions_has_an_engine_that_knows_none(tmp_path: Path):
    with (
        attach(tmp_path, workers=1, functions=[Path("functions")], owner="me") as running,
        Client(running.url, running.key) as client,
    ):
        assert client.http.get("/v2/functions").json() == []
        assert client.send("add", {"a": 1}).status_code == 404


def test_a_project_may_have_modules_named_as_the_librarys(tmp_path: Path):
    for name in ("types.py", "secrets.py", "sieve_jobs.py"):
        (tmp_path / name).write_text("raise RuntimeError('not for the engine')\n")
    with attach_with(settings_for(make_project(tmp_path))) as running, Client(running.url, running.key) as client:
        assert data(client.run("add", {"a": 1})) == [3]


def test_a_module_whose_import_never_ends_holds_up_no_request(tmp_path: Path):
    make_project(tmp_path)
    (tmp_path / "functions" / "endless.py").write_text(
        "import time\nimport sieve\ntime.sleep(600)\n\n\n@sieve.function(name='endless')\ndef endless(a: int): ...\n"
    )
    settings = replace(settings_for(tmp_path), describe_longest=0.1)
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        app = client.http.get("/v2/functions/me/endless").json()
        assert app["latest_version"]["build_status"] == "queued"


def test_ending_queues_running_jobs_again_and_says_so(tmp_path: Path, meeting: Meeting):
    settings = settings_for(make_project(tmp_path))
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        job_id = client.push("wait", {"port": meeting.port})
        guest = meeting.accept()
    assert running.requeued == 1
    assert guest.is_gone()
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        meeting.accept().let_go("after the end")
        job = client.end_of(job_id)
    assert data(job) == ["after the end"]
    assert [(entry["type"], entry["reason"]) for entry in job["restarts"]] == [("preemption", "the engine ended")]


def test_a_killed_engine_loses_no_job_and_runs_none_twice(tmp_path: Path, meeting: Meeting):
    settings = settings_for(make_project(tmp_path))
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        done = client.run("add", {"a": 1})
        job_id = client.push("tree", {"port": meeting.port})
        queued = client.push("add", {"a": 2})
        guest = meeting.accept()
        until(lambda: client.job(job_id)["outputs"])
        os.kill(pid_of(tmp_path), signal.SIGKILL)
        assert guest.is_gone()
    assert endpoint(tmp_path).exists()
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        assert client.job(done["id"]) == done
        meeting.accept()
        until(lambda: client.job(job_id)["restarts"])
        assert len(client.http.get("/v2/jobs").json()["data"]) == 3
        client.http.delete(f"/v2/jobs/{job_id}")
        job = client.job(job_id)
        assert [output["data"] for output in job["outputs"]] == ["so far"]
        assert data(client.end_of(queued)) == [4]
    assert not endpoint(tmp_path).exists()


def test_a_caller_that_is_killed_takes_its_engine_with_it(tmp_path: Path, meeting: Meeting):
    make_project(tmp_path)
    program = (
        "import sys, time; from pathlib import Path; from tests.engine.conftest import settings_for;"
        "from sieve_jobs.engine.launch import attach_with;"
        f"running = attach_with(settings_for(Path({str(tmp_path)!r})));"
        "print(running.url, running.key, flush=True); time.sleep(600)"
    )
    caller = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with caller:
        url, key = caller.stdout.readline().split()  # type: ignore[union-attr]
        with Client(url, key) as client:
            client.push("wait", {"port": meeting.port})
            guest = meeting.accept()
        caller.kill()
        assert guest.is_gone()
    with attach_with(settings_for(tmp_path)) as running:
        assert running.started
        assert running.url


def test_serve_runs_until_a_signal(tmp_path: Path):
    make_project(tmp_path)
    program = (
        "import sys; from pathlib import Path; from sieve_jobs.engine.serve import serve;"
        "from sieve_jobs.engine.settings import Settings; root = Path(sys.argv[1]);"
        "sys.exit(serve(Settings(root, (root / 'functions',), workers=1), sys.stdout))"
    )
    server = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("engine at http://127.0.0.1:")
        with (
            attach(tmp_path, workers=1, functions=[], owner="me") as running,
            Client(running.url, running.key) as client,
        ):
            assert not running.started
            assert data(client.run("add", {"a": 1})) == [3]
        assert serve(Settings(tmp_path, workers=1), io.StringIO()) is None
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


def test_everything_it_writes_is_private(tmp_path: Path):
    before = os.umask(0)
    try:
        with attach_with(settings_for(make_project(tmp_path))) as running, Client(running.url, running.key) as client:
            client.run("shout", {"text": (tmp_path / "functions" / "plain.py").as_uri()})
            found = {path: path.lstat().st_mode for path in (tmp_path / ".sieve-jobs").rglob("*")}
    finally:
        os.umask(before)
    # What a function writes has its user's umask, for as long as it is there: in a folder that nobody else enters.
    scratch = home_of(tmp_path).scratch
    own = {path: mode for path, mode in found.items() if path == scratch or scratch not in path.parents}
    opened = {str(path) for path, mode in own.items() if mode & 0o077 and not stat.S_ISLNK(mode)}
    assert opened == set()
    assert scratch in own
    assert any(path.name == "key" for path in found)


def test_a_key_from_the_environment_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIEVE_JOBS_ENGINE_KEY", "a-key-of-the-users-own-choice")
    with attach(tmp_path, workers=0, functions=[], owner="me") as running:
        assert running.key == "a-key-of-the-users-own-choice"
        assert not (tmp_path / ".sieve-jobs" / "engine" / "key").exists()
        monkeypatch.setenv("SIEVE_JOBS_ENGINE_KEY", "another-key-altogether")
        with pytest.raises(EngineError, match="has another key"):
            attach(tmp_path, workers=0, functions=[], owner="me")


def test_a_damaged_engine_folder_is_refused_and_left_as_it_is(tmp_path: Path):
    def refused(reason: str) -> None:
        with pytest.raises(EngineError, match=reason):
            attach(tmp_path, workers=0, functions=[], owner="me")

    attach(tmp_path, workers=0, functions=[], owner="me").close()
    database = tmp_path / ".sieve-jobs" / "engine" / "engine.db"
    database.write_bytes(b"not a database at all" * 100)
    refused("cannot be read")
    assert database.read_bytes().startswith(b"not a database")
    key = tmp_path / ".sieve-jobs" / "engine" / "key"
    key.chmod(0o644)
    refused("open to other users")
    key.chmod(0o600)
    for content in (b"", b"\xff\xfe" * 20):
        key.write_bytes(content)
        refused("does not hold at least 16 printable ASCII characters; delete it")
        assert key.read_bytes() == content


def test_waiting_requests_are_answered_when_the_engine_ends(tmp_path: Path, meeting: Meeting):
    settings = settings_for(make_project(tmp_path))
    running = attach_with(settings)
    with Client(running.url, running.key) as client:
        job_id = client.push("wait", {"port": meeting.port})
        meeting.accept()
        answers: list[httpx.Response] = []
        asking = threading.Event()

        def ask() -> None:
            asking.set()
            answers.append(client.http.get(f"/v2/jobs/{job_id}/await"))

        waiter = threading.Thread(target=ask)
        waiter.start()
        asking.wait()
        until(lambda: client.http.get("/v2/jobs/none").status_code == 404)
        running.close()
        waiter.join()
    assert answers[0].status_code == 503


def test_one_worker_is_replaced_when_its_file_changes_or_it_dies(tmp_path: Path):
    settings = settings_for(make_project(tmp_path))
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        first = data(client.run("odd", {"what": "pid"}))[0]
        os.kill(first, signal.SIGKILL)
        second = data(client.run("odd", {"what": "pid"}))[0]
        with (tmp_path / "functions" / "plain.py").open("a") as file:
            file.write("\n# changed\n")
        third = data(client.run("odd", {"what": "pid"}))[0]
        assert len({first, second, third}) == 3


PASSING = "import sieve\n\n\n@sieve.function(name='passing')\ndef passing(a: int):\n    return a\n"


def push_behind_a_busy_worker(client: Client, meeting: Meeting, file: Path, then: str | None) -> str:
    """Pushes a job that waits for its worker while its file becomes *then*, or vanishes; its id."""
    busy = client.push("wait", {"port": meeting.port})
    guest = meeting.accept()
    waiting = client.push("passing", {"a": 1})
    file.unlink() if then is None else file.write_text(then)
    guest.let_go()
    client.end_of(busy)
    return waiting


def test_a_queued_job_waits_for_a_file_that_is_being_saved(tmp_path: Path, meeting: Meeting):
    settings = replace(settings_for(make_project(tmp_path)), absence=600.0)
    file = tmp_path / "functions" / "passing.py"
    file.write_text(PASSING)
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        waiting = push_behind_a_busy_worker(client, meeting, file, PASSING[:-3] + "(")
        assert client.job(waiting)["status"] == "queued"
        file.write_text(PASSING)
        client.run("add", {"a": 1})
        assert data(client.end_of(waiting)) == [1]


def test_a_queued_job_whose_function_is_gone_ends_in_error(tmp_path: Path, meeting: Meeting):
    settings = replace(settings_for(make_project(tmp_path)), absence=0.01)
    file = tmp_path / "functions" / "passing.py"
    file.write_text(PASSING)
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        waiting = push_behind_a_busy_worker(client, meeting, file, None)
        job = client.end_of(waiting)
    assert (job["status"], job["started_at"]) == ("error", None)
    assert job["error"] == "Function not found. me/passing: it is not here any more"


def test_pushes_survive_a_kill_and_are_made_once(tmp_path: Path):
    settings = settings_for(make_project(tmp_path))
    keys = [str(uuid.uuid4()) for _ in range(30)]

    def push(client: Client, key: str) -> str | None:
        try:
            return str(client.send("add", {"a": 1}, key=key).json()["id"])
        except httpx.HTTPError:
            return None

    with attach_with(settings) as running, Client(running.url, running.key) as client, ThreadPoolExecutor(4) as pool:
        pushing = [pool.submit(push, client, key) for key in keys]
        pushing[10].result()
        os.kill(pid_of(tmp_path), signal.SIGKILL)
        first = [future.result() for future in pushing]
    assert None in first
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        again = [push(client, key) for key in keys]
        assert all(one in {None, two} for one, two in zip(first, again, strict=True))
        ends = [client.end_of(str(job_id)) for job_id in again]
        assert [data(job) for job in ends] == [[3]] * 30
        assert len(client.http.get("/v2/jobs").json()["data"]) == 30


def test_an_engine_that_ends_still_tells_its_hooks(tmp_path: Path, receiver: Receiver):
    settings = settings_for(make_project(tmp_path))
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        hooks = [{"type": event, "url": receiver.url} for event in ("job.start", "job.complete")]
        client.run("add", {"a": 1}, webhooks=hooks)
    assert [receiver.next()[2]["type"] for _ in range(2)] == ["job.start", "job.complete"]
