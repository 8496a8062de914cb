"""Which addresses webhooks may go to, and that the one that was judged is the one called."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from sieve_jobs.engine.addresses import AddressRefusedError, Policy, parse_allowance, require_open
from sieve_jobs.engine.post import Sender, resolved
from sieve_jobs.engine.weburl import parse_web_url
from tests.engine.farside import Receiver

LOOPBACK = Policy(loopback=True)
LAN = Policy(allowed=(parse_allowance("10.0.0.0/8"), parse_allowance("[fd00::1]:9000")))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.0.1", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1",
        "2001::1", "2001:10::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd12::1",
        "fe80::1", "fe80::1%lo", "fec0::1", "ff02::2", "4000::1",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(address: str):
    with pytest.raises(AddressRefusedError, match="is not a public address"):
        require_open([address], 443, Policy())


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "9.255.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.1", "2606:4700::1", "::ffff:8.8.8.8"],
)
def test_what_is_public_is_not(address: str):
    require_open([address], 443, Policy())


@pytest.mark.parametrize(
    ("addresses", "port", "policy", "is_open"),
    [
        pytest.param(["127.0.0.1", "::1", "::ffff:127.0.0.1"], 80, LOOPBACK, True, id="loopback"),
        pytest.param(["0.0.0.0"], 80, LOOPBACK, False, id="any-is-not-loopback"),
        pytest.param(["10.0.0.1"], 80, LOOPBACK, False, id="private-beside-loopback"),
        pytest.param(["1.1.1.1", "10.0.0.1"], 80, LOOPBACK, False, id="one-of-two"),
        pytest.param(["10.9.9.9", "::ffff:10.9.9.9"], 80, LAN, True, id="allowed-network"),
        pytest.param(["fd00::1"], 9000, LAN, True, id="allowed-port"),
        pytest.param(["fd00::1"], 9001, LAN, False, id="another-port"),
        pytest.param(["fd00::2"], 9000, LAN, False, id="another-address"),
    ],
)
def test_what_else_may_be_sent_to(addresses: list[str], port: int, policy: Policy, is_open: bool):
    if is_open:
        require_open(addresses, port, policy)
    else:
        with pytest.raises(AddressRefusedError):
            require_open(addresses, port, policy)


@pytest.mark.parametrize("text", ["", "name", "10.0.0.1/8", "10.0.0.1:0", "10.0.0.1:70000", "[fd00::1", "fd00::1:x"])
def test_what_no_allowance_is(text: str):
    with pytest.raises(ValueError, match=r".+"):
        parse_allowance(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433", "http://0x7f.1", "http://127.1", "http://0177.0.0.1", "http://localhost",
        "http://[::ffff:7f00:1]", "http://017700000001/",
    ],
)  # fmt: skip
def test_spellings_are_judged_by_what_they_lead_to(url: str):
    met = asyncio.run(Sender(Policy(), (), 5.0).post(url, "msg_1", b"{}"))
    assert (met.status, met.is_final) == (0, True)
    assert "is not a public address" in met.word


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/", "http://u:p@h/", "http://u@h/", "http://@h/", "http://h\\@127.0.0.1/", "http://h\\.x/", "http:///x",
        "http://", "http:h", "//h/", "http://h:0/", "http://h:x/", "http://h:70000/", "http://[::1", "http://h /",
        "http://h/\n", "http://h/\x7f", "http://\u0661\u0662\u0667.0.0.1/", "http://\uff11\uff12\uff17.1/", "file:///x",
    ],
)  # fmt: skip
def test_what_no_url_of_a_webhook_is(url: str):
    with pytest.raises(ValueError, match=r".+"):
        parse_web_url(url)


@pytest.mark.parametrize(
    ("url", "target", "origin"),
    [
        ("http://H:80", "/", "http://h:80"),
        ("HTTPS://h?a=b#c", "/?a=b", "https://h:443"),
        ("http://[::1]:9/a%2Fb/../?q=1+2&r=%zz", "/a%2Fb/../?q=1+2&r=%zz", "http://::1:9"),
    ],
)
def test_a_url_goes_out_as_it_is_written(url: str, target: str, origin: str):
    parts = parse_web_url(url)
    assert (parts.target, parts.origin) == (target, origin)


def test_the_address_that_was_judged_is_called_and_judged_again_at_the_next_attempt(receiver: Receiver):
    port = int(receiver.url.rpartition(":")[2])
    answers = [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["169.254.169.254"]]
    asked: list[tuple[str, int]] = []

    async def flipping(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return answers.pop(0)

    sender = Sender(LOOPBACK, (), 5.0, flipping)
    url = f"http://rebound.example:{port}/?a=%2F"
    met = [asyncio.run(sender.post(url, "msg_1", b"{}")) for _ in range(3)]
    assert [(it.status, it.is_final) for it in met] == [(204, False), (0, True), (0, True)]
    assert asked == [("rebound.example", port)] * 3
    path, headers, _ = receiver.next()
    assert (path, headers["host"], receiver.received.empty()) == ("/?a=%2F", f"rebound.example:{port}", True)


def test_the_second_address_is_called_where_the_first_does_not_answer(receiver: Receiver):
    async def two(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the receiver listens on the second alone

    port = receiver.url.rpartition(":")[2]
    assert asyncio.run(Sender(LOOPBACK, (), 5.0, two).post(f"http://h.example:{port}/", "msg_1", b"{}")).is_delivered


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        pytest.param(b"", "no answer: the connection was closed", id="closed"),
        pytest.param(b"SSH-2.0-x\r\n", "no answer that is HTTP", id="another-protocol"),
        pytest.param(b"HTTP/1.1 abc\r\n", "no answer that is HTTP", id="no-status"),
        pytest.param(b"HTTP/1.1 " + b"2" * 100_000, "no answer that is HTTP", id="endless-line"),
        pytest.param(b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 201 C\r\n", "answered 201", id="interim"),
        pytest.param(b"HTTP/1.1 200", "answered 200", id="cut-behind-the-status"),
    ],
)
def test_what_a_receiver_may_answer(answer: bytes, word: str):
    async def call() -> str:
        async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"{}")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(answering, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return (await Sender(LOOPBACK, (), 5.0).post(f"http://127.0.0.1:{port}/", "msg_1", b"{}")).word

    assert asyncio.run(call()) == word


def test_a_receiver_that_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert asyncio.run(Sender(LOOPBACK, (), 0.05).post(url, "msg_1", b"{}")).word == "no answer in 0.05 s"


def test_a_receiver_that_is_not_there_is_said_in_the_systems_words():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    assert asyncio.run(Sender(LOOPBACK, (), 5.0).post(url, "msg_1", b"{}")).word == "no answer: Connection refused"


def test_a_name_that_is_none_is_no_answer():
    async def look() -> None:
        with pytest.raises(OSError, match=r".+"):
            await resolved("a" * 64 + ".invalid", 80)

    asyncio.run(look())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_over_tls_the_name_is_asked_for_and_proven(tmp_path: Path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=h.example", "-addext", "subjectAltName=DNS:h.example", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    asked: list[str | None] = []

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async def call() -> list[str]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        context.sni_callback = lambda _, name, __: asked.append(name)
        server = await asyncio.start_server(answering, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        trusting = Sender(LOOPBACK, (), 5.0, here, lambda: ssl.create_default_context(cafile=certificate))
        doubting = Sender(LOOPBACK, (), 5.0, here)
        async with server:
            return [
                (await sender.post(f"https://{host}:{port}/", "msg_1", b"{}")).word
                for sender, host in ((trusting, "h.example"), (trusting, "other.example"), (doubting, "h.example"))
            ]

    assert asyncio.run(call()) == ["answered 204", *["TLS failed: CERTIFICATE_VERIFY_FAILED"] * 2]
    assert asked == ["h.example", "other.example", "h.example"]
