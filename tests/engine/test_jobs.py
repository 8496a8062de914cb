"""Jobs from push to their end, on real workers."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs.engine.home import make_home
from tests.engine.farside import Client, Meeting, Receiver, data, until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")


def test_a_push_answers_with_all_seven_keys(client: Client):
    answer = client.send("stream", {"port": 1})
    body = answer.json()
    assert answer.headers["Sieve-Jobs-Engine"] == "1"
    assert body.keys() == {
        "id", "run_id", "stream_output", "status", "organization_id", "model_id", "workflow_id",
    }  # fmt: skip
    assert uuid.UUID(body["id"]).version == 4
    assert body["run_id"].startswith(body["id"] + "-")
    assert (body["status"], body["stream_output"], body["workflow_id"]) == ("queued", True, None)


def test_a_finished_job_has_the_documented_form(client: Client):
    job = client.run("add", {"a": 40})
    assert data(job) == [42]
    assert job["function"] == {"name": "add", "owner_name": "me"}
    assert (job["error"], job["visibility"], job["children"], job["restarts"]) == ("", "private", None, [])
    assert all(TIME.fullmatch(job[name]) for name in ("created_at", "started_at", "completed_at"))
    assert job["inputs"]["a"]["data"] == 40
    assert job["inputs"]["a"]["description"] == "The first"
    assert (job["inputs"]["b"]["data"], job["inputs"]["b"]["is_optional"]) == (2, True)
    assert job["outputs"][0]["run_id"] == job["run_id"]


def test_positional_inputs_come_back_by_name(client: Client):
    job = client.run("add", [1, 5])
    assert data(job) == [6]
    assert {name: item["data"] for name, item in job["inputs"].items()} == {"a": 1, "b": 5}


@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        pytest.param("add", {"a": "x"}, "Invalid input type: <class 'str'>. Expected <class 'int'>", id="type"),
        pytest.param("add", {"c": 1}, "Invalid input name: c", id="name"),
        pytest.param("add", {}, "Too few inputs", id="too-few"),
        pytest.param("add", [1, 2, 3], "Too many inputs", id="too-many"),
        pytest.param("pick", {"colour": "green"}, "Invalid input: green. Expected one of", id="literal"),
        pytest.param("shout", {"text": "file:///no/such/file"}, "could not open the file", id="absent-file"),
        pytest.param("cold", {"step": 1}, "Setup failed: Traceback", id="setup"),
        pytest.param("broken", {"a": 1}, "Setup failed: Traceback", id="import"),
        pytest.param("odd", {"what": "exit"}, "SystemExit: 3", id="exit"),
        pytest.param("odd", {"what": "nan"}, "no JSON form", id="nan"),
        pytest.param("odd", {"what": "huge"}, "Input/Output too large", id="too-large"),
        pytest.param("odd", {"what": "surrogate"}, "ValueError: half a pair: \\ud83d", id="surrogate"),
    ],
)
def test_what_is_wrong_ends_the_job_in_error(client: Client, function: str, inputs: Any, expected: str):
    job = client.run(function, inputs)
    assert job["status"] == "error"
    assert expected in job["error"]
    assert (job["outputs"], job["restarts"]) == ([], [])


def test_an_error_is_the_traceback_of_the_functions_own_code(client: Client):
    error = client.run("boom", {"text": "no luck"})["error"]
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.endswith("\nValueError: no luck")
    assert "plain.py" in error
    assert "sieve_jobs" not in error


def test_a_generator_is_seen_while_it_runs(client: Client, meeting: Meeting):
    job_id = client.push("stream", {"port": meeting.port})
    guest = meeting.accept()
    while not (job := client.job(job_id))["outputs"]:
        assert job["status"] == "processing"
    assert [output["data"] for output in job["outputs"]] == ["first"]
    guest.let_go("second")
    assert data(client.end_of(job_id)) == ["first", "second"]
    later = client.http.get(f"/v2/jobs/{job_id}", params={"offset": 1}).json()
    assert [output["data"] for output in later["outputs"]] == ["second"]
    assert client.http.get(f"/v2/jobs/{job_id}", params={"offset": 9}).json()["outputs"] == []


def test_a_worker_stays_warm_until_its_env_changes(client: Client):
    first = data(client.run("warm", {"step": 1}))[0]
    second = data(client.run("warm", {"step": 1}))[0]
    rotated = data(client.run("warm", {"step": 1}, env={"TOKEN": "new"}))[0]
    assert (first["jobs"], second["jobs"], rotated["jobs"]) == (1, 2, 1)
    assert (second["token"], rotated["token"]) == ("none", "new")
    assert first["pid"] == second["pid"] == rotated["pid"]


def test_nothing_of_a_job_leaks_to_the_next(client: Client, engine: Any, project: Path):
    job_id = client.push("environment", {"port": 0}, env={"CANARY": "s3cret", "GREETING": "hi"})
    first = data(client.end_of(job_id))[0]
    second = data(client.run("environment", {"port": 0}))[0]
    assert first["pid"] == second["pid"]
    assert (first["env"]["CANARY"], first["env"]["GREETING"]) == ("s3cret", "hi")
    assert first["env"]["SIEVE_JOB_ID"] == job_id
    assert "CANARY" not in second["env"]
    assert "LEFT_BEHIND" not in second["env"]
    assert second["env"]["GREETING"] == "hello"
    assert second["env"]["SIEVE_JOB_ID"] != job_id
    assert engine.key not in second["env"].values()
    assert second["cwd"] == str(project / "functions")
    assert not Path(first["tmp"]).exists()


def test_a_missing_variable_is_refused_once_the_function_is_known(client: Client):
    assert "Missing environment variable: TOKEN" in client.run("needs", {"a": 1})["error"]
    refused = client.send("needs", {"a": 1})
    assert (refused.status_code, refused.json()) == (400, {"detail": "Missing environment variable: TOKEN"})
    assert refused.headers["X-Sieve-Jobs-Applied"] == "no"
    assert data(client.run("needs", {"a": 1}, env={"TOKEN": "t"})) == ["t"]


def test_cancelling_kills_the_whole_tree_and_keeps_outputs(client: Client, meeting: Meeting):
    job_id = client.push("tree", {"port": meeting.port})
    guest = meeting.accept()
    until(lambda: client.job(job_id)["outputs"])
    answer = client.http.delete(f"/v2/jobs/{job_id}")
    assert (answer.status_code, answer.json()) == (200, {"message": "Job cancelled"})
    job = client.end_of(job_id)
    assert (job["status"], job["error"]) == ("cancelled", "")
    assert [output["data"] for output in job["outputs"]] == ["so far"]
    assert guest.is_gone()
    again = client.http.delete(f"/v2/jobs/{job_id}")
    assert (again.status_code, again.json()) == (400, {"detail": "Job is not processing."})


def test_a_queued_job_is_cancelled_without_having_started(client: Client, meeting: Meeting):
    running = [client.push("wait", {"port": meeting.port}) for _ in range(2)]
    guests = [meeting.accept() for _ in running]
    queued = client.push("wait", {"port": meeting.port})
    assert client.http.delete(f"/v2/jobs/{queued}").status_code == 200
    job = client.end_of(queued)
    assert (job["status"], job["started_at"]) == ("cancelled", None)
    for guest in guests:
        guest.let_go()
    assert [client.end_of(job_id)["status"] for job_id in running] == ["finished", "finished"]


def test_a_job_whose_worker_is_killed_runs_again(client: Client, meeting: Meeting):
    job_id = client.push("wait", {"port": meeting.port})
    first = meeting.accept()
    before = client.job(job_id)
    os.kill(first.told["pid"], signal.SIGKILL)
    meeting.accept().let_go("second")
    job = client.end_of(job_id)
    assert data(job) == ["second"]
    (restart,) = job["restarts"]
    assert (restart["type"], restart["run_id"]) == ("error", before["run_id"])
    assert restart["reason"] == "worker died: it was killed by SIGKILL"
    assert job["run_id"] != before["run_id"]
    assert job["started_at"] == before["started_at"]


def test_a_job_whose_end_cannot_be_recorded_runs_again_and_nothing_beside_it(
    client: Client, meeting: Meeting, project: Path
):
    """A trigger stands in for what may go wrong with one job's rows alone."""
    job_id = client.push("wait", {"port": meeting.port})
    guest = meeting.accept()
    with contextlib.closing(sqlite3.connect(make_home(project).database)) as database:
        database.execute(
            f"CREATE TRIGGER refuse BEFORE UPDATE ON jobs WHEN NEW.status = 'finished' AND NEW.id = '{job_id}'"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        guest.let_go()
        assert data(client.run("add", {"a": 1})) == [3]
        again = meeting.accept()
        database.execute("DROP TRIGGER refuse")
    again.let_go()
    job = client.end_of(job_id)
    assert len(data(job)) == 1
    (restart,) = job["restarts"]
    assert restart["reason"] == "worker died: the engine could not record its result"


def test_a_job_that_kills_every_worker_ends_in_error(client: Client):
    job = client.run("odd", {"what": "vanish"})
    assert job["status"] == "error"
    assert "Worker died 4 times" in job["error"]
    assert "exited with status 9" in job["error"]
    assert [restart["type"] for restart in job["restarts"]] == ["error"] * 3


def test_a_worker_that_lets_go_of_the_engine_gave_no_result(client: Client):
    job = client.run("odd", {"what": "close"})
    assert job["status"] == "error"
    assert "Worker died 4 times" in job["error"]


def test_a_fatal_exception_ends_the_job_and_its_worker(client: Client):
    before = data(client.run("odd", {"what": "pid"}))[0]
    assert "worn out" in client.run("odd", {"what": "fatal"})["error"]
    assert data(client.run("odd", {"what": "pid"}))[0] != before


def test_logs_are_filed_by_stage_in_order(client: Client):
    job = client.run("talk", {"port": 0})
    assert client.lines(job["id"]) == [("run", "one"), ("run", "two"), ("run", "three"), ("run", "four")]
    page = client.http.get("/v2/logs", params={"job_id": job["id"]}).json()
    stamps = [int(line["timestamp"]) for group in page["data"] for line in group["logs"]]
    assert stamps == sorted(set(stamps))
    assert page["next_start_time"] == stamps[-1] + 1
    rest = client.http.get("/v2/logs", params={"job_id": job["id"], "start_time": stamps[1] + 1}).json()
    assert [line["message"] for group in rest["data"] for line in group["logs"]] == ["three", "four"]
    done = client.http.get("/v2/logs", params={"job_id": job["id"], "start_time": page["next_start_time"]}).json()
    assert (done["data"], done["next_start_time"]) == ([], page["next_start_time"])


def test_logs_are_capped(client: Client):
    lines = client.lines(client.run("flood", {"lines": 20_000})["id"])
    assert len(lines) == 51
    assert "not kept" in lines[-1][1]


def test_a_changed_file_gets_a_fresh_worker_and_a_new_version(client: Client, project: Path):
    file = project / "functions" / "changing.py"
    text = "import sieve\n\n\n@sieve.function(name='changing')\ndef changing(a: int):\n    return {}\n"
    file.write_text(text.format("a + 1"))
    first = client.run("changing", {"a": 1})
    file.write_text(text.format("a + 2"))
    second = client.run("changing", {"a": 1})
    assert (data(first), data(second)) == ([2], [3])
    assert first["function_id"] != second["function_id"]
    pinned = client.http.post("/v2/push", json={"id": second["function_id"][:7], "inputs": {"a": 2}})
    assert pinned.json()["model_id"] == second["function_id"]
    gone = client.http.post("/v2/push", json={"function": f"me/changing:{first['function_id']}", "inputs": {"a": 2}})
    assert (gone.status_code, gone.json()) == (404, {"detail": "Function not found."})
    file.unlink()
    assert client.send("changing", {"a": 1}).status_code == 404


def test_what_a_module_and_a_class_print_is_filed_under_import_and_setup(client: Client, project: Path):
    (project / "functions" / "chatty.py").write_text(
        "import sieve\nprint('importing')\n\n\n@sieve.Model(name='chatty')\nclass Chatty:\n"
        "    def __setup__(self):\n        print('setting up')\n\n"
        "    def __predict__(self, a: int):\n        print('running')\n"
    )
    first, second = (client.run("chatty", {"a": 1}) for _ in range(2))
    assert client.lines(first["id"]) == [("import", "importing"), ("setup", "setting up"), ("run", "running")]
    assert client.lines(second["id"]) == [("run", "running")]
    (project / "functions" / "chatty.py").unlink()


def test_a_function_may_fork_and_end_its_children(client: Client):
    (squares, first), (_, second) = (data(client.run("pool", {"numbers": [1, 2, 3]}))[0] for _ in range(2))
    assert squares == [1, 4, 9]
    assert first == second


@pytest.mark.parametrize(("what", "status"), [("fork", 0), ("fork-exit", 7), ("fork-raise", 1)])
def test_a_fork_that_comes_back_does_not_answer_for_the_job(client: Client, what: str, status: int):
    job = client.run("odd", {"what": what})
    worker, found = data(job)[0]
    assert found == status
    assert [line for _, line in client.lines(job["id"])][-1:] == ["RuntimeError: in the fork"] * (what == "fork-raise")
    assert data(client.run("odd", {"what": "pid"})) == [worker]


def test_cancelling_races_with_finishing_to_one_end(client: Client, receiver: Receiver):
    race(client, receiver, 20)


@pytest.mark.soak
def test_cancelling_races_with_finishing_many_times(client: Client, receiver: Receiver):
    cancelled = sum(race(client, receiver, 100) for _ in range(100))
    print(f"10,000 races, {cancelled:,} of them ended as cancelled: one end and one event each")


def race(client: Client, receiver: Receiver, count: int) -> int:
    """Cancels jobs that are about to finish; how many were."""
    hook = {"type": "job.complete.no_output", "url": receiver.url}
    jobs = [client.push("add", {"a": 1}, webhooks=[hook]) for _ in range(count)]
    answers = [client.http.delete(f"/v2/jobs/{job_id}").status_code for job_id in jobs]
    ends = {job_id: client.end_of(job_id)["status"] for job_id in jobs}
    assert [ends[job_id] == "cancelled" for job_id in jobs] == [status == 200 for status in answers]
    told = [receiver.next()[2]["body"] for _ in jobs]
    assert {body["job_id"]: body["status"] for body in told} == ends
    assert receiver.received.empty()
    return list(ends.values()).count("cancelled")
