"""Webhooks, received by a real listener."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from sieve_jobs.engine import jobs
from sieve_jobs.engine.addresses import Policy
from sieve_jobs.engine.deliver import Deliverer
from sieve_jobs.engine.home import HomeError, read_hook_keys
from sieve_jobs.engine.hooksign import HOOK_SECRET_VARIABLE, parse_secrets, signature
from sieve_jobs.engine.launch import Running, attach_with
from sieve_jobs.engine.post import Sender
from sieve_jobs.engine.present import View
from sieve_jobs.engine.records import Ended, Hook, NewJob, Run
from sieve_jobs.engine.signing import Signer
from sieve_jobs.engine.store import Store
from sieve_jobs.wire import Event
from tests.engine.conftest import make_project, settings_for
from tests.engine.farside import Client, Meeting, Receiver, data, until

ALL = ("job.start", "job.new_output", "job.complete")
OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 44


@pytest.fixture(scope="module")
def engine(project: Path) -> Iterator[Running]:
    """As the other modules' engine, and with two keys for webhooks, as while one replaces another."""
    with (
        patch.dict(os.environ, {HOOK_SECRET_VARIABLE: f"{NEW} {OLD}"}),
        attach_with(settings_for(project, workers=2)) as running,
    ):
        yield running


def letters(client: Client, **query: Any) -> list[dict[str, Any]]:
    return client.http.get("/x/webhooks", params={"limit": 500, **query}).json()["data"]


def hooks(url: str, *events: str) -> list[dict[str, str]]:
    return [{"type": event, "url": url} for event in events]


def test_events_come_in_order_with_their_bodies(client: Client, receiver: Receiver, meeting: Meeting):
    url = receiver.url + "/hook?clip_id=a%2Fb&x=1+2"
    job_id = client.push("stream", {"port": meeting.port}, webhooks=hooks(url, *ALL))
    meeting.accept().let_go("last")
    got = [receiver.next() for _ in range(4)]
    assert {path for path, _, _ in got} == {"/hook?clip_id=a%2Fb&x=1+2"}
    assert [body["type"] for _, _, body in got] == ["job.start", "job.new_output", "job.new_output", "job.complete"]
    start, first, second, complete = (body["body"] for _, _, body in got)
    assert start == {"job_id": job_id, "status": "processing", "error": "", "outputs": []}
    assert [json.loads(event["output"])["data"] for event in (first, second)] == ["first", "last"]
    assert (complete["job_id"], complete["status"], complete["error"]) == (job_id, "finished", "")
    assert [output["data"] for output in complete["outputs"]] == ["first", "last"]
    assert len({headers["webhook-id"] for _, headers, _ in got}) == 4


def test_a_job_that_is_run_again_tells_nothing_twice(client: Client, receiver: Receiver, meeting: Meeting):
    job_id = client.push("stream", {"port": meeting.port}, webhooks=hooks(receiver.url, *ALL))
    killed = meeting.accept().told["pid"]
    told = [receiver.next() for _ in range(2)]
    os.kill(killed, signal.SIGKILL)
    meeting.accept().let_go("last")
    told += [receiver.next() for _ in range(2)]
    assert [body["type"] for _, _, body in told] == ["job.start", "job.new_output", "job.new_output", "job.complete"]
    assert [json.loads(body["body"]["output"])["data"] for _, _, body in told[1:3]] == ["first", "last"]
    assert [restart["type"] for restart in client.job(job_id)["restarts"]] == ["error"]
    until(lambda: all(it["state"] == "delivered" for it in letters(client)))
    listed = [it for it in letters(client) if it["job_id"] == job_id]
    assert [it["id"] for it in listed] == [headers["webhook-id"] for _, headers, _ in reversed(told)]
    assert {len(it["attempts"]) for it in listed} == {1}
    assert receiver.received.empty()


