"""The client: where the key may go, how long anything may take, and what answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from sieve_jobs.errors import CallError, InvalidError, RefusedError, UnconfirmedError, UnreachableError
from sieve_jobs.push.answer import NamedJobError, TooLargeError
from sieve_jobs.push.client import Client
from sieve_jobs.push.endpoint import parse_endpoint, retry_after
from sieve_jobs.push.http import LONGEST_BODY
from sieve_jobs.push.reconcile import list_jobs
from sieve_jobs.wire import Json
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.faults.sniffer import Sniffer
from tests.push.scene import FastClock

T = TypeVar("T")
BODY: dict[str, Json] = {"function": "a/b", "inputs": {"n": 1}}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def call(cloud: Cloud, work: Callable[[Client], Awaitable[T]], *, deadline: float = 20.0, key: str = "") -> T:
    async def main() -> T:
        clock = FastClock()
        async with Client(cloud.url, key or cloud.key, clock=clock, deadline=deadline, jitter=lambda: 1.0) as client:
            return await work(client)

    return asyncio.run(main())


@pytest.mark.parametrize("most", [1, 2, 3, 500])
def test_the_list_of_jobs_is_read_whole_in_pages_of_any_size(cloud: Cloud, most: int) -> None:
    cloud.script.most_listed = most
    keys = [f"key-{number}" for number in range(7)]
    pushed = [call(cloud, lambda client, key=key: client.push(BODY, key)) for key in keys]  # type: ignore[misc]
    listing = call(cloud, lambda client: list_jobs(client, None))
    assert ([job.id for job in listing.jobs], listing.gap) == ([it.response.id for it in pushed][::-1], None)


@pytest.mark.parametrize(
    "url",
    [
        "https://mango.sievedata.com", "https://h:8443/base/", "http://127.0.0.1:8787", "http://localhost:1",
        "http://[::1]:8080", "http://127.8.9.1",
    ],
)  # fmt: skip
def test_an_endpoint_that_a_key_may_go_to(url: str) -> None:
    assert parse_endpoint(url).url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://mango.sievedata.com", id="plain-http"),
        pytest.param("http://127.0.0.1.example.com", id="looks-like-loopback"),
        pytest.param("http://2130706433", id="a-number"),
        pytest.param("http://0.0.0.0:1", id="any-address"),
        pytest.param("https://user:canary@h", id="userinfo"),
        pytest.param("https://h?x=canary", id="query"),
        pytest.param("https://h/#canary", id="fragment"),
        pytest.param("ftp://h", id="scheme"),
        pytest.param("https://", id="no-host"),
        pytest.param("local", id="no-url"),
        pytest.param("https://h:99999", id="port"),
        pytest.param("https://h/a\r\nX: y", id="line-break"),
        pytest.param("https://h/ü", id="not-ascii"),
    ],
)
def test_an_endpoint_that_no_key_may_go_to(url: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse_endpoint(url)
    assert caught.value.diagnostics[0].code == "SJ141"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "ünicode", "nul\0"])
def test_a_key_that_no_header_may_hold(key: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Client("http://127.0.0.1:1", key)
    assert caught.value.diagnostics[0].code == "SJ142"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("-3", 0.0), ("1000000000", 300.0), ("inf", 300.0), ("nan", None),
        ("soon", None), ("", None), (None, None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0), ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 300.0),
    ],
)  # fmt: skip
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


def test_the_key_is_in_no_repr_and_no_error() -> None:
    with Cloud.running(Script(faults=[Fault(status=401, body={"detail": "bad key canary-key-1"})])) as cloud:

        async def work(client: Client) -> str:
            text = repr(client) + repr(vars(client)) + repr(vars(client._line)) + repr(vars(client._line._http))
            with pytest.raises(RefusedError) as caught:
                await client.push(BODY, "k")
            return text.replace(repr("canary-key-1"), "", 1) + caught.value.message

        shown = call(cloud, work, key="canary-key-1")
        assert "canary" not in shown
        assert "(secret)" in shown


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("route", ["push", "job"])
def test_a_redirect_takes_the_key_nowhere(route: str, status: int) -> None:
    with Sniffer.running() as other, Cloud.running() as cloud:
        leads_to = {"Location": f"http://127.0.0.1:{other.port}/v2/push"}
        cloud.script.faults = [Fault(status=status, route=route, headers=leads_to, times=-1)]

        async def work(client: Client) -> int | None:
            with pytest.raises(RefusedError) as caught:
                await (client.push(BODY, "k") if route == "push" else client.job("x"))
            return caught.value.status

        assert call(cloud, work) == status
        assert other.connections == 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(Fault("hang"), UnconfirmedError, id="hang"),
        pytest.param(Fault("drip", seconds=0.02), UnconfirmedError, id="drip"),
        pytest.param(Fault("big", size=LONGEST_BODY * 4), UnconfirmedError, id="too-long"),
        pytest.param(Fault(status=200, headers={"Content-Encoding": "gzip"}, body={}), UnconfirmedError, id="gzip"),
        pytest.param(Fault(status=101), UnconfirmedError, id="upgrade"),
        pytest.param(Fault("cut", created=True), NamedJobError, id="cut-after-the-id"),
        pytest.param(Fault("short", created=True), NamedJobError, id="short-after-the-id"),
    ],
)
def test_a_push_ends_within_its_deadline_and_says_what_is_true(fault: Fault, kind: type[CallError]) -> None:
    with Cloud.running(Script(faults=[fault])) as cloud:

        async def work(client: Client) -> CallError:
            with pytest.raises(CallError) as caught:
                await client.push(BODY, "k")
            return caught.value

        assert type(call(cloud, work, deadline=0.4)) is kind
        assert len(cloud.pushes) == 1


def test_the_whole_job_id_is_read_from_a_broken_answer() -> None:
    with Cloud.running(Script(faults=[Fault("cut", created=True)])) as cloud:

        async def work(client: Client) -> str:
            with pytest.raises(NamedJobError) as caught:
                await client.push(BODY, "k")
            return caught.value.job_id

        assert call(cloud, work) == cloud.jobs[0].id


def test_a_list_that_is_too_long_says_so_at_once() -> None:
    with Cloud.running(Script(faults=[Fault("big", route="jobs", size=LONGEST_BODY * 2)])) as cloud:

        async def work(client: Client) -> None:
            with pytest.raises(TooLargeError):
                await client.jobs()

        call(cloud, work)
        assert len(cloud.requests) == 1


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        pytest.param(Fault(status=500, route="job", times=2), 3, id="500-twice"),
        pytest.param(Fault("reset", route="job", times=1), 2, id="reset"),
        pytest.param(Fault("html", route="job", times=1), 2, id="captive-portal"),
        pytest.param(Fault(status=429, route="job", times=3, headers={"Retry-After": "2"}), 4, id="429"),
    ],
)
def test_a_read_is_repeated(fault: Fault, requests: int) -> None:
    with Cloud.running(Script(faults=[fault])) as cloud:
        job = cloud.add_job(BODY)

        async def work(client: Client) -> str:
            return (await client.job(job.id)).id

        assert call(cloud, work) == job.id
        assert len(cloud.requests) == requests


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (401, 1), (422, 1), (503, 4)])
def test_a_read_is_not_repeated_without_hope(status: int, requests: int) -> None:
    with Cloud.running(Script(faults=[Fault(status=status, route="job", times=-1)])) as cloud:

        async def work(client: Client) -> None:
            with pytest.raises(CallError):
                await client.job("x")

        call(cloud, work)
        assert len(cloud.requests) == requests


def test_reads_share_a_connection_and_pushes_do_not() -> None:
    with Cloud.running() as cloud:

        async def work(client: Client) -> None:
            for _ in range(3):
                await client.push(BODY, "k")
                await client.jobs()

        call(cloud, work)
        assert [request.headers["connection"] for request in cloud.requests] == ["close", "keep-alive"] * 3


def test_only_the_engine_is_asked_by_reference() -> None:
    """Another far side does not know the parameter, and its list of everything is no answer."""
    with Cloud.running() as cloud:
        cloud.add_job(BODY)

        async def work(client: Client) -> None:
            with pytest.raises(UnconfirmedError, match="engine"):
                await client.job_by_ref("some-key")

        call(cloud, work)


def test_the_far_side_s_clock_goes_on_between_answers() -> None:
    with Cloud.running(Script(clock_offset=7200.0)) as cloud:

        async def work(client: Client) -> timedelta:
            assert client.server_now() is None
            await client.jobs()
            now = client.server_now()
            assert now is not None
            return now - datetime.now(UTC)

        assert call(cloud, work) == pytest.approx(timedelta(hours=2), abs=timedelta(minutes=10))


@pytest.mark.parametrize("cancelled", [True, False])
def test_cancel(cancelled: bool) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        job = cloud.add_job(BODY)
        if not cancelled:
            cloud.finish(job.id)

        async def work(client: Client) -> bool:
            return await client.cancel(job.id)

        assert call(cloud, work) is cancelled


def test_nobody_there_is_told_as_nothing_sent() -> None:
    with Cloud.running() as cloud:
        pass

    async def work(client: Client) -> None:
        with pytest.raises(UnreachableError, match="could not reach"):
            await client.push(BODY, "k")

    call(cloud, work)


def test_proxies_of_the_environment_are_not_told_of_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Cloud.running() as cloud:

        async def work(client: Client) -> int:
            await client.push(BODY, "k")
            return len((await client.jobs()).jobs)

        assert call(cloud, work) == 1
