"""What the engine decides without touching anything: tables of cases."""

from __future__ import annotations

import os
import random
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from sieve_jobs.engine import query
from sieve_jobs.engine.answers import Refusal
from sieve_jobs.engine.catalog import Module, is_version
from sieve_jobs.engine.choose import PASSED_OVER, Choice, Head, choose
from sieve_jobs.engine.deliver import delay_before
from sieve_jobs.engine.frames import BlockingChannel, Decoder, FrameError, encode
from sieve_jobs.engine.guard import own_hosts
from sieve_jobs.engine.inherited import for_installing
from sieve_jobs.engine.present import expand_inputs
from sieve_jobs.engine.settings import Settings, parse_settings
from sieve_jobs.engine.signing import FileRef, Signer, has_expired, parse_file_url, safe_name
from sieve_jobs.engine.spawner import worker_environment
from sieve_jobs.engine.tree import Process, tree_of
from sieve_jobs.engine.worker.loading import drop_racy_bytecode, search_path


def module(name: str) -> Module:
    return Module(Path(f"/p/{name}.py"), name, (), ())


A, B, C = module("a"), module("b"), module("c")
OLD, YOUNG = Head(1, "old", A), Head(9, "young", B)


@pytest.mark.parametrize(
    ("heads", "idle", "free", "expected"),
    [
        pytest.param([], [A], 1, None, id="nothing-waits"),
        pytest.param([OLD], [], 0, None, id="nobody-free"),
        pytest.param([YOUNG, OLD], [], 1, Choice(OLD), id="oldest-first"),
        pytest.param([OLD], [B, A], 1, Choice(OLD, idle=1), id="warm-worker"),
        pytest.param([OLD, YOUNG], [B], 1, Choice(OLD), id="a-new-one-rather-than-a-younger-job"),
        pytest.param([OLD, YOUNG], [B], 0, Choice(YOUNG, idle=0), id="a-warm-worker-is-not-ended-for-an-older-job"),
        pytest.param([OLD], [B], 0, Choice(OLD, evict=0), id="an-idle-one-is-ended"),
        pytest.param([OLD, Head(99, "b", B)], [B, C], 0, Choice(OLD, evict=1), id="one-without-work-first"),
        pytest.param([OLD, Head(1 + PASSED_OVER, "b", B)], [B], 0, Choice(OLD, evict=0), id="passed-over-long-enough"),
    ],
)
def test_choose(heads: list[Head], idle: list[Module], free: int, expected: Choice | None):
    assert choose(heads, idle, free) == expected


DESCRIBED = [
    {"name": "a", "type": "int", "data": None, "is_optional": False},
    {"name": "f", "type": "sieve.File", "data": None, "is_optional": True},
]


@pytest.mark.parametrize(
    ("sent", "described", "expected"),
    [
        pytest.param({"a": 1}, DESCRIBED, {"a": 1, "f": None}, id="defaults"),
        pytest.param([1, "http://h/x"], DESCRIBED, {"a": 1, "f": {"url": "http://h/x"}}, id="positional-and-bare-url"),
        pytest.param({"a": 1, "z": 2}, DESCRIBED, {"a": 1, "f": None, "z": 2}, id="unknown-name"),
        pytest.param([1, 2, 3], DESCRIBED, {"a": 1, "f": 2, "2": 3}, id="too-many"),
        pytest.param({"z": 2}, None, {"z": 2}, id="not-described"),
        pytest.param([5], None, {"0": 5}, id="positional-not-described"),
    ],
)
def test_inputs_are_shown_expanded(sent: object, described: object, expected: dict[str, object]):
    shown = expand_inputs(sent, described)  # type: ignore[arg-type]
    assert {name: item["data"] for name, item in shown.items()} == expected  # type: ignore[index,call-overload]
    assert [item["name"] for item in shown.values()] == list(expected)  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("a.mp4", "a.mp4", id="plain"),
        pytest.param("../../etc/passwd", "passwd", id="traversal"),
        pytest.param("..", "file", id="dots"),
        pytest.param("", "file", id="empty"),
        pytest.param(".hidden", "hidden", id="hidden"),
        pytest.param("a\0\n\x1b[2J\u202eb.txt", "a___[2J_b.txt", id="control-characters"),
        pytest.param("a?b#c%d&e.png", "a_b_c_d_e.png", id="url-marks"),
        pytest.param("фильм.mp4", "фильм.mp4", id="letters-of-other-scripts"),
        pytest.param("\ud83d.txt", "_.txt", id="surrogate"),
    ],
)
def test_safe_name(name: str, expected: str):
    assert safe_name(name) == expected


