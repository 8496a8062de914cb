"""What keeps other people's requests out, and slow or greedy ones from holding the engine. Real sockets."""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from sieve_jobs.engine.cors import parse_origin
from sieve_jobs.engine.home import HomeError, make_home
from sieve_jobs.engine.launch import Running, attach_with
from sieve_jobs.engine.throttle import LONGEST, Throttle
from tests.engine.conftest import settings_for
from tests.engine.farside import DEADLINE

APP = "https://app.example"
DEV = "http://localhost:3000"
DRIBBLERS = 500


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = replace(
        settings_for(tmp_path_factory.mktemp("defended"), workers=0),
        cors_origins=(APP, DEV), wrong_keys=5.0, head_deadline=3.0, body_deadline=3.0,
    )  # fmt: skip
    with attach_with(settings) as running:
        yield running


@pytest.fixture
def http(engine: Running) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=engine.url, headers={"X-API-Key": engine.key}, timeout=DEADLINE, trust_env=False
    ) as client:
        yield client


def connected(engine: Running) -> socket.socket:
    parts = urlsplit(engine.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE)


def told(connection: socket.socket) -> bytes:
    """All that comes until the engine closes the connection."""
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionResetError:
        pass  # it was closed with what we had sent unread
    return received


def asked(engine: Running, text: str) -> bytes:
    """The answer to exactly *text*, {port} and {key} filled in; the engine closes, or we do at the end of the head."""
    port = str(urlsplit(engine.url).port)
    with connected(engine) as connection:
        connection.sendall(text.replace("\n", "\r\n").replace("{port}", port).replace("{key}", engine.key).encode())
        return told(connection)


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:80]
    assert b"sieve-jobs-engine: 1" in answer.lower()
    return int(answer.split(b" ", 2)[1])


HOSTS = {
    200: ("127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"),
    421: (
        "", "127.0.0.1", "localhost", "[::1]", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:80", "127.0.0.1:{port}0",
        "127.0.0.1:0{port}", "127.0.0.1:+{port}", "127.0.0.1:{port}:{port}", "127.0.0.1 :{port}", "127.0.0.1:{port}/",
        "127.0.0.1.:{port}", "localhost.:{port}", "LOCALHOST:{port}", "Localhost:{port}", "localhost%00:{port}",
        "localhost.evil.example:{port}", "127.0.0.1.evil.example:{port}", "evil.example:{port}",
        "evil.example#127.0.0.1:{port}", "evil.example?localhost:{port}", "user@127.0.0.1:{port}",
        "127.0.0.1:{port}@evil.example", "http://127.0.0.1:{port}", "//127.0.0.1:{port}",
        "127.0.0.1:{port},evil.example", "evil.example, 127.0.0.1:{port}", "127.1:{port}",
        "2130706433:{port}", "0x7f.0.0.1:{port}", "0177.0.0.1:{port}",
        "127.0.0.2:{port}", "0.0.0.0:{port}", "0:{port}", "[::]:{port}", "::1:{port}", "[0:0:0:0:0:0:0:1]:{port}",
        "[::ffff:127.0.0.1]:{port}", "[::1%25lo]:{port}", "169.254.169.254:{port}", "host.docker.internal:{port}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("host", "status"), [(host, status) for status, hosts in HOSTS.items() for host in hosts])
def test_the_host_is_the_engines_to_the_letter(engine: Running, host: str, status: int):
    text = f"GET /v2/jobs HTTP/1.1\nHost: {host}\nX-API-Key: {{key}}\nConnection: close\n\n"
    assert status_of(asked(engine, text)) == status


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param("GET http://127.0.0.1:{port}/healthz HTTP/1.1\nHost: 127.0.0.1:{port}\n", 421, id="absolute"),
        pytest.param("GET http://evil.example/healthz HTTP/1.1\nHost: 127.0.0.1:{port}\n", 421, id="absolute-other"),
        pytest.param("CONNECT evil.example:80 HTTP/1.1\nHost: 127.0.0.1:{port}\n", 421, id="connect"),
        pytest.param("GET /healthz HTTP/1.1\nHost: 127.0.0.1:{port}\nHost: evil.example\n", 421, id="two-hosts"),
        pytest.param("GET /healthz HTTP/1.1\n", 421, id="no-host"),
        pytest.param("GET /healthz HTTP/1.1\nHost: 127.0.0.1:{port}\nX: " + "a" * 17_000 + "\n", 431, id="long-field"),
        pytest.param("GET /healthz HTTP/1.1\nHost: 127.0.0.1:{port}\n" + "A: b\n" * 4_000, 431, id="many-fields"),
        pytest.param("GET /" + "a" * 17_000 + " HTTP/1.1\nHost: 127.0.0.1:{port}\n", 431, id="long-line"),
        pytest.param("GET /healthz SMTP\n", 400, id="not-http"),
        pytest.param(
            "POST /v2/push HTTP/1.1\nHost: 127.0.0.1:{port}\nContent-Length: 4\nTransfer-Encoding: chunked\n", 400,
            id="two-lengths",
        ),
        pytest.param(
            "GET /v2/jobs HTTP/1.1\nHost: 127.0.0.1:{port}\nX-API-Key: {key}\nConnection: Upgrade\n"
            "Upgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: eA==\nOrigin: https://evil.example\n",
            403, id="websocket",
        ),
    ],
)  # fmt: skip
def test_a_head_that_is_not_taken(engine: Running, head: str, status: int):
    closing = "" if "Connection:" in head else "Connection: close\n"
    with connected(engine) as connection:
        port = str(urlsplit(engine.url).port)
        text = f"{head}{closing}\n".replace("\n", "\r\n").replace("{port}", port).replace("{key}", engine.key)
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        assert status_of(told(connection)) == status


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key,content-type"}


