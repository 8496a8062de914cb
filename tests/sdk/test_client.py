"""The client against a stand-in of the wire: keys, repeats, uploads, futures, and what is not to be had."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs import sdk as sieve
from sieve_jobs.sdk import client, reference, session

PUSHED = {"id": "j1", "status": "queued", "stream_output": False}


@dataclass
class Wire:
    """The far side. `answers` are (status, body) in turn by method and path; the last one stays."""

    url: str
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    def bodies(self, path: str) -> list[Any]:
        return [body for _, asked, _, body in self.asked if asked.partition("?")[0] == path]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Wire]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_json = self.headers.get("Content-Type") == "application/json"
            headers = {name.lower(): value for name, value in self.headers.items()}
            wire.asked.append((self.command, self.path, headers, json.loads(content) if is_json else content))
            turns = wire.answers.get(f"{self.command} {self.path.partition('?')[0]}", [(404, {"detail": "Not Found"})])
            status, body = turns.pop(0) if len(turns) > 1 else turns[0]
            text = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**wire.headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 -- the names are http.server's

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    wire = Wire(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("SIEVE_API_URL", wire.url)
    monkeypatch.setenv("SIEVE_API_KEY", "from-env")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.0)
    yield wire
    server.shutdown()
    thread.join()
    server.server_close()


def key_of(wire: Wire) -> str:
    return wire.asked[-1][2]["x-api-key"]


def job(status: str, **further: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"id": "j1", "status": status, "error": "", "outputs": [], **further}


def test_the_key_that_is_nearest_counts(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    wire.answers["GET /v2/jobs/j1"] = [job("finished")]
    sieve.get("j1")
    assert key_of(wire) == "from-env"
    monkeypatch.setattr(sieve, "api_key", "assigned")
    sieve.get("j1")
    assert key_of(wire) == "assigned"
    monkeypatch.setattr(sieve, "api_key", None)
    monkeypatch.delenv("SIEVE_API_KEY")
    with pytest.raises(RuntimeError, match="no API key"):
        sieve.get("j1")
    sieve.write_key("kept\n")
    sieve.get("j1")
    assert key_of(wire) == "kept"
    assert session.key_file().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["http://example.com", "ftp://example.com", "nonsense"])
def test_a_key_goes_nowhere_in_the_clear(wire: Wire, monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("SIEVE_API_URL", url)
    with pytest.raises(ValueError, match="SIEVE_API_URL"):
        sieve.get("j1")
    monkeypatch.delenv("SIEVE_API_URL")
    assert session.current().url == "https://mango.sievedata.com"


def test_a_question_is_repeated_and_a_push_is_not(wire: Wire):
    wire.answers["GET /v2/jobs/j1"] = [(500, {"error_id": "x"}), (503, None), job("finished")]
    assert sieve.get("j1")["status"] == "finished"
    wire.answers["POST /v2/push"] = [(500, {"error_id": "x"}), (200, PUSHED)]
    with pytest.raises(ValueError, match="500: x"):
        sieve.function.get("a/b").push()
    assert len(wire.bodies("/v2/push")) == 1


def test_a_log_that_cannot_be_read_takes_no_result_away(wire: Wire, capfd: pytest.CaptureFixture[str]):
    wire.answers["POST /v2/push"] = [(200, PUSHED)]
    wire.answers["GET /v2/jobs/j1"] = wire.answers["GET /v2/jobs/j1/await"] = [
        job("finished", outputs=[{"type": "int", "data": 3}])
    ]
    assert sieve.function.get("a/b").run(1, print_logs=True) == 3
    said = capfd.readouterr()
    assert "Not Found" in said.err
    assert said.out == ""


def test_a_push_that_was_surely_not_taken_is_sent_again_as_the_same(wire: Wire):
    wire.headers["X-Sieve-Jobs-Applied"] = "no"
    wire.answers["POST /v2/push"] = [(429, {"detail": "full"}), (200, PUSHED)]
    sieve.function.get("a/b:1234").push(1, webhooks=[{"type": "job.complete", "url": "https://h/x"}])
    body = {"function": "a/b:1234", "inputs": [1], "webhooks": [{"type": "job.complete", "url": "https://h/x"}]}
    assert wire.bodies("/v2/push") == [body, body]
    assert len({headers["idempotency-key"] for _, _, headers, _ in wire.asked}) == 1


def test_inputs_by_place_and_by_name_wait_for_the_names(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reference, "_MADE_PAUSE", 0.0)

    def version(status: str, *names: str) -> tuple[int, Any]:
        return 200, {"latest_version": {"build_status": status, "inputs": [{"name": name} for name in names]}}

    wire.answers |= {"POST /v2/push": [(200, PUSHED)]}
    wire.answers["GET /v2/functions/a/b"] = [version("queued"), version("building"), version("ready", "x", "y")]
    sieve.function.get("a/b").push(1, y=2)
    assert [body["inputs"] for body in wire.bodies("/v2/push")] == [{"x": 1, "y": 2}]
    wire.answers["GET /v2/functions/a/b"] = [version("ready", "x")]
    with pytest.raises(ValueError, match="Too many inputs: 2 given, 1 expected"):
        sieve.function.get("a/b").push(1, 2, y=2)
    wire.answers["GET /v2/functions/a/b"] = [version("queued"), version("error")]
    with pytest.raises(ValueError, match="the inputs of a/b are not known, its version is 'error': give all of them"):
        sieve.function.get("a/b").push(1, y=2)
    assert len(wire.bodies("/v2/push")) == 1


def test_local_files_are_uploaded_wherever_they_stand(wire: Wire, tmp_path: Path):
    (tmp_path / "in.mp4").write_bytes(b"movie")
    upload_url = {"upload_url": f"{wire.url}/put?sig=1", "get_url": "https://store/in.mp4"}
    wire.answers |= {
        "POST /v2/upload_url": [(200, upload_url)],
        "PUT /put": [(200, None)],
        "POST /v2/push": [(200, PUSHED)],
    }
    local = sieve.Video(path=tmp_path / "in.mp4", fps=25)
    sieve.function.get("a/b").push(video=local, more=[{"at": sieve.File(url="https://h/x.srt")}])
    sent = {"url": "https://store/in.mp4", "_path": None, "fps": 25}
    more = [{"at": {"url": "https://h/x.srt", "_path": None}}]
    assert wire.bodies("/v2/push") == [{"function": "a/b", "inputs": {"video": sent, "more": more}}]
    assert wire.bodies("/v2/upload_url") == [{"file_name": "in.mp4", "public": False, "public_upload": False}]
    method, _, headers, content = next(asked for asked in wire.asked if asked[1].startswith("/put"))
    assert (method, content, headers["x-goog-content-length-range"]) == ("PUT", b"movie", "0,10000000000")
    assert "x-api-key" not in headers
    uploaded = sieve.upload(local)
    assert (type(uploaded), uploaded.url, uploaded.fps) == (sieve.Video, "https://store/in.mp4", 25)
    wire.answers["PUT /put"] = [(201, None)]
    with pytest.raises(ValueError, match=r"could not upload 'in\.mp4': the answer was 201"):
        sieve.upload(str(tmp_path / "in.mp4"))


def test_a_future_waits_and_tells(wire: Wire):
    wire.answers |= {
        "POST /v2/push": [(200, PUSHED)],
        "GET /v2/jobs/j1": [job("queued"), job("processing")],
        "GET /v2/jobs/j1/await": [(408, {"detail": "Request timeout."})],
    }
    future = sieve.function.get("a/b").push()
    assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
    with pytest.raises(TimeoutError, match="j1 has not ended in time"):
        future.result(timeout=0)
    output = {"type": "tuple", "data": [1, {"url": "https://h/x.mp4", "_path": None, "n": 1}]}
    wire.answers["GET /v2/jobs/j1/await"] = [job("finished", outputs=[[output]])]
    called = threading.Event()
    future.add_done_callback(lambda done: called.set() if done is future else None)
    assert called.wait(10)
    number, file = future.result()
    assert (number, file.url, file.n) == (1, "https://h/x.mp4", 1)
    assert (future.done(), future.exception(), future.cancel()) == (True, None, False)


@pytest.mark.parametrize(
    ("ended", "error", "match"),
    [
        pytest.param(job("error", error="Traceback …\nKeyError: 'x'"), ValueError, "KeyError: 'x'", id="error"),
        pytest.param(job("cancelled"), CancelledError, "j1", id="cancelled"),
    ],
)
def test_a_job_that_failed_raises(wire: Wire, ended: Any, error: type[BaseException], match: str):
    wire.answers |= {"POST /v2/push": [(200, PUSHED)], "GET /v2/jobs/j1/await": [ended]}
    with pytest.raises(error, match=match):
        sieve.function.get("a/b").run()


def test_cancel_gives_up_waiting_and_asks_nobody(wire: Wire):
    wire.answers["POST /v2/push"] = [(200, PUSHED)]
    future = sieve.function.get("a/b").push()
    assert (future.cancel(), future.cancel(), future.cancelled(), future.done()) == (True, True, True, True)
    with pytest.raises(CancelledError):
        future.result()
    assert len(wire.asked) == 1


def test_secrets_by_name(wire: Wire):
    shown = {"name": "a b", "value": "ab***"}
    wire.answers |= {
        "GET /v2/secrets": [(200, {"data": [shown], "next_offset": -1})],
        "POST /v2/secrets/a%20b": [(200, shown)],
        "DELETE /v2/secrets/a%20b": [(200, None)],
    }
    assert sieve.secrets.create("a b", "value") == shown
    assert wire.asked[-1][3] == {"value": "value"}
    assert sieve.secrets.list() == [shown]
    assert sieve.secrets.delete("a b") is None


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        pytest.param(sieve.bill, NotImplementedError, "not documented", id="bill"),
        pytest.param(sieve.view_bill, NotImplementedError, "not documented", id="view-bill"),
        pytest.param(lambda: sieve.get_organization_variable("x"), NotImplementedError, "Env", id="variable"),
        pytest.param(lambda: sieve.Array([1]), NotImplementedError, "sieve.Array", id="array"),
        pytest.param(lambda: sieve.function.get("b"), ValueError, "owner/name", id="no-owner"),
        pytest.param(lambda: sieve.function.get("a/b")(1), RuntimeError, r"\.run\(…\)", id="called"),
        pytest.param(lambda: sieve.nothing, AttributeError, "nothing", id="no-such-name"),
    ],
)
def test_what_is_not_to_be_had_says_so(call: Callable[[], object], error: type[BaseException], said: str):
    with pytest.raises(error, match=said):
        call()


def test_workflow_does_nothing():
    with pytest.warns(DeprecationWarning, match="does nothing"):

        @sieve.workflow(name="old")
        def old(): ...

    with pytest.warns(DeprecationWarning, match="does nothing"):
        older = sieve.workflow(len)
    assert (old, older) == (None, None)


def test_a_sieve_that_is_installed_goes_first_and_is_told_of(tmp_path: Path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sieve.py").write_text("def function(**_):\n    return lambda call: call\n")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "m.py").write_text("import sieve\n@sieve.function(name='x')\ndef run(a): return a + 1\n")
    code = (
        "import sys\nfrom pathlib import Path\nfrom sieve_jobs.engine.worker.loading import load\n"
        "found = load(Path(sys.argv[1]), [Path(sys.argv[1]).parent])\n"
        "print([(name, it.declaration.name, it.target(1)) for name, it in found.items()])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "f" / "m.py")],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path / "site")},
    )
    assert ended.stdout == "[('run', 'x', 2)]\n"
    assert ended.stderr.startswith(f"note: `import sieve` found {tmp_path / 'site' / 'sieve.py'}, which is installed")
