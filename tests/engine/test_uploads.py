"""Uploads: a URL to PUT a file to, once, and what becomes of the file."""

from __future__ import annotations

import socket
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from sieve_jobs.engine.launch import Running, path_on_disk
from sieve_jobs.engine.signing import UPLOADING, UPLOADS, FileRef, Signer
from tests.engine.farside import Client, data, until


def urls(client: Client, name: str = "a b.txt", version: str = "v1") -> tuple[str, str]:
    body = {"file_name": name, "public": False, "public_upload": False}
    answer = client.http.post(f"/{version}/upload_url", json=body)
    assert answer.status_code == 200
    return answer.json()["upload_url"], answer.json()["get_url"]


def put(url: str, content: bytes) -> httpx.Response:
    """As Sieve's SDK does: without a key, and with the range it was taught."""
    headers = {"x-goog-content-length-range": "0,10000000000"}
    return httpx.put(url, content=content, headers=headers, trust_env=False)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_upload_is_an_input_of_a_job(client: Client, project: Path, version: str):
    upload_url, get_url = urls(client, version=version)
    assert httpx.get(get_url, trust_env=False).status_code == 404
    assert put(upload_url, b"hello" * 500_000).status_code == 200
    read = httpx.get(get_url, trust_env=False)
    assert (read.status_code, len(read.content)) == (200, 2_500_000)
    (output,) = data(client.run("shout", {"text": {"url": get_url}}))
    assert httpx.get(output["url"], trust_env=False).content == b"HELLO" * 500_000
    on_disk = path_on_disk(project, get_url)
    assert on_disk is not None
    assert on_disk.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in on_disk.parent.iterdir()] == ["a b.txt"]


def test_a_url_takes_one_file(client: Client):
    upload_url, get_url = urls(client)
    assert put(upload_url, b"first").status_code == 200
    again = put(upload_url, b"second")
    assert (again.status_code, again.json()["detail"]) == (403, "This URL was used; ask for a new one.")
    assert httpx.get(get_url, trust_env=False).content == b"first"


def test_an_upload_that_breaks_off_leaves_nothing_and_may_be_made_again(client: Client, engine: Running, project: Path):
    upload_url, get_url = urls(client)
    parts = urlsplit(upload_url)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 10\r\n\r\n"
    folder = (path_on_disk(project, get_url) or project).parent
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        connection.sendall(head.encode() + b"half")
        until(lambda: folder.is_dir() and any(folder.iterdir()))
    until(lambda: not any(folder.iterdir()))
    assert put(upload_url, b"").status_code == 200
    assert httpx.get(get_url, trust_env=False).content == b""


def test_a_file_over_the_limit_is_refused(client: Client, project: Path):
    upload_url, get_url = urls(client)
    pieces = (b" " * 1_000_000 for _ in range(4))
    unannounced = httpx.put(upload_url, content=pieces, trust_env=False)
    assert (unannounced.status_code, unannounced.json()["detail"]) == (
        413,
        "File too large, must be less than 3000000 bytes",
    )
    assert put(upload_url, b" " * 3_000_001).status_code == 413
    assert httpx.get(get_url, trust_env=False).status_code == 404
    assert put(upload_url, b" " * 3_000_000).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda upload, get: upload[:-1] + ("0" if upload[-1] != "0" else "1"), id="signature"),
        pytest.param(lambda upload, get: get, id="the-url-to-read"),
        pytest.param(lambda upload, get: upload.replace("a%20b", "b"), id="name"),
        pytest.param(lambda upload, get: upload.partition("?")[0], id="unsigned"),
    ],
)
def test_a_changed_url_takes_nothing(client: Client, change: Callable[[str, str], str]):
    answer = put(change(*urls(client)), b"x")
    assert (answer.status_code, answer.json()) == (403, {"detail": "Forbidden."})


def test_the_url_to_put_to_cannot_be_read(client: Client):
    upload_url, _ = urls(client)
    put(upload_url, b"mine")
    assert httpx.get(upload_url, trust_env=False).status_code == 403


def test_a_url_holds_for_an_hour(client: Client, engine: Running, project: Path):
    expires = int(urls(client)[0].partition("expires=")[2].partition("&")[0])
    assert 3500 < expires - time.time() <= 3600
    with closing(sqlite3.connect(project / ".sieve-jobs" / "engine" / "engine.db")) as database:
        (secret,) = database.execute("SELECT value FROM meta WHERE key = 'signing_key'").fetchone()
    file = FileRef(UPLOADING, UPLOADS, str(uuid.uuid4()), "a.txt")
    signer = Signer(bytes.fromhex(secret), engine.url, 60)
    late = put(replace(signer, ttl=-60).url(file, time.time()), b"x")
    assert (late.status_code, late.json()["detail"]) == (403, "This URL has expired; ask for a new one.")
    assert put(signer.url(file, time.time()), b"x").status_code == 200