@pytest.mark.parametrize(
    ("answers", "more", "expected"),
    [
        pytest.param([500, 500], {"hook_first": 0.2}, ([1], 0), id="stays for retries"),
        pytest.param([500], {"hook_first": 60.0}, ([], 1), id="not for one that is due later"),
        pytest.param([500] * 9, {"hook_first": 0.2, "hook_patience": 0.5}, ([1], 1), id="nor longer than it may"),
        pytest.param([410], {}, ([], 1), id="and says what it gave up"),
    ],
)
def test_an_engine_that_is_left_stays_for_its_events(
    tmp_path: Path, receiver: Receiver, answers: list[int], more: dict[str, Any], expected: tuple[list[int], int]
):
    receiver.answers += answers
    settings = replace(settings_for(make_project(tmp_path)), **more)
    waited: list[int] = []
    with (
        attach_with(settings, waiting=lambda events, _: waited.append(events)) as running,
        Client(running.url, running.key) as client,
    ):
        client.run("add", {"a": 1}, webhooks=hooks(receiver.url, "job.complete"))
        receiver.next()
    assert (waited, running.undelivered) == expected


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_refused_delivery_is_made_again_under_the_same_id(client: Client, receiver: Receiver, status: int):
    receiver.answers += [status, status]
    client.run("add", {"a": 1}, webhooks=hooks(receiver.url + "/a", "job.start", "job.complete.no_output"))
    got = [receiver.next() for _ in range(4)]
    assert [path for path, _, _ in got] == ["/a"] * 4
    assert [body["type"] for _, _, body in got] == ["job.start"] * 3 + ["job.complete.no_output"]
    assert len({headers["webhook-id"] for _, headers, _ in got[:3]}) == 1
    assert got[3][2]["body"].keys() == {"job_id", "status", "error"}


def test_a_hook_that_always_fails_delays_nothing_and_is_given_up(client: Client, receiver: Receiver):
    receiver.answers += [500] * 4
    job = client.run("add", {"a": 1}, webhooks=hooks(receiver.url, "job.start", "job.complete"))
    assert data(job) == [3]
    got = [receiver.next()[2]["type"] for _ in range(5)]
    assert got == ["job.start"] * 4 + ["job.complete"]


def test_410_ends_the_retries(client: Client, receiver: Receiver):
    receiver.answers += [410]
    client.run("add", {"a": 1}, webhooks=hooks(receiver.url, "job.start", "job.complete"))
    assert [receiver.next()[2]["type"] for _ in range(2)] == ["job.start", "job.complete"]


def test_a_cancelled_and_a_failed_job_complete_too(client: Client, receiver: Receiver, meeting: Meeting):
    job_id = client.push("wait", {"port": meeting.port}, webhooks=hooks(receiver.url, "job.complete"))
    meeting.accept()
    client.http.delete(f"/v2/jobs/{job_id}")
    assert receiver.next()[2]["body"]["status"] == "cancelled"
    client.run("boom", {"text": "no luck"}, webhooks=hooks(receiver.url, "job.complete", "job_complete"))
    complete, legacy = receiver.next()[2], receiver.next()[2]
    assert complete["body"]["error"].endswith("no luck")
    assert legacy["body"]["output"] is None


def test_env_and_urls_are_erased_when_job_and_deliveries_are_over(client: Client, receiver: Receiver, project: Path):
    receiver.answers += [500]
    url = receiver.url + "/?token=canary-in-url"
    client.run("add", {"a": 1}, env={"CANARY": "canary-in-env"}, webhooks=hooks(url, "job.complete"))
    assert [receiver.next()[0] for _ in range(2)] == ["/?token=canary-in-url"] * 2
    folder = project / ".sieve-jobs" / "engine"
    while True:  # the last delivery is recorded after it was answered, and the log is emptied after that
        found = b"".join(file.read_bytes() for file in folder.glob("engine.db*"))
        if b"canary-in" not in found:
            break
    with sqlite3.connect(f"file:{folder / 'engine.db'}?mode=ro", uri=True) as database:
        assert database.execute("SELECT count(*) FROM jobs WHERE env IS NOT NULL").fetchone() == (0,)
        assert database.execute(
            "SELECT count(*) FROM outbox WHERE state = 'delivered' AND url IS NOT NULL"
        ).fetchone() == (0,)
    database.close()


def test_the_legacy_events_have_their_own_bodies(client: Client, receiver: Receiver):
    job = client.run("add", {"a": 1}, webhooks=hooks(receiver.url, "job_start", "job_complete"))
    start, complete = receiver.next()[2], receiver.next()[2]
    assert start == {"type": "job_start", "body": {"job_id": job["id"]}}
    assert complete["body"]["outputs"] == job["outputs"]
    assert complete["body"]["output"] == job["outputs"][0]


