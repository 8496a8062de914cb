"""Webhooks, received by a real listener."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.engine.farside import Client, Meeting, Receiver, data

ALL = ("job.start", "job.new_output", "job.complete")


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
