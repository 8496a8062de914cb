"""Functions and versions, usage and concurrency, secrets: over HTTP, on one engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs.wire import parse_time
from tests.engine.farside import Client, Meeting, Receiver, data

EDIT = "/v2/functions/me/add/edit"
REPLICAS = "/v2/functions/me/add/versions/latest/edit"
INVALID = "Invalid values passed."
BAD_TIMES = "Invalid timestamps provided."
HOOKS = ("body", "webhooks", "hooks")
GONE = "Function not found."
NO_VERSION = "Function version not found."


def get(client: Client, path: str, **parameters: Any) -> Any:
    answer = client.http.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def version_of(client: Client, function: str) -> dict[str, Any]:
    return get(client, f"/v2/functions/me/{function}/versions/latest")


def test_an_edit_is_stronger_than_the_source_and_leaves_the_rest(client: Client):
    before = get(client, "/v2/functions/me/add")
    changes = {"title": "Sums", "visibility": "public", "readme": "# Sums", "examples": ["one"], "tags": []}
    edited = client.http.post(EDIT, json={**changes, "description": None, "further": 1})
    assert edited.status_code == 200
    assert edited.json() == {**before, **changes}
    client.http.post(EDIT, json={"title": "Sum"})
    after = get(client, "/v2/functions/me/add")
    assert after == {**before, **changes, "title": "Sum"}
    (listed,) = [app for app in get(client, "/v2/functions") if app["name"] == "add"]
    assert listed == {key: value for key, value in after.items() if key not in {"readme", "latest_version"}}


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        pytest.param(EDIT, {"visibility": "secret"}, 422, [["body", "visibility"]], id="visibility"),
        pytest.param(EDIT, {"title": 1}, 422, [["body", "title"]], id="title"),
        pytest.param(EDIT, {"tags": ["a", 1]}, 422, [["body", "tags", 1]], id="tags"),
        pytest.param(EDIT, {"webhooks": []}, 422, [["body", "webhooks"]], id="hooks-list"),
        pytest.param(EDIT, {"webhooks": {}}, 422, [[*HOOKS]], id="no-hooks"),
        pytest.param(EDIT, {"webhooks": {"hooks": [1]}}, 422, [[*HOOKS, 0]], id="hook"),
        pytest.param(EDIT, [], 422, [["body"]], id="array"),
        pytest.param("/v2/functions/me/none/edit", {}, 404, GONE, id="function"),
        pytest.param("/v2/functions/you/add/edit", {}, 404, GONE, id="owner"),
        pytest.param(REPLICAS, {"minimum_replicas": "1"}, 422, [["body", "minimum_replicas"]], id="text"),
        pytest.param(REPLICAS, {"minimum_replicas": -1}, 400, INVALID, id="negative"),
        pytest.param(REPLICAS, {"minimum_replicas": 2, "maximum_replicas": 1}, 400, INVALID, id="crossed"),
        pytest.param("/v2/functions/me/add/versions/abcd/edit", {}, 404, NO_VERSION, id="version"),
        pytest.param("/v2/secrets/TOKEN", {}, 422, [["body", "value"]], id="no-value"),
        pytest.param("/v2/secrets/TOKEN", {"value": "a\0b"}, 422, [["body", "value"]], id="nul"),
        pytest.param("/v2/secrets/A=B", {"value": "secret"}, 400, INVALID, id="secret-name"),
        pytest.param("/v2/upload_url", {"file_name": 1}, 422, [["body", "file_name"]], id="file-name"),
    ],
)  # fmt: skip
def test_a_body_that_does_not_fit(client: Client, path: str, body: Any, status: int, detail: Any):
    answer = client.http.post(path, json=body)
    found = answer.json()["detail"]
    assert answer.status_code == status
    assert (found if status != 422 else [item["loc"] for item in found]) == detail


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        pytest.param("/v2/functions/me/none/versions", 404, GONE, id="versions"),
        pytest.param("/v2/functions/me/add/versions/abc", 404, NO_VERSION, id="short-prefix"),
        pytest.param("/v2/functions/me/none/versions/latest", 404, NO_VERSION, id="version-of-none"),
        pytest.param("/v2/functions/me/none/jobs", 404, GONE, id="jobs"),
        pytest.param("/v2/functions/me/add/jobs?limit=0", 400, INVALID, id="limit"),
        pytest.param("/v2/functions/me/add/versions?offset=-1", 400, INVALID, id="offset"),
        pytest.param("/v2/functions/me/add/versions/abcd/jobs", 404, NO_VERSION, id="version-jobs"),
        pytest.param("/v2/usage?start_timestamp=x", 400, BAD_TIMES, id="usage-time"),
        pytest.param("/v2/usage?start_timestamp=2&end_timestamp=1", 400, BAD_TIMES, id="usage-order"),
        pytest.param("/v2/usage/function/me/no:ne", 400, "Invalid function specified.", id="usage-name"),
        pytest.param("/v2/usage/function/me/none", 404, GONE, id="usage-function"),
        pytest.param("/v2/usage/function/me/add/versions/abcd", 404, NO_VERSION, id="usage-version"),
        pytest.param("/v2/usage/job/none", 404, "Job not found.", id="usage-job"),
        pytest.param("/v2/secrets/NONE", 404, "Secret not found.", id="secret"),
        pytest.param("/v2/logs", 400, INVALID, id="logs-of-nothing"),
        pytest.param("/v2/logs?model_id=abcd&stage=build", 404, "Logs not found.", id="build-of-none"),
    ],
)  # fmt: skip
def test_refusals_are_worded_as_sieves(client: Client, path: str, status: int, detail: str):
    answer = client.http.get(path)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


@pytest.mark.parametrize(
    ("query", "where"),
    [
        pytest.param("job/x?aggregated=2", "aggregated", id="aggregated"),
        pytest.param("concurrency?chunk_size=29", "chunk_size", id="chunk"),
        pytest.param("concurrency?status=queued", "status", id="status"),
        pytest.param("concurrency?start=2026-01-01", "start", id="start"),
        pytest.param("concurrency?start=2026-13-01T00:00", "start", id="month"),
        pytest.param("concurrency?start=2026-01-01T00:00&end=2026-01-08T00:01", "end", id="span"),
        pytest.param("concurrency?start=2026-01-02T00:00&end=2026-01-01T00:00", "end", id="crossed"),
        pytest.param("concurrency?function=add", "function", id="function"),
    ],
)
def test_a_bad_parameter_is_fastapis_422(client: Client, query: str, where: str):
    answer = client.http.get(f"/v2/usage/{query}")
    assert answer.status_code == 422
    assert [item["loc"] for item in answer.json()["detail"]] == [["query", where]]


def test_versions_are_found_by_id_prefix_and_latest(client: Client):
    (version,) = get(client, "/v2/functions/me/pick/versions")
    assert get(client, "/v2/functions/me/pick/versions", offset=1) == []
    for slug in ("latest", version["id"], version["id"][:4]):
        assert get(client, f"/v2/functions/me/pick/versions/{slug}")["id"] == version["id"]
    assert version["maximum_replicas"] == 0
    assert version["current_workers"].keys() == {"starting", "setup", "active", "idle", "awaiting_resources"}
    edit = f"/v2/functions/me/pick/versions/{version['id']}/edit"
    assert client.http.post(edit, json={"maximum_replicas": 3.0}).json()["maximum_replicas"] == 3
    changed = client.http.post(edit, json={"minimum_replicas": 1, "maximum_replicas": None}).json()
    assert (changed["minimum_replicas"], changed["maximum_replicas"]) == (1, 3)
    client.http.post(edit, json={"minimum_replicas": 0, "maximum_replicas": 0})


def test_jobs_are_listed_by_function_and_by_version(client: Client):
    good, bad = client.push("pick", {"colour": "red"}), client.push("pick", {"colour": "green"})
    for job_id in (client.push("boom", {"text": "no"}), good, bad):
        client.end_of(job_id)
    jobs = "/v2/functions/me/pick/jobs"
    assert [job["id"] for job in get(client, jobs)["data"]] == [bad, good]
    assert [job["id"] for job in get(client, jobs, status="error")["data"]] == [bad]
    first = get(client, jobs, limit=1)
    assert ([job["id"] for job in first["data"]], first["next_offset"]) == ([bad], 1)
    of_version = get(client, "/v2/functions/me/pick/versions/latest/jobs", offset=1, status="error")
    assert [job["id"] for job in of_version["data"]] == [good]
    assert of_version["next_offset"] == -1


def test_a_functions_webhooks_are_those_of_pushes_that_name_none(client: Client, receiver: Receiver, project: Path):
    hook = {"type": "job.complete.no_output", "url": receiver.url + "/function?a=1"}
    client.http.post("/v2/functions/me/boom/edit", json={"webhooks": {"hooks": [hook]}})
    assert get(client, "/v2/functions/me/boom")["webhooks"] == [hook]
    inherits = client.push("boom", {"text": "1"})
    path, _, event = receiver.next()
    assert (path, event["body"]["job_id"]) == ("/function?a=1", inherits)
    own = {"type": "job_start", "url": receiver.url + "/push"}
    replaced = client.push("boom", {"text": "2"}, webhooks=[own])
    silenced = client.push("boom", {"text": "3"}, webhooks=[])
    for job_id in (inherits, replaced, silenced):
        client.end_of(job_id)
    with closing(sqlite3.connect(project / ".sieve-jobs" / "engine" / "engine.db")) as database:
        events = database.execute("SELECT job_id, type FROM outbox ORDER BY id").fetchall()
    assert events == [(inherits, "job.complete.no_output"), (replaced, "job_start")]
    client.http.post("/v2/functions/me/boom/edit", json={"webhooks": {"hooks": []}})
    assert get(client, "/v2/functions/me/boom")["webhooks"] == []


def test_concurrency_counts_what_runs_now(client: Client, meeting: Meeting):
    job_id = client.push("wait", {"port": meeting.port})
    guest = meeting.accept()
    running = {"max_concurrency": 2, "num_current": 1, "num_processing": 1, "num_queued": 0, "num_limited": 0}
    assert get(client, "/v2/user/concurrency") == running
    assert version_of(client, "wait")["current_workers"]["active"] == 1
    guest.let_go()
    client.end_of(job_id)
    assert get(client, "/v2/user/concurrency")["num_current"] == 0


def test_usage_is_the_time_that_jobs_ran(client: Client):
    begun = datetime.now(UTC)
    client.run("warm", {"step": 1})
    (job,) = get(client, "/v2/functions/me/warm/jobs")["data"]
    seconds = (parse_time(job["completed_at"]) - parse_time(job["started_at"])).total_seconds()
    usage = get(client, "/v2/usage/function/me/warm", start_timestamp="", end_timestamp="")
    assert usage["total_compute_seconds"] == pytest.approx(seconds, abs=1e-6)
    assert usage["cpu"] == {"compute_seconds": usage["total_compute_seconds"], "cost_dollars": 0.0}
    assert get(client, "/v2/usage/function")["me/warm"] == usage
    assert get(client, "/v2/usage/function/me/warm/versions/latest") == usage
    assert get(client, "/v2/usage")["total_compute_seconds"] >= usage["total_compute_seconds"]
    earlier = get(client, "/v2/usage", start_timestamp=0, end_timestamp=begun.timestamp() - 3600)
    assert (earlier["total_compute_seconds"], earlier["cpu"]) == (0, None)
    cost = get(client, f"/v2/usage/job/{job['id']}", aggregated="false")
    assert cost == {
        "job_id": job["id"],
        "function_name": "warm",
        "function_owner_name": "me",
        "function_id": job["function_id"],
        "cost": 0.0,
    }


def test_concurrency_over_time_comes_in_chunks(client: Client):
    client.run("pool", {"numbers": [1]})
    start, end = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (-60, 30))
    times = {"start": f"{start:%Y-%m-%dT%H:%M}", "end": f"{end:%Y-%m-%dT%H:%M}"}
    found = get(client, "/v2/usage/concurrency", function="me/pool", chunk_size=45, **times)
    assert [chunk["num_jobs"] for chunk in found] == [0, 1]
    assert found[1]["median_processing_time_seconds"] > 0
    assert get(client, "/v2/usage/concurrency", function="me/pool", status="error", **times)[1]["num_jobs"] == 0
    assert len(get(client, "/v2/usage/concurrency")) == 24


def test_what_costs_nothing_says_so(client: Client):
    assert get(client, "/v2/usage/credits") == {"credits": 0, "unlimited": True}
    assert get(client, "/v2/services/compute") == {}


@pytest.fixture
def secret(client: Client) -> Iterator[str]:
    """A secret by the name of the variable that `needs` declares."""
    value = "sesame-open"
    assert client.http.post("/v2/secrets/TOKEN", json={"value": value}).status_code == 200
    yield value
    client.http.delete("/v2/secrets/TOKEN")


def test_a_secret_is_never_shown(client: Client, secret: str):
    made = get(client, "/v2/secrets/TOKEN")
    assert made["value"] == "se***"
    again = client.http.post("/v2/secrets/TOKEN", json={"value": "another one"})
    assert (again.status_code, again.json()) == (409, {"detail": "Secret already exists."})
    changed = client.http.put("/v2/secrets/TOKEN", json={"value": "short"}).json()
    assert (changed["value"], changed["created_at"]) == ("***", made["created_at"])
    client.http.put("/v2/secrets/OTHER", json={"value": "something else"})
    page = get(client, "/v2/secrets", limit=1)
    assert ([item["name"] for item in page["data"]], page["next_offset"]) == (["OTHER"], 1)
    page = get(client, "/v2/secrets", limit=1, offset=1)
    assert ([item["name"] for item in page["data"]], page["next_offset"]) == (["TOKEN"], -1)
    assert client.http.delete("/v2/secrets/OTHER").json() == {"message": "Secret deleted"}
    assert client.http.delete("/v2/secrets/OTHER").status_code == 404


def test_a_secret_is_the_environment_of_who_declares_it(client: Client, secret: str, project: Path):
    version_of(client, "needs")
    job = client.run("needs", {"a": 1})
    assert data(job) == [secret]
    assert secret not in str({**job, "outputs": []})
    assert data(client.run("needs", {"a": 1}, env={"TOKEN": "of the push"})) == ["of the push"]
    client.http.put("/v2/secrets/TOKEN", json={"value": "rotated"})
    assert data(client.run("needs", {"a": 1})) == ["rotated"]
    client.http.delete("/v2/secrets/TOKEN")
    refused = client.send("needs", {"a": 1})
    assert (refused.status_code, refused.json()) == (400, {"detail": "Missing environment variable: TOKEN"})
    assert secret not in (project / ".sieve-jobs" / "engine" / "log").read_text()


def test_a_versions_build_has_logs_of_its_own(client: Client):
    asked = {"model_id": version_of(client, "pick")["id"], "stage": "build", "start_time": 7_000_000_000_000}
    page = get(client, "/v2/logs", **asked)
    assert page == {"data": [], "next_start_time": 7_000_000_000_000, "last_time_returned": "6999999999999"}
    assert client.http.get("/v2/logs", params={**asked, "stage": "run"}).status_code == 400


def test_metrics_are_text_for_prometheus(client: Client):
    client.run("add", {"a": 1})
    answer = client.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(lines['sieve_jobs_jobs{status="finished"}']) >= 1
    assert float(lines["sieve_jobs_push_seconds_count"]) >= 1
    assert lines["sieve_jobs_workers_limit"] == "2.0"