def test_a_long_name_keeps_its_extension():
    name = safe_name("я" * 1000 + ".mp4")
    assert name.endswith(".mp4")
    assert len(name.encode()) <= 180


def test_a_signed_url_is_read_back_and_expires():
    signer = Signer(b"secret", "http://127.0.0.1:1234", 60)
    file = FileRef("f", "j", "u", "a b.mp4")
    url = signer.url(file, 1000.5)
    parsed = parse_file_url(url)
    assert parsed is not None
    assert parsed[0] == file
    assert signer.is_ours(*parsed)
    assert not Signer(b"other", "http://127.0.0.1:1234", 60).is_ours(*parsed)
    assert [has_expired(parsed[1], now) for now in (1060.0, 1061.5)] == [False, True]
    assert has_expired("soon", 0.0)
    assert url.partition("?")[0].endswith(".mp4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1734226919", 1_734_226_919_000_000_000, id="seconds"),
        pytest.param("1734226919.195000123", 1_734_226_919_195_000_123, id="float-seconds-exact"),
        pytest.param("1734226919195000123", 1_734_226_919_195_000_123, id="nanoseconds"),
        pytest.param("0", 0, id="zero"),
        pytest.param("", 7, id="absent"),
    ],
)
def test_log_times(text: str, expected: int):
    assert query.instant({"t": text}, "t", 7) == expected


@pytest.mark.parametrize("text", ["-1", "1e9", "nan", "yesterday", "1" * 30])
def test_bad_log_times(text: str):
    with pytest.raises(Refusal) as refused:
        query.instant({"t": text}, "t", 0)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("abcd", True), ("ABCD", True), ("abcdef01", True), ("abc", False), ("abce", False), ("", False)],
)
def test_versions_match_by_prefix(asked: str, expected: bool):
    assert is_version("abcdef01", asked) is expected


def test_delays_double_up_to_the_longest():
    settings = Settings(root=Path(), hook_first=1.0, hook_longest=600.0)
    assert [delay_before(retry, settings, 0.0) for retry in (1, 2, 3, 10, 11, 5000)] == [1, 2, 4, 512, 600, 600]
    assert delay_before(2, settings, 1.0) == 1.5


def test_a_worker_gets_no_key_and_no_secret_of_the_engines_environment():
    environ = {
        "PATH": "/bin", "HF_HOME": "/models", "SIEVE_JOBS_ENGINE_KEY": "k", "SIEVE_API_KEY": "k", "AWS_PROFILE": "p",
        "GITHUB_TOKEN": "t", "OPENAI_API_KEY": "k", "DB_PASSWORD": "p", "TMPDIR": "/elsewhere",
    }  # fmt: skip
    assert worker_environment(environ, "mark", Path("/scratch")) == {
        "PATH": "/bin", "HF_HOME": "/models", "SIEVE_JOBS_WORKER": "mark", "TMPDIR": "/scratch",
    }  # fmt: skip


def test_uv_keeps_its_settings_and_pips_whatever_their_names_and_no_other_secret():
    kept = {
        "PATH": "/bin", "HTTPS_PROXY": "p", "SSL_CERT_FILE": "c", "REQUESTS_CA_BUNDLE": "c", "NETRC": "n",
        "UV_INDEX_OURS_PASSWORD": "p", "PIP_CLIENT_KEY": "k",
    }  # fmt: skip
    secrets = {"SIEVE_API_KEY": "k", "AWS_PROFILE": "p", "UV_PUBLISH_PASSWORD": "p", "uv_publish_token": "t"}
    assert for_installing({**kept, **secrets}) == kept


@pytest.mark.parametrize(
    ("port", "hosts"),
    [
        pytest.param(8080, {b"127.0.0.1:8080", b"localhost:8080", b"[::1]:8080"}, id="the port is part of it"),
        pytest.param(
            80, {b"127.0.0.1:80", b"localhost:80", b"[::1]:80", b"127.0.0.1", b"localhost", b"[::1]"},
            id="which clients leave out where it is the usual one",
        ),
    ],
)  # fmt: skip
def test_the_hosts_of_an_engine(port: int, hosts: set[bytes]):
    assert own_hosts(port) == hosts