def test_outputs_come_in_pairs_where_a_hook_says_so(client: Client, receiver: Receiver, tmp_path: Path):
    source = tmp_path / "words.txt"
    source.write_text("hello")
    asked = hooks(receiver.url, "job.complete", "job_complete")
    client.run("shout", {"text": {"url": source.as_uri()}}, webhooks=[{**hook, "shape": "pairs"} for hook in asked])
    complete, legacy = receiver.next()[2]["body"], receiver.next()[2]["body"]
    (output,) = complete["outputs"]
    assert output["type"] == "sieve.File"
    assert next(pair["Value"] for pair in output["data"] if pair["Key"] == "url").startswith("http://127.0.0.1:")
    assert [pair["Key"] for pair in legacy["outputs"][0]][:2] == list(output)[:2]
    assert legacy["output"] == legacy["outputs"][0]
    assert client.send("add", {"a": 1}, webhooks=[{**asked[0], "shape": "other"}]).status_code == 422


def test_a_functions_hooks_are_inherited_with_their_shape_unless_a_push_has_its_own(client: Client, receiver: Receiver):
    own = [{**hook, "shape": "pairs"} for hook in hooks(receiver.url + "/function", "job_complete")]
    assert client.http.post("/v2/functions/me/add/edit", json={"webhooks": {"hooks": own}}).status_code == 200
    try:
        client.run("add", {"a": 1}, webhooks=[])
        client.run("add", {"a": 2}, webhooks=hooks(receiver.url + "/push", "job.complete"))
        client.run("add", {"a": 3})
        got = {path: body["body"] for path, _, body in (receiver.next(), receiver.next())}
    finally:
        client.http.post("/v2/functions/me/add/edit", json={"webhooks": {"hooks": []}})
    assert got.keys() == {"/push", "/function"}
    assert got["/push"]["outputs"][0]["data"] == 4
    assert {"Key": "data", "Value": 5} in got["/function"]["output"]


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_the_reference_library_takes_the_signature(client: Client, receiver: Receiver, secret: str):
    client.run("add", {"a": 1}, webhooks=hooks(receiver.url, "job.complete"))
    _, headers, body = receiver.next()
    content = json.dumps(body, separators=(",", ":"))
    assert Webhook(secret).verify(content, headers) == body
    for changed in (
        {**headers, "webhook-id": "msg_other"},
        {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)},
        {**headers, "webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")},
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(content, changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(content.replace("finished", "fin1shed"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "B" * 44).verify(content, headers)


@pytest.mark.parametrize(("age", "taken"), [(0, True), (290, True), (301, False), (-301, False)])
def test_signatures_are_the_reference_librarys_and_grow_old(age: int, taken: bool):
    at, body = int(time.time()) - age, '{"é":1}'
    (key,) = parse_secrets(OLD)
    made = signature([key], "msg_1", at, body.encode())
    assert made == Webhook(OLD).sign("msg_1", datetime.fromtimestamp(at, UTC), body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": made}
    if taken:
        assert Webhook(OLD).verify(body, headers) == {"é": 1}
    else:
        with pytest.raises(WebhookVerificationError):
            Webhook(OLD).verify(body, headers)


@pytest.mark.parametrize("text", ["secret", OLD.removeprefix("whsec_"), "whsec_", "whsec_AAAA", "whsec_" + "!" * 40])
def test_what_no_secret_is(text: str):
    with pytest.raises(HomeError, match="whsec_") as refused:
        read_hook_keys({HOOK_SECRET_VARIABLE: text})
    assert text == "whsec_" or text not in str(refused.value)
    assert read_hook_keys({}) == ()


def test_a_dead_letter_is_seen_and_sent_again(client: Client, receiver: Receiver):
    receiver.answers += [410, 410]
    url = receiver.url + "/hook?token=canary"
    job = client.run("add", {"a": 1}, webhooks=hooks(url, "job.start", "job.complete"))
    first = [receiver.next() for _ in range(2)]
    until(lambda: sum(it["job_id"] == job["id"] for it in letters(client, state="dead")) == 2)
    complete, start = (it for it in letters(client, state="dead") if it["job_id"] == job["id"])
    assert [it["type"] for it in (start, complete)] == ["job.start", "job.complete"]
    assert start["url"] == receiver.url + "/hook?…"
    assert [attempt["met"] for attempt in start["attempts"]] == ["answered 410"]
    assert client.http.post(f"/x/webhooks/{start['id']}/replay").json() == {"replayed": 1}
    path, headers, body = receiver.next()
    assert (path, headers["webhook-id"], body) == ("/hook?token=canary", start["id"], first[0][2])
    until(lambda: start["id"] in {it["id"] for it in letters(client, state="delivered")})
    again = client.http.post(f"/x/webhooks/{start['id']}/replay")
    assert (again.status_code, again.json()) == (400, {"detail": "Webhook event is not a dead letter."})
    assert client.http.post("/x/webhooks/msg_0/replay").status_code == 404
    assert client.http.post(f"/x/webhooks/{start['id'][:7]}/replay").status_code == 404
    assert client.http.post(f"/x/webhooks/{start['id'][:12]}/replay").status_code == 400
    assert client.http.post("/x/webhooks/msg_%25%25%25%25/replay").status_code == 404
    assert client.http.get("/x/webhooks?state=lost").status_code == 422
    assert client.http.post("/x/webhooks/replay").json()["replayed"] >= 1
    until(lambda: complete["id"] in {it["id"] for it in letters(client, state="delivered")})


def test_a_private_address_is_a_dead_letter_at_once(client: Client):
    job = client.run("add", {"a": 1}, webhooks=hooks("http://10.0.0.1:9/hook", "job.complete"))
    until(lambda: [it for it in letters(client, state="dead") if it["job_id"] == job["id"]])
    (letter,) = (it for it in letters(client, state="dead") if it["job_id"] == job["id"])
    assert [it["met"] for it in letter["attempts"]] == ["not sent: 10.0.0.1 is not a public address"]


@asynccontextmanager
async def delivering(folder: Path, view: Callable[[], View]) -> AsyncIterator[tuple[Store, Deliverer]]:
    """A store whose events are sent, without an engine around it."""
    store = Store(folder / "engine.db", asyncio.get_running_loop())
    deliverer = Deliverer(store, settings_for(folder), view, Sender(Policy(loopback=True), (), 60.0))
    running = asyncio.create_task(deliverer.run())
    try:
        yield store, deliverer
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        store.close()


async def finished(store: Store, job_id: str, url: str) -> None:
    """A job that ended a second ago with a file, of which *url* is to be told."""
    now, run = datetime.now(UTC) - timedelta(seconds=1), Run(job_id, f"{job_id}-1")
    job = NewJob(job_id, run.run_id, "function", "me", "add", False, {}, {}, (Hook(Event.COMPLETE, url),), "api")

    def change(db: sqlite3.Connection) -> None:
        jobs.create(db, job, now)
        jobs.claim(db, job_id, "function", now)
        jobs.record(db, run, {0: {"data": {"url": "engine-file:f/a.txt"}}}, None, now)
        jobs.finish(db, run, Ended(1, ""), now)

    await store.write(change)


def test_a_receiver_that_says_nothing_does_not_keep_the_others_waiting(receiver: Receiver, tmp_path: Path):
    signer = Signer(b"s", "http://127.0.0.1:1", 60)

    async def deliver(silent: str) -> None:
        async with delivering(tmp_path, lambda: View(signer, 1_000, "o", lambda _: None)) as (store, deliverer):
            for number in range(40):
                await finished(store, f"job-{number}", silent)
            await finished(store, "job", receiver.url)
            deliverer.wake()
            await asyncio.to_thread(receiver.next)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(deliver(f"http://127.0.0.1:{listener.getsockname()[1]}/"))


def test_every_attempt_says_the_same_although_file_urls_are_signed_anew(receiver: Receiver, tmp_path: Path):
    receiver.answers += [500, 500]
    signer, clock = Signer(b"s", "http://127.0.0.1:1", 60), iter(range(1_000, 9_000, 1_000))

    async def deliver() -> None:
        view = lambda: View(signer, next(clock), "o", lambda _: None)  # noqa: E731 -- a later time at each look
        async with delivering(tmp_path, view) as (store, deliverer):
            await finished(store, "job", receiver.url)
            deliverer.wake()
            await asyncio.to_thread(until, lambda: receiver.received.qsize() >= 3)

    asyncio.run(deliver())
    got = [receiver.next() for _ in range(3)]
    assert got[0][2]["body"]["outputs"][0]["data"]["url"].startswith("http://127.0.0.1:1/v2/files/")
    assert [body for _, _, body in got] == [got[0][2]] * 3
    assert len({headers["webhook-id"] for _, headers, _ in got}) == 1
    assert next(clock) == 2_000  # it was read once