@pytest.mark.parametrize("origin", [APP, DEV])
def test_a_page_of_a_named_origin_may_ask(http: httpx.Client, origin: str):
    preflight = httpx.options(
        http.base_url.join("/v2/push"), headers={"Origin": origin, **PREFLIGHT}, trust_env=False
    )  # no key
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE"
    assert preflight.headers["access-control-allow-headers"] == "X-API-Key, Content-Type, Idempotency-Key"
    answer = http.get("/v2/jobs", headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
    for it in (preflight, answer):
        assert it.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in it.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.evil.example", "https://evil-app.example", "http://app.example",
        "https://app.example:8443",
        "https://APP.example", "https://app.example/", "http://localhost:3001", "http://127.0.0.1:3000",
        "null", "*", "",
    ],
)  # fmt: skip
def test_a_page_of_another_origin_may_not(http: httpx.Client, origin: str):
    for answer in (
        http.get("/v2/jobs", headers={"Origin": origin}),
        http.options("/v2/push", headers={"Origin": origin, **PREFLIGHT}),
    ):
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert http.get("/v2/jobs", headers=[("Origin", APP), ("Origin", origin)]).status_code == 403


@pytest.mark.parametrize(
    "text", ["*", "null", "app.example", "https://app.example/", "https://*.example", "HTTPS://a", ""]
)
def test_what_no_origin_is(text: str):
    with pytest.raises(ValueError, match="no origin"):
        parse_origin(text)


def test_wrong_keys_are_answered_at_a_pace():
    throttle = Throttle(5.0)
    delays = [throttle.delay(100.0) for _ in range(40)]
    assert delays[:5] == pytest.approx([0.0] * 5)
    assert delays[5:7] == pytest.approx([0.2, 0.4])
    answered = [delay for delay in delays if delay is not None]
    assert answered == sorted(answered)
    assert 4.7 < answered[-1] <= LONGEST
    assert delays[len(answered) :] == [None] * (40 - len(answered))
    assert throttle.delay(1000.0) == 0.0


def test_a_flood_of_wrong_keys_does_not_lock_out_the_right_one(engine: Running, http: httpx.Client):
    head = (
        f"GET /v2/jobs HTTP/1.1\r\nHost: {urlsplit(engine.url).netloc}\r\nX-API-Key: wrong\r\nConnection: close\r\n\r\n"
    )
    flood = [connected(engine) for _ in range(60)]
    try:
        for connection in flood:
            connection.sendall(head.encode())
        assert http.get("/v2/jobs").status_code == 200
        assert status_of(told(flood[0])) == 401
        assert status_of(told(flood[-1])) == 429
        assert http.get("/v2/jobs").status_code == 200
        assert httpx.get(engine.url + "/v2/jobs", trust_env=False).status_code == 401  # no key is no guess: at once
    finally:
        for connection in flood:
            connection.close()


