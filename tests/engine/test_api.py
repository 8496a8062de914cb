"""The API's edges: keys, origins, bodies, ids, lists, files. One engine, nothing but HTTP."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sieve_jobs.engine.app import ROUTES
from sieve_jobs.engine.home import HEALTH
from sieve_jobs.engine.launch import Running, path_on_disk
from sieve_jobs.engine.signing import FILES, Signer, parse_file_url
from tests.engine.farside import Client, Meeting, data

PUSH = {"function": "me/add", "inputs": {"a": 1}}
PICKLED = "Serialized inputs are not supported; send JSON inputs."
HOOK = ("body", "webhooks", 0)


def hooked(hook: dict[str, Any]) -> dict[str, Any]:
    return {**PUSH, "webhooks": [hook]}


def raw(engine: Running, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Sends exactly *head*, for what no HTTP client would send."""
    parts = urlsplit(engine.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    return int(received.split(b" ", 2)[1]), received


CLOSED = [(method, path) for method, path, _ in ROUTES if path != HEALTH and not path.startswith(FILES)]


@pytest.mark.parametrize(("method", "path"), [pytest.param(*route, id=" ".join(route)) for route in CLOSED])
@pytest.mark.parametrize("keys", [pytest.param([], id="no-key"), pytest.param(["wrong"], id="wrong"), ["a", "b"]])
def test_every_route_asks_for_the_key(engine: Running, method: str, path: str, keys: list[str]):
    answer = httpx.request(method, engine.url + path, headers=[("X-API-Key", key) for key in keys], trust_env=False)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized - valid API Key required."})
    assert answer.headers["Sieve-Jobs-Engine"] == "1"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="plain"),
        pytest.param({"Host": "localhost:{port}"}, 200, id="localhost"),
        pytest.param({"Host": "localhost"}, 421, id="no-port"),
        pytest.param({"Host": "127.0.0.1:1"}, 421, id="other-port"),
        pytest.param({"Host": "evil.example:{port}"}, 421, id="rebound-name"),
        pytest.param({"Host": "127.0.0.1.evil.example:{port}"}, 421, id="suffix"),
        pytest.param({"Host": "localhost.:{port}"}, 421, id="trailing-dot"),
        pytest.param({"X-Forwarded-Host": "evil.example"}, 200, id="forwarded-does-not-count"),
        pytest.param({"Origin": "http://127.0.0.1:{port}"}, 200, id="own-origin"),
        pytest.param({"Origin": "https://evil.example"}, 403, id="foreign-origin"),
        pytest.param({"Origin": "null"}, 403, id="null-origin"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, 200, id="same-origin"),
        pytest.param({"Sec-Fetch-Site": "none"}, 200, id="typed-by-the-user"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="cross-site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, id="another-port"),
    ],
)
def test_who_may_ask(client: Client, engine: Running, headers: dict[str, str], status: int):
    port = str(urlsplit(engine.url).port)
    sent = {name: value.replace("{port}", port) for name, value in headers.items()}
    answer = client.http.get("/v2/jobs", headers=sent)
    assert answer.status_code == status
    assert answer.headers["Sieve-Jobs-Engine"] == "1"
    assert "access-control-allow-origin" not in answer.headers


def test_two_host_headers_are_refused(engine: Running):
    host = urlsplit(engine.url).netloc
    assert raw(engine, f"GET /healthz HTTP/1.1\nHost: {host}\nHost: {host}\nConnection: close")[0] == 421


def test_health_and_options_need_no_key(engine: Running):
    assert httpx.get(engine.url + "/healthz", trust_env=False).json()["status"] == "ok"
    assert httpx.options(engine.url + "/v2/push", trust_env=False).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        pytest.param("GET", "/v2/nothing", 404, "Not Found", id="unknown-route"),
        pytest.param("GET", "/v2/usage/history", 404, "Not Found", id="removed-route"),
        pytest.param("PUT", "/v2/jobs", 405, "Method Not Allowed", id="method"),
        pytest.param("GET", f"/v2/jobs/{uuid.uuid4()}", 404, "Job not found.", id="job"),
        pytest.param("GET", "/v2/jobs/x/await", 404, "Job not found.", id="await"),
        pytest.param("DELETE", "/v2/jobs/x", 404, "Job not found.", id="cancel"),
        pytest.param("GET", "/v2/jobs/x?offset=-1", 400, "Invalid values passed.", id="offset"),
        pytest.param("GET", "/v2/jobs?limit=0", 400, "Invalid values passed.", id="limit"),
        pytest.param("GET", "/v2/jobs?offset=-1", 400, "Invalid values passed.", id="list-offset"),
        pytest.param("GET", "/v2/logs?job_id=x", 404, "Logs not found.", id="logs"),
        pytest.param("GET", "/v2/logs?job_id=x&start_time=a", 400, "Invalid timestamps provided.", id="log-time"),
        pytest.param("GET", "/v2/logs?job_id=x&start_time=2&end_time=1", 400, "Invalid timestamps provided.", id="end"),
        pytest.param("GET", "/v2/functions/me/none", 404, "Function not found.", id="function"),
        pytest.param("GET", "/v2/functions/you/add", 404, "Function not found.", id="owner"),
    ],
)  # fmt: skip
def test_refusals_are_worded_as_sieves(client: Client, method: str, path: str, status: int, detail: str):
    answer = client.http.request(method, path)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


