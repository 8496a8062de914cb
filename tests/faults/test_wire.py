"""What leaves this machine, and where to: nothing without a connection, and the key to nobody but the far side."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.faults.sniffer import ELSEWHERE, HERE, Sniffer
from tests.project import Project, spec
from tests.push.scene import Scene, clips, with_state

KEY = Cloud.key.encode()


@contextmanager
def away(how: str) -> Iterator[str]:
    """The url of a far side to which no connection comes about."""
    if how == "no-such-name":
        yield "https://far.invalid"
    elif how == "black-hole":
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waits:
            waits.connect(full.getsockname())  # the queue is full: what else knocks is dropped without a word
            yield f"http://127.0.0.1:{full.getsockname()[1]}"
    elif how == "refused":
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    else:
        certificate = {"self-signed": HERE, "certificate-of-another": ELSEWHERE}.get(how)
        with Sniffer.running(certificate) as sniffer:
            yield f"https://127.0.0.1:{sniffer.port}"
            assert sniffer.deciphered == b""
            assert KEY not in sniffer.raw


@pytest.mark.parametrize(
    "how", ["no-such-name", "refused", "black-hole", "no-tls", "self-signed", "certificate-of-another"]
)
def test_without_a_connection_nothing_is_sent_and_the_intent_is_released(
    tmp_path: Path, cloud: Cloud, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "certificate-of-another":
        monkeypatch.setenv("SSL_CERT_FILE", str(ELSEWHERE))
    with away(how) as url:
        scene = Scene(tmp_path, cloud, url=url, deadline=0.2)
        with_state(scene)
        # Its guards were asked: the first call that finds nobody is the push.
        ran = scene.apply(clips(4), guarded=True)
    assert ran.exit_code == 1
    assert [problem.code for problem in ran.result.problems] == ["SJ145"]
    assert ran.kinds().count("pushing") == scene.options.connect_tries
    assert "in_doubt" not in ran.kinds()
    assert [seconds for seconds in ran.slept if seconds in (0.5, 1.0, 2.0, 4.0)] == [0.5, 1.0, 2.0, 4.0]
    assert not scene.state().intents
    scene.url = cloud.url
    assert scene.apply(clips(4)).exit_code == 0
    assert len(cloud.pushes) == len(cloud.jobs) == 4


def test_a_certificate_that_is_trusted_and_fits_gets_the_request(
    tmp_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counterpart: the listener above would have seen the key."""
    monkeypatch.setenv("SSL_CERT_FILE", str(HERE))
    with Sniffer.running(HERE) as sniffer:
        scene = Scene(tmp_path, cloud, url=f"https://127.0.0.1:{sniffer.port}")
        with_state(scene)
        scene.apply(clips(1), guarded=True)
        assert KEY in sniffer.deciphered
        assert sniffer.raw == b""


def test_plain_http_beyond_this_machine_gets_no_byte(tmp_path: Path) -> None:
    with Sniffer.running() as sniffer:
        project = Project(tmp_path / "p", f"http://0.0.0.0:{sniffer.port}")
        project.write("a.yaml", spec())
        for verb in ("apply", "plan"):
            said = project.remote(verb, *(["--yes"] if verb == "apply" else []))
            assert (said.code, "over http a key would travel in the open" in said.err) == (3, True), said.all
        assert sniffer.connections == 0


def test_a_proxy_sees_no_key_and_none_is_asked_on_the_way_to_this_machine(
    tmp_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sniffer.running(HERE) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://user:canary@127.0.0.1:{proxy.port}")
        here = Scene(tmp_path / "here", cloud)
        assert here.apply(clips(2)).exit_code == 0
        assert proxy.connections == 0
        away = Scene(tmp_path / "away", cloud, url="https://far.invalid", deadline=5.0)
        with_state(away)
        ran = away.apply(clips(2), guarded=True)
        assert ran.exit_code == 1
        assert proxy.raw.startswith(b"CONNECT far.invalid:443 ")
        assert KEY not in proxy.raw
        assert proxy.deciphered == b""
        assert not away.state().intents
        assert len(cloud.jobs) == 2


def test_plan_shows_the_proxies_without_their_password(tmp_path: Path, cloud: Cloud) -> None:
    project = Project(tmp_path / "p", cloud.url)
    project.write("a.yaml", spec())
    said = project.remote("plan", "--verbose", HTTPS_PROXY="http://user:canary@proxy.example:3128")
    assert said.code == 0, said.err
    assert "proxy HTTPS_PROXY: proxy.example:3128" in said.err
    assert "canary" not in said.all