HELD = {
    "silent": ("", b"", 0),
    "head": ("GET /v2/jobs HTTP/1.1\nHost: ", b"x", 408),
    "blank lines": ("", b"\r\n", 408),
    "body": (
        "POST /v2/push HTTP/1.1\nHost: 127.0.0.1:{port}\nX-API-Key: {key}\nContent-Type: application/json\n"
        "Content-Length: 9999\n\n", b" ", 408,
    ),
    "body of a refused": ("POST /v2/push HTTP/1.1\nHost: 127.0.0.1:{port}\nContent-Length: 9999\n\n", b" ", 401),
    "trailer": (
        "POST /v2/push HTTP/1.1\nHost: 127.0.0.1:{port}\nTransfer-Encoding: chunked\n\n0\nA: ", b"x" * 65_536, 401,
    ),
    "second head": ("GET /healthz HTTP/1.1\nHost: 127.0.0.1:{port}\n\nGET /", b"x", 200),
}  # fmt: skip
"""What is sent first, what follows again and again, and how the first request is answered before the end."""


def test_a_request_that_dribbles_is_ended(engine: Running):
    def dribbled(text: str, drop: bytes, status: int) -> tuple[int, int]:
        received = dribble(engine, text, drop)
        return (status_of(received) if received else 0), status

    with ThreadPoolExecutor(len(HELD)) as pool:
        got = list(pool.map(lambda row: dribbled(*row), HELD.values()))
    assert {name: status for name, (status, _) in zip(HELD, got, strict=True)} == {
        name: row[2] for name, row in HELD.items()
    }


def dribble(engine: Running, text: str, drop: bytes) -> bytes:
    """Sends *text*, then *drop* again and again; all that comes until the engine ends it."""
    port = str(urlsplit(engine.url).port)
    received = b""
    with connected(engine) as connection:
        connection.sendall(text.replace("\n", "\r\n").replace("{port}", port).replace("{key}", engine.key).encode())
        connection.settimeout(0.05)
        while True:
            try:
                connection.sendall(drop)
                piece = connection.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                return received
            if not piece:
                return received
            received += piece


def test_five_hundred_dribbling_clients_keep_nobody_waiting_and_are_ended(engine: Running, http: httpx.Client):
    held = [connected(engine) for _ in range(DRIBBLERS)]
    with selectors.DefaultSelector() as selector:
        for connection in held:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
        rounds = 0
        while selector.get_map():
            for connection in [key.fileobj for key in selector.get_map().values()]:
                try:
                    connection.send(b"GET / HTTP/1.1\r\nX: "[rounds % 19 : rounds % 19 + 1])
                except OSError:
                    selector.unregister(connection)
                    connection.close()
            assert http.get("/v2/jobs").status_code == 200
            for key, _ in selector.select(0.05):
                if not _more(key.fileobj):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
            rounds += 1


def _more(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""


def test_who_opens_too_many_connections_loses_his_own(engine: Running):
    opened = [connected(engine) for _ in range(600)]
    try:
        assert httpx.get(engine.url + "/healthz", trust_env=False).status_code == 200  # the newest of all
        assert told(opened[0]) == b""
        opened[-1].sendall(
            f"GET /healthz HTTP/1.1\r\nHost: {urlsplit(engine.url).netloc}\r\nConnection: close\r\n\r\n".encode()
        )
        assert status_of(told(opened[-1])) == 200
    finally:
        for connection in opened:
            connection.close()


@pytest.mark.parametrize("path", ["/v1/push", "/v1/jobs/x", "/v1/models/upload"])
def test_the_first_api_is_not_served_and_says_so(http: httpx.Client, path: str):
    answer = http.post(path)
    assert answer.status_code == 404
    assert "v1" in answer.json()["detail"]


@pytest.mark.parametrize("folder", [".sieve-jobs", ".sieve-jobs/engine", ".sieve-jobs/engine/files"])
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_home_that_others_can_write_to_is_refused(tmp_path: Path, folder: str, mode: int):
    make_home(tmp_path)
    (tmp_path / folder).chmod(mode)
    with pytest.raises(HomeError, match="open to other users"):
        make_home(tmp_path)


def test_a_home_of_another_user_is_refused(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    make_home(tmp_path)
    os.chown(tmp_path / ".sieve-jobs" / "engine", 12345, 12345)
    with pytest.raises(HomeError, match="belongs to another user"):
        make_home(tmp_path)
