"""The list of webhook events: why one failed is said at any width, and its id is as short as it can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sieve_jobs.render.hooks import events, shortest
from sieve_jobs.render.style import Style
from sieve_jobs.render.text import width_of
from sieve_jobs.wire import Json

IDS = ("msg_00112233445566778899aabbccddeeff", "msg_0123456789abcdef0123456789abcdef")
JOB = "3f0c1d2e-8a11-4f6e-9a52-0c4b1d7e2f10"


def event(number: int, kind: str, url: str | None, *met: str, state: str = "dead") -> Json:
    attempts: list[Json] = [{"at": "2026-11-23T12:00:00.000000", "met": each} for each in met]
    return {"id": IDS[number], "job_id": JOB, "type": kind, "url": url, "state": state, "attempts": attempts}


DEAD = event(0, "job.complete", "http://127.0.0.1:8123/hook?…", *["answered 500"] * 11)
UNSENT = event(1, "job.complete.no_output", "https://hooks.example.com/a/b", "no answer: Connection refused")


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 200])
def test_why_it_failed_is_said_at_any_width(width: int) -> None:
    lines = events([DEAD, UNSENT], replace(Style(), width=width)).splitlines()
    assert all(width_of(line) <= width for line in lines)
    assert [line.split()[0] for line in lines] == ["event", "msg_00112233", "msg_01234567"]
    assert ["11x answ" in lines[1], "1x no ans" in lines[2]] == [width >= 40, width >= 40]


def test_eighty_columns_have_all_but_the_job() -> None:
    assert events([DEAD, UNSENT], replace(Style(), width=80)).splitlines() == [
        "event         state  type            to            tried",
        "msg_00112233  dead   job.complete    127.0.0.1:8…  11x answered 500",
        "msg_01234567  dead   job.complete.…  hooks.examp…  1x no answer: Connection ref…",
    ]


def test_where_there_is_room_the_job_is_named() -> None:
    (_, line) = events([DEAD], replace(Style(), width=200)).splitlines()
    assert line.split() == [
        "msg_00112233", "dead", "job.complete", "127.0.0.1:8123/hook?…", "11x", "answered", "500", JOB,
    ]  # fmt: skip


def test_what_was_not_tried_yet_and_what_forgot_its_url_are_listed() -> None:
    waiting = event(0, "job.start", "http://127.0.0.1:1/x", state="pending")
    done = event(1, "job.start", None, "answered 204", state="delivered")
    assert [line.split() for line in events([waiting, done], replace(Style(), width=80)).splitlines()[1:]] == [
        ["msg_00112233", "pending", "job.start", "127.0.0.1:1/x"],
        ["msg_01234567", "delivered", "job.start", "1x", "answered", "204"],
    ]
    assert events([], Style()) == "no events\n"


@pytest.mark.parametrize(
    ("ids", "length"),
    [
        pytest.param([], 12, id="none"),
        pytest.param(IDS, 12, id="different at once"),
        pytest.param(["msg_0123456789", "msg_0123456788"], 14, id="alike to their last digit"),
        pytest.param([IDS[0], IDS[0]], 12, id="one event twice, as it was listed while others came"),
    ],
)
def test_ids_are_cut_where_they_differ(ids: list[str], length: int) -> None:
    assert shortest(ids) == length
