"""File against real HTTP on loopback: fetched once, whole or not at all, and never with a secret in the message."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sieve_jobs import sdk as sieve
from sieve_jobs.sdk.fetch import shown, suffix_of
from sieve_jobs.sdk.files import from_json


@dataclass
class Host:
    """A file host on loopback, and what it was asked."""

    url: str
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def host() -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found.asked.append((path, self.headers.get("Authorization")))
            if path == "/gone.mp4":
                self.send_error(404)
            elif path == "/away":
                self.send_response(302)
                self.send_header("Location", f"{found.url}/clip.mp4")
                self.end_headers()
            elif path == "/to-a-file":
                self.send_response(302)
                self.send_header("Location", "file:///etc/hostname")
                self.end_headers()
            else:
                self.send_response(200)
                self.send_header("Content-Length", "10" if path == "/short.mp4" else "5")
                self.end_headers()
                self.wfile.write(b"movie")

        def log_message(self, *args: object) -> None:
            """Says nothing: the test looks at what was asked."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Host(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _temporary_files_here(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_url_is_fetched_once_and_when_it_is_asked_for(host, tmp_path):
    video = sieve.Video(f"{host.url}/clip.mp4?sig=abc")
    assert host.asked == []
    path = Path(video.path)
    assert path.read_bytes() == b"movie"
    assert path.suffix == ".mp4"
    assert path.parent == tmp_path
    assert video.path == str(path)
    assert host.asked == [("/clip.mp4", None)]
    assert video.url == f"{host.url}/clip.mp4?sig=abc"


def test_a_redirect_is_followed_without_the_credentials(host):
    url = host.url.replace("http://", "http://me:pass%20word@")
    assert Path(sieve.File(f"{url}/away").path).read_bytes() == b"movie"
    basic = "Basic " + base64.b64encode(b"me:pass word").decode()
    assert host.asked == [("/away", basic), ("/clip.mp4", None)]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("/gone.mp4", "the answer was 404 Not Found", id="404"),
        pytest.param("/short.mp4", "got 5 of 10 bytes", id="ended-early"),
        pytest.param("/to-a-file", "", id="redirect-to-a-file"),
    ],
)
def test_what_cannot_be_fetched_leaves_nothing_behind(host, tmp_path, path, reason):
    url = f"{host.url}{path}".replace("http://", "http://canary:canary@") + "?sig=canary"
    with pytest.raises(OSError, match="could not fetch") as caught:
        sieve.File(url).path  # noqa: B018 -- the property does the work
    assert f"{host.url}{path}" in str(caught.value)
    assert reason in str(caught.value)
    assert "canary" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path, unused_port):
    with pytest.raises(OSError, match=r"could not fetch http://127\.0\.0\.1"):
        sieve.File(f"http://127.0.0.1:{unused_port}/a").path  # noqa: B018 -- as above
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def unused_port() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = server.server_address[1]
    server.server_close()
    return port


@pytest.mark.parametrize(
    ("url", "content"),
    [
        pytest.param("data:text/plain;base64,aGVsbG8=", b"hello", id="base64"),
        pytest.param("data:,hello%20you", b"hello you", id="percent"),
    ],
)
def test_data_urls(url, content):
    assert Path(sieve.File(url).path).read_bytes() == content


def test_a_file_url_is_its_path_at_once(tmp_path):
    (tmp_path / "a b.txt").write_text("x")
    file = sieve.File(f"{tmp_path.as_uri()}/a%20b.txt")
    assert file.path == str(tmp_path / "a b.txt")


def test_a_file_url_of_another_host_is_refused():
    with pytest.raises(OSError, match="another host"):
        sieve.File("file://elsewhere/etc/passwd").path  # noqa: B018 -- as above


@pytest.mark.parametrize("given", [{"path": "a.mp4"}, {"path": Path("a.mp4")}])
def test_a_local_file_gives_its_path_and_no_url(given):
    assert (sieve.File(**given).path, sieve.File(**given).url) == ("a.mp4", None)
    assert sieve.File(given["path"]).path == "a.mp4"


def test_of_a_path_and_a_url_the_path_holds_with_a_warning():
    with pytest.warns(UserWarning, match="the path holds"):
        file = sieve.File(path="a.mp4", url="https://h/b.mp4")
    assert (file.path, file.url) == ("a.mp4", None)


def test_neither_path_nor_url():
    with pytest.raises(ValueError, match="needs a path or a url"):
        sieve.File(fps=3)


def test_attributes():
    video = sieve.Video(path="a.mp4", fps=25, source="camera")
    assert (video.fps, video.source) == (25, "camera")
    with pytest.raises(AttributeError):
        video.missing  # noqa: B018 -- the access is what is tested


@pytest.mark.parametrize(
    ("url", "suffix"),
    [
        pytest.param("https://h/a/b.mp4?x=1.zip#f.gz", ".mp4", id="query-and-fragment"),
        pytest.param("https://h.example/a", "", id="none"),
        pytest.param("https://h/a.b/c", "", id="folder"),
        pytest.param("https://h/a%2F..%2Fx.mp4", ".mp4", id="encoded"),
        pytest.param("https://h/a.%2e%2e%2f", "", id="no-suffix-at-all"),
        pytest.param("data:image/png;base64,a.png", "", id="data"),
    ],
)
def test_suffixes(url, suffix):
    assert suffix_of(url) == suffix


@pytest.mark.parametrize(
    ("url", "text"),
    [
        pytest.param("https://u:p@h:1/a.mp4?sig=x#y", "https://h:1/a.mp4", id="http"),
        pytest.param("data:text/plain;base64,c2VjcmV0", "data:text/plain;base64,…", id="data"),
    ],
)
def test_what_messages_show_of_a_url(url, text):
    assert shown(url) == text
    assert text in repr(sieve.File(url))


@pytest.mark.parametrize("value", [3, None, [], "a.mp4", {}, {"url": 3}, {"url": "/etc/passwd"}, {"url": "x:y"}])
def test_json_that_names_no_file(value):
    with pytest.raises(ValueError, match="neither"):
        from_json(value)