@pytest.mark.parametrize(
    ("query", "where"),
    [
        pytest.param("limit=x", ["query", "limit"], id="limit"),
        pytest.param("offset=1.5", ["query", "offset"], id="offset"),
        pytest.param("status=failed", ["query", "status"], id="status"),
    ],
)
def test_a_bad_parameter_is_fastapis_422(client: Client, query: str, where: list[str]):
    answer = client.http.get(f"/v2/jobs?{query}")
    assert answer.status_code == 422
    (item,) = answer.json()["detail"]
    assert item["loc"] == where
    assert item.keys() >= {"loc", "msg", "type"}


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        pytest.param({"inputs": {}}, 400, "Invalid function specified.", id="neither"),
        pytest.param({**PUSH, "id": "abcd"}, 400, "Invalid function specified.", id="both"),
        pytest.param({"function": "me/none", "inputs": {}}, 404, "Function not found.", id="unknown"),
        pytest.param({"function": "add", "inputs": {}}, 404, "Function not found.", id="no-author"),
        pytest.param({"function": "me/add:abcd", "inputs": {}}, 404, "Function not found.", id="version"),
        pytest.param({"id": "abc", "inputs": {}}, 404, "Function not found.", id="short-id"),
        pytest.param({**PUSH, "serialized": True}, 400, PICKLED, id="pickle"),
        pytest.param({"function": "me/add"}, 422, [["body", "inputs"]], id="no-inputs"),
        pytest.param({**PUSH, "inputs": "x"}, 422, [["body", "inputs"]], id="inputs-text"),
        pytest.param({**PUSH, "function": 1}, 422, [["body", "function"]], id="function-number"),
        pytest.param({**PUSH, "env": {"A": {}}}, 422, [["body", "env", "A"]], id="env"),
        pytest.param({**PUSH, "env": {"A=B": "x"}}, 422, [["body", "env"]], id="env-name"),
        pytest.param(hooked({"type": "job.done", "url": "http://h"}), 422, [[*HOOK, "type"]], id="event"),
        pytest.param(hooked({"type": "job.start"}), 422, [[*HOOK, "url"]], id="no-url"),
        pytest.param(hooked({"type": "job.start", "url": "ftp://h"}), 422, [[*HOOK, "url"]], id="scheme"),
        pytest.param(hooked({"type": ["job.start"], "url": "http://h"}), 422, [[*HOOK, "type"]], id="event-list"),
        pytest.param(hooked({"type": "job.start", "url": "http://[::1"}), 422, [[*HOOK, "url"]], id="bracket"),
        pytest.param(hooked({"type": "job.start", "url": "http://h:99999/"}), 422, [[*HOOK, "url"]], id="port"),
        pytest.param(hooked({"type": "job.start", "url": "http://u@/"}), 422, [[*HOOK, "url"]], id="no-host"),
        pytest.param([], 422, [["body"]], id="array"),
    ],
)  # fmt: skip
def test_a_refused_push_says_that_nothing_was_created(client: Client, body: Any, status: int, detail: Any):
    answer = client.http.post("/v2/push", json=body)
    told = answer.json()["detail"]
    assert answer.status_code == status
    assert (told if isinstance(told, str) else [item["loc"] for item in told]) == detail
    assert answer.headers["X-Sieve-Jobs-Applied"] == "no"


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        pytest.param(b"{", "application/json", 406, id="cut"),
        pytest.param(b"\xff", "application/json", 406, id="not-utf8"),
        pytest.param(b'{"inputs":{"a":NaN}}', "application/json", 406, id="nan"),
        pytest.param(b'{"function":"me/add","inputs":{"a":1e999}}', "application/json", 406, id="infinite"),
        pytest.param(b'{"inputs":{"a":1,"a":2}}', "application/json", 406, id="duplicate-key"),
        pytest.param(b"[" * 100_000, "application/json", 406, id="deep"),
        pytest.param(b'{"inputs":' + b"[" * 80 + b"]" * 80 + b"}", "application/json", 406, id="too-deep"),
        pytest.param(b'{"inputs":{"a":' + b"1" * 5000 + b"}}", "application/json", 406, id="digits"),
        pytest.param(b"{}", "text/plain", 406, id="text"),
        pytest.param(b"{}", "application/x-www-form-urlencoded", 406, id="form"),
        pytest.param(b" " * (50 * 1024 * 1024 + 1), "application/json", 413, id="too-large"),
    ],
)
def test_a_body_that_is_not_taken(client: Client, content: bytes, media_type: str, status: int):
    answer = client.http.post("/v2/push", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert answer.headers["X-Sieve-Jobs-Applied"] == "no"


def test_a_body_that_grows_past_the_limit_unannounced_is_refused(client: Client):
    pieces = (b" " * 1_048_576 for _ in range(51))
    answer = client.http.post("/v2/push", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_the_same_key_and_body_is_one_job(client: Client):
    key = str(uuid.uuid4())
    first = client.send("add", {"a": 1, "b": 2}, key=key)
    again = client.http.post(
        "/v2/push", json={"inputs": {"b": 2, "a": 1}, "function": "me/add"}, headers={"Idempotency-Key": key}
    )
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    found = client.http.get("/v2/jobs", params={"client_ref": key}).json()
    assert [job["id"] for job in found["data"]] == [first.json()["id"]]
    assert client.http.get("/v2/jobs", params={"client_ref": str(uuid.uuid4())}).json() == {
        "data": [],
        "next_offset": -1,
    }


def test_the_same_key_with_another_body_is_refused(client: Client):
    key = str(uuid.uuid4())
    client.send("add", {"a": 1}, key=key)
    other = client.send("add", {"a": 2}, key=key)
    assert other.status_code == 422
    assert other.json()["detail"][0]["loc"] == ["header", "Idempotency-Key"]


def test_pushes_with_one_key_at_the_same_time_make_one_job(client: Client):
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.send("add", {"a": 1}, key=key), range(64)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1


def test_a_refused_push_leaves_its_key_unused(client: Client):
    key = str(uuid.uuid4())
    assert client.send("none", {}, key=key).status_code == 404
    assert client.send("add", {"a": 1}, key=key).status_code == 200


def test_a_large_job_is_shown_as_a_small_one_is(client: Client):
    """It is written beside the event loop, in pieces."""
    job_id = client.push("long", {"sizes": [10, 300_000, 0]})
    ended = client.end_of(job_id)
    assert [len(text) for text in data(ended)] == [10, 300_000, 0]
    answer = client.http.get(f"/v2/jobs/{job_id}", params={"offset": 1})
    assert answer.json() == {**ended, "outputs": ended["outputs"][1:]}
    assert answer.text == json.dumps(answer.json(), separators=(",", ":"))
    (listed,) = client.http.get("/v2/jobs", params={"limit": 1}).json()["data"]
    assert listed == ended
    of_function = client.http.get("/v2/functions/me/long/jobs").json()
    assert of_function == {"data": [ended], "next_offset": -1}


def test_lists_are_newest_first_in_pages(client: Client):
    pushed = [client.push("add", {"a": number}) for number in range(5)]
    for job_id in pushed:
        client.end_of(job_id)
    first = client.http.get("/v2/jobs", params={"limit": 3}).json()
    rest = client.http.get("/v2/jobs", params={"limit": 2, "offset": first["next_offset"]}).json()
    assert [job["id"] for job in first["data"] + rest["data"]] == pushed[::-1]
    assert first["next_offset"] == 3
    everything = client.http.get("/v2/jobs", params={"limit": 100_000}).json()
    assert everything["next_offset"] == -1
    finished = client.http.get("/v2/jobs", params={"status": "finished"}).json()["data"]
    assert {job["id"] for job in finished} >= set(pushed)
    assert {job["status"] for job in finished} == {"finished"}


def test_awaiting_gives_up_after_its_time_and_changes_nothing(client: Client, meeting: Meeting):
    job_id = client.push("wait", {"port": meeting.port})
    guest = meeting.accept()
    answer = client.http.get(f"/v2/jobs/{job_id}/await", params={"timeout": 0.01})
    assert (answer.status_code, answer.json()) == (408, {"detail": "Request timeout."})
    assert client.http.get(f"/v2/jobs/{job_id}/await", params={"timeout": "x"}).status_code == 422
    guest.let_go()
    assert data(client.end_of(job_id)) == ["go"]


def test_functions_show_their_version(client: Client):
    apps = client.http.get("/v2/functions", params={"limit": 500}).json()
    assert {"add", "broken", "warm"} <= {app["name"] for app in apps}
    assert all("latest_version" not in app for app in apps)
    app = client.http.get("/v2/functions/me/add").json()
    version = app["latest_version"]
    assert (app["owner_name"], app["title"], app["tags"]) == ("me", "Add", ["sums"])
    assert version["build_status"] == "ready"
    assert [(item["name"], item["type"], item["is_optional"]) for item in version["inputs"]] == [
        ("a", "int", False),
        ("b", "int", True),
    ]
    for reference in (f"me/add:{version['id'][:4]}", f"me/add:{version['id']}", "me/add:latest"):
        body = {"function": reference, "inputs": {"a": 1}}
        assert client.http.post("/v2/push", json=body).json()["model_id"] == version["id"]


def test_a_function_that_cannot_be_imported_is_still_listed(client: Client):
    app = client.http.get("/v2/functions/me/broken").json()
    assert app["latest_version"]["build_status"] == "error"


def output_url(client: Client, engine: Running, tmp_path: Path, name: str = "loud.txt") -> str:
    source = tmp_path / "quiet words.txt"
    source.write_text("hello there")
    job = client.run("shout", {"text": {"url": source.as_uri()}, "name": name})
    (output,) = data(job)
    assert output["suffix"] == ".txt"
    return str(output["url"])


def test_an_output_file_is_served_whole_and_in_ranges_without_a_key(
    client: Client, engine: Running, project: Path, tmp_path: Path
):
    url = output_url(client, engine, tmp_path)
    whole = httpx.get(url, trust_env=False)
    assert (whole.status_code, whole.text, whole.headers["content-length"]) == (200, "HELLO THERE", "11")
    assert whole.headers["content-type"].startswith("text/plain")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    head = httpx.head(url, trust_env=False)
    assert (head.status_code, head.content, head.headers["accept-ranges"]) == (200, b"", "bytes")
    part = httpx.get(url, headers={"Range": "bytes=6-"}, trust_env=False)
    assert (part.status_code, part.text, part.headers["content-range"]) == (206, "THERE", "bytes 6-10/11")
    assert httpx.get(url, headers={"Range": "bytes=99-"}, trust_env=False).status_code == 416
    assert urlsplit(url).path.endswith("/loud.txt")
    on_disk = path_on_disk(project, url)
    assert on_disk is not None
    assert on_disk.read_text() == "HELLO THERE"
    assert on_disk.stat().st_mode & 0o777 == 0o600


def test_an_output_is_an_input_of_the_next_job(client: Client, engine: Running, tmp_path: Path):
    url = output_url(client, engine, tmp_path)
    (again,) = data(client.run("shout", {"text": url}))
    assert httpx.get(again["url"], trust_env=False).text == "HELLO THERE"


def test_html_is_saved_not_shown(client: Client, engine: Running, tmp_path: Path):
    answer = httpx.get(output_url(client, engine, tmp_path, "page.html"), trust_env=False)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"), id="signature"),
        pytest.param(lambda url: url.replace("expires=", "expires=9"), id="later"),
        pytest.param(lambda url: url.replace("loud.txt", "other.txt"), id="name"),
        pytest.param(lambda url: url.partition("?")[0], id="unsigned"),
        pytest.param(lambda url: url.replace("loud.txt", "..%2f..%2f..%2fkey"), id="traversal"),
    ],
)
def test_a_changed_file_url_is_refused(client: Client, engine: Running, tmp_path: Path, change: Any):
    answer = httpx.get(change(output_url(client, engine, tmp_path)), trust_env=False)
    assert answer.status_code in {403, 404}
    assert answer.json()["detail"] in {"Forbidden.", "Not Found"}


def test_an_expired_file_url_is_refused_by_http_and_good_for_a_job(
    client: Client, engine: Running, project: Path, tmp_path: Path
):
    file, _, _ = parse_file_url(output_url(client, engine, tmp_path)) or pytest.fail("not a file url")
    with closing(sqlite3.connect(project / ".sieve-jobs" / "engine" / "engine.db")) as database:
        (secret,) = database.execute("SELECT value FROM meta WHERE key = 'signing_key'").fetchone()
    expired = Signer(bytes.fromhex(secret), engine.url, -60).url(file, time.time())
    answer = httpx.get(expired, trust_env=False)
    assert (answer.status_code, answer.json()["detail"][:20]) == (403, "This URL has expired")
    assert len(data(client.run("shout", {"text": expired}))) == 1


def test_text_beyond_ascii_and_half_surrogates_survive(client: Client):
    body = b'{"function":"me/add","inputs":{"a":"\\ud83d \\u00e9\\u0000"}}'
    answer = client.http.post("/v2/push", content=body, headers={"Content-Type": "application/json"})
    job = client.end_of(answer.json()["id"])
    assert job["inputs"]["a"]["data"] == "\ud83d é\x00"
