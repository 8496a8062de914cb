"""Outputs come over real sockets: whole or not at all, never with the key, and never for ever."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from sieve_jobs.errors import CallError, RefusedError, UnconfirmedError
from sieve_jobs.push.client import Client
from sieve_jobs.push.part import Part, clear_leftovers
from tests.cloud import Cloud, Fault, Script
from tests.push.scene import FastClock

CONTENT = "/files/a/b.bin" * 64


def downloaded(cloud: Cloud, folder: Path, path: str = "/files/a/b.bin", *, url: str = "", **limits: float) -> Part:
    """Fetches into *folder*; the part is discarded where that fails."""

    async def main() -> Part:
        clock = FastClock()
        async with Client(cloud.url, cloud.key, clock=clock, jitter=lambda: 1.0, **limits) as client:  # type: ignore[arg-type]
            part = Part(folder)
            try:
                await client.download(url or cloud.url + path, part)
                part.seal()
            except BaseException:
                part.discard()
                raise
            return part

    return asyncio.run(main())


def test_it_is_whole_and_carries_no_key(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        part = downloaded(cloud, tmp_path)
        assert (part.size, part.sha256) == (len(CONTENT), hashlib.sha256(CONTENT.encode()).hexdigest())
        part.give(tmp_path / "b.bin")
        assert "x-api-key" not in cloud.requests[-1].headers
    assert [path.name for path in tmp_path.iterdir()] == ["b.bin"]
    assert (tmp_path / "b.bin").read_text() == CONTENT


@pytest.mark.parametrize(
    ("fault", "error", "words", "tries"),
    [
        pytest.param(Fault(status=404, route="file", times=-1), RefusedError, "answered 404", 1, id="404"),
        pytest.param(Fault(status=403, route="file", times=-1), RefusedError, "answered 403", 1, id="403"),
        pytest.param(Fault(status=500, route="file", times=-1), UnconfirmedError, "answered 500", 3, id="500"),
        pytest.param(Fault("short", route="file", times=-1), UnconfirmedError, "broke off", 3, id="short"),
        pytest.param(Fault("reset", route="file", times=-1), UnconfirmedError, "broke off", 3, id="reset"),
        pytest.param(Fault("big", route="file", size=1 << 60), OSError, "room for", 1, id="larger than the disk"),
        pytest.param(
            Fault(status=302, headers={"Location": "/files/a/b.bin"}, route="file", times=-1), UnconfirmedError,
            "redirected more than 5", 18, id="redirected in a circle",
        ),
        pytest.param(
            Fault(status=302, headers={"Location": "http://example.com/x"}, route="file", times=-1), UnconfirmedError,
            "not https", 3, id="redirected to what is not encrypted",
        ),
        pytest.param(
            Fault(status=302, headers={"Location": "file:///etc/passwd"}, route="file", times=-1), UnconfirmedError,
            "not https", 3, id="redirected to a file",
        ),
    ],
)  # fmt: skip
def test_what_fails_leaves_nothing(
    tmp_path: Path, fault: Fault, error: type[Exception], words: str, tries: int
) -> None:
    with Cloud.running(Script(faults=[fault])) as cloud:
        with pytest.raises(error, match=words):
            downloaded(cloud, tmp_path)
        assert len(cloud.requests) == tries
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(status=503, route="file"), id="503"),
        pytest.param(Fault("short", route="file"), id="short"),
        pytest.param(Fault("reset", route="file", times=2), id="reset twice"),
    ],
)
def test_what_passes_is_tried_again_from_the_start(tmp_path: Path, fault: Fault) -> None:
    with Cloud.running(Script(faults=[fault])) as cloud:
        part = downloaded(cloud, tmp_path)
        part.give(tmp_path / "b.bin")
    assert (tmp_path / "b.bin").read_text() == CONTENT


@pytest.mark.parametrize(
    ("fault", "limits", "words"),
    [
        pytest.param(
            Fault("drip", route="file", seconds=0.005, times=-1), {"download_deadline": 0.05}, "not whole", id="drip"
        ),
        pytest.param(Fault("hang", route="file", times=-1), {"deadline": 0.05}, "nothing came", id="hang"),
    ],
)
def test_it_has_an_end(tmp_path: Path, fault: Fault, limits: dict[str, float], words: str) -> None:
    with Cloud.running(Script(faults=[fault])) as cloud, pytest.raises(CallError, match=words):
        downloaded(cloud, tmp_path, **limits)
    assert not list(tmp_path.iterdir())


def test_another_host_gets_no_key(tmp_path: Path) -> None:
    with Cloud.running() as other:
        redirect = Fault(status=307, headers={"Location": f"{other.url}/files/a/b.bin"}, route="file")
        with Cloud.running(Script(faults=[redirect])) as cloud:
            part = downloaded(cloud, tmp_path)
            part.give(tmp_path / "b.bin")
            for request in (*cloud.requests, *other.requests):
                assert cloud.key.encode() not in request.head
        assert len(other.requests) == 1
    assert (tmp_path / "b.bin").read_text() == CONTENT


def test_a_far_side_elsewhere_sends_nobody_to_this_machine(tmp_path: Path) -> None:
    with Cloud.running() as cloud:

        async def main() -> None:
            async with Client("https://far.example", cloud.key, clock=FastClock()) as client:
                part = Part(tmp_path)
                try:
                    with pytest.raises(UnconfirmedError, match="not https"):
                        await client.download(cloud.url + "/files/a/b.bin", part)
                finally:
                    part.discard()

        asyncio.run(main())
        assert not cloud.requests


def test_files_have_the_mode_of_the_process(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        part = Part(tmp_path)
        part.give(tmp_path / "x")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_what_a_killed_run_left_is_cleared_and_what_another_writes_is_not(tmp_path: Path) -> None:
    left, foreign = tmp_path / f".sieve-jobs-{'0' * 16}.part", tmp_path / ".other.part"
    for path in (left, foreign):
        path.write_text("half")
        os.utime(path, (0, 0))
    held = Part(tmp_path)
    (own,) = set(tmp_path.iterdir()) - {left, foreign}
    os.utime(own, (0, 0))
    fresh = tmp_path / f".sieve-jobs-{'1' * 16}.part"
    fresh.write_text("just begun")
    clear_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {foreign, own, fresh}
    held.discard()
    assert set(tmp_path.iterdir()) == {foreign, fresh}
    clear_leftovers(tmp_path / "nowhere")