def process(pid: int, parent: int, group: int, marker: str = "") -> Process:
    return Process(pid, parent, group, group, 1.0, marker)


def test_a_tree_is_found_by_group_marker_and_descent():
    processes = [
        process(1, 0, 1),
        process(10, 1, 10, "e.w"),  # the worker
        process(11, 10, 10),  # its child
        process(12, 1, 12, "e.w"),  # left group and parent
        process(13, 12, 13),  # its child without the marker
        process(20, 1, 20, "e.x"),  # another worker of the engine
        process(30, 1, 30),
    ]
    assert sorted(it.pid for it in tree_of(processes, "e.w", 10)) == [10, 11, 12, 13]
    assert sorted(it.pid for it in tree_of(processes, "e.", None)) == [10, 11, 12, 13, 20]
    assert tree_of(processes, "", None) == []
    orphan, later = process(30, 1, 30), replace(process(20, 1, 20), started=0.5)
    assert [it.pid for it in tree_of(processes, "", None, [orphan, later])] == [30]


def test_settings_survive_the_way_to_the_child(tmp_path: Path):
    settings = Settings(root=tmp_path, functions=(tmp_path / "f",), workers=3, ends_with_users=True, hook_first=0.5)
    assert parse_settings(settings.as_json()) == settings
    with pytest.raises(ValueError, match="not the settings"):
        parse_settings('{"root": "/", "surprise": 1}')


def test_frames_come_through_in_any_pieces_with_their_handles(tmp_path: Path):
    bodies = [{"op": "a", "text": "é \ud83d " * number} for number in range(40)]
    stream = b"".join(encode(body, 0, 10**6) for body in bodies)
    decoder, got, cut = Decoder(10**6), [], random.Random(7)
    while stream:
        size = cut.randint(1, 200)
        got += decoder.feed(stream[:size], ())
        stream = stream[size:]
    assert [frame.body for frame in got] == bodies


def test_a_file_travels_with_its_frame(tmp_path: Path):
    (tmp_path / "f").write_text("content")
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "f").open() as file:
        sender, receiver = BlockingChannel(ours, 10**6), BlockingChannel(theirs, 10**6)
        sender.send(sender.pack({"op": "none"}))
        sender.send(sender.pack({"op": "with"}, 1), (file.fileno(),))
        sender.send(sender.pack({"op": "after"}))
        ours.shutdown(socket.SHUT_WR)
        frames = [receiver.receive() for _ in range(4)]
        assert [frame and (frame.op, len(frame.handles)) for frame in frames] == [
            ("none", 0),
            ("with", 1),
            ("after", 0),
            None,
        ]
        assert frames[1] is not None
        with os.fdopen(frames[1].handles[0]) as received:
            assert received.read() == "content"


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\xff\xff\xff\xff", id="too-long"),
        pytest.param(b"\0\0\0\x01{", id="not-json"),
        pytest.param(b"\0\0\0\x02[]", id="not-an-object"),
        pytest.param(b'\0\0\0\x0d{"handles":1}', id="handle-missing"),
    ],
)
def test_what_is_no_frame_is_refused(stream: bytes):
    with pytest.raises(FrameError):
        Decoder(1000).feed(stream, ())


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": object()}, {"a": "x" * 2000}])
def test_what_cannot_be_a_frame_is_refused(body: dict[str, object]):
    with pytest.raises(FrameError):
        encode(body, 0, 1000)  # type: ignore[arg-type]


def test_roots_before_the_parent_come_first_and_the_shim_last():
    roots = [Path("/p/functions/video"), Path("/p/functions"), Path("/p"), Path("/p/functions/audio")]
    path = search_path(roots, ["", "/lib", "/p"])
    assert path[:-1] == ["/p/functions/video", "/p/functions", "/lib", "/p", "/p/functions/audio"]
    assert path[-1].endswith("shim")


def test_bytecode_that_may_be_of_an_older_source_is_dropped(tmp_path: Path):
    import importlib.util
    import py_compile

    source = tmp_path / "it.py"
    source.write_text("VALUE = 1\n")
    compiled = Path(py_compile.compile(str(source), doraise=True))
    drop_racy_bytecode([source, tmp_path / "absent.py"])
    assert not compiled.exists()
    py_compile.compile(str(source), doraise=True)
    os.utime(source, (1, 1))
    drop_racy_bytecode([source])
    assert Path(importlib.util.cache_from_source(str(source))).exists()
