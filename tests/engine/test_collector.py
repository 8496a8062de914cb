"""Rounds on a running engine: what goes, what stays whatever its age, and what a round that is cut off leaves."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from sieve_jobs.engine.home import home_of
from sieve_jobs.engine.launch import attach_with, path_on_disk
from tests.engine.conftest import make_project, settings_for
from tests.engine.farside import Client, Meeting, Receiver, data, until
from tests.engine.test_election import pid_of

TAKING = """
from pathlib import Path

import sieve
from plain import meet

@sieve.function(name="take")
def take(port: int, clip: sieve.File, more: str = ""):
    meet(port)
    return Path(clip.path).read_text()
"""
PARTS = ("jobs", "outputs", "logs", "files")
LONG_AGO = "2020-01-01T00:00:00.000000"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("project"))
    (root / "functions" / "taking.py").write_text(TAKING)
    return root


@contextmanager
def database(root: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(home_of(root).database, timeout=20, isolation_level=None)) as db:
        yield db


def gc(client: Client, **asked: Any) -> dict[str, Any]:
    answer = client.http.post("/x/gc", json={"keep": 0, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def is_there(client: Client, job_id: str) -> bool:
    return client.http.get(f"/v2/jobs/{job_id}").status_code == 200


def newest(client: Client) -> str:
    """One more job at its end, since the newest stays: what a test is about is older."""
    return str(client.run("add", {"a": 0})["id"])


def shout(client: Client, root: Path, **further: Any) -> tuple[dict[str, Any], str, Path]:
    """A job that made a file; the file's URL and where it lies."""
    (root / "words.txt").write_text("words")
    job = client.run("shout", {"text": {"url": (root / "words.txt").as_uri()}}, **further)
    url = data(job)[0]["url"]
    path = path_on_disk(root, url)
    assert path is not None
    assert path.is_file()
    return job, url, path


def test_an_ended_job_goes_with_all_that_was_its_own(client: Client, project: Path):
    job, url, path = shout(client, project)
    kept = newest(client)
    would = gc(client, dry_run=True)
    assert (would["jobs"], would["files"], would["bytes"], would["dry_run"]) == (1, 1, 5, True)
    assert path.is_file()
    assert is_there(client, job["id"])
    did = gc(client)
    assert {**did, "dry_run": True} == would
    assert did["stay"] == 1
    assert not path.parent.parent.exists()
    assert not is_there(client, job["id"])
    assert httpx.get(url, trust_env=False).status_code == 404
    assert client.http.get("/v2/logs", params={"job_id": job["id"]}).status_code == 404
    assert [row["id"] for row in client.http.get("/v2/jobs").json()["data"]] == [kept]
    assert all(ids_of(project, part) <= {kept} for part in PARTS)
    assert gc(client)["jobs"] == 0


def test_what_is_younger_than_keep_stays(client: Client):
    job = newest(client)
    newest(client)
    assert gc(client, keep=3600)["jobs"] == 0
    assert client.http.post("/x/gc", json={}).json()["keep"] == 7 * 86_400
    assert is_there(client, job)


def test_open_jobs_keep_what_they_take_from_others(client: Client, project: Path, meeting: Meeting):
    by_url, url, path = shout(client, project)
    by_path, _, lies_at = shout(client, project)
    by_id = newest(client)
    taking = client.push("take", {"port": meeting.port, "clip": {"url": url}})
    reading = client.push("take", {"port": meeting.port, "clip": {"url": lies_at.as_uri()}, "more": f"{by_id}!"})
    guests = [meeting.accept(), meeting.accept()]
    newest_of_all = client.push("add", {"a": 1})
    gc(client)
    assert [is_there(client, it) for it in (by_url["id"], by_path["id"], by_id)] == [True] * 3
    for guest in guests:
        guest.let_go()
    assert data(client.end_of(taking)) == data(client.end_of(reading)) == ["WORDS"]
    client.end_of(newest_of_all)
    assert gc(client)["jobs"] == 5
    assert not path.exists()
    assert not lies_at.exists()


def test_a_family_stays_while_any_of_those_above_or_below_is_open(client: Client, meeting: Meeting):
    parent = client.push("wait", {"port": meeting.port})
    above = meeting.accept()
    child = client.run("add", {"a": 1}, parent=parent)["id"]
    below = client.run("add", {"a": 1}, parent=child)["id"]
    newest(client)
    gc(client)
    assert client.job(parent)["children"] == {"me/add": [child]}
    assert is_there(client, below)
    late = client.push("wait", {"port": meeting.port}, parent=below)
    guest = meeting.accept()
    above.let_go()
    client.end_of(parent)
    newest(client)
    gc(client)
    assert [is_there(client, it) for it in (parent, child, below, late)] == [False, False, True, True]
    guest.let_go()
    client.end_of(late)
    newest(client)
    gc(client)
    assert [is_there(client, it) for it in (below, late)] == [False] * 2


def test_a_job_stays_until_its_webhooks_are_told_and_its_dead_letters_are_old(
    client: Client, project: Path, receiver: Receiver
):
    receiver.answers += [410]
    hooks = [{"type": "job.complete", "url": receiver.url}]
    job = client.run("add", {"a": 1}, webhooks=hooks)["id"]
    until(lambda: client.http.get("/x/webhooks", params={"state": "dead"}).json()["data"])
    newest(client)
    with database(project) as db:
        db.execute("UPDATE jobs SET completed_at = ? WHERE id = ?", (LONG_AGO, job))
    assert gc(client, keep=3600)["jobs"] == 0
    assert client.http.post("/x/webhooks/replay", json={}).json() == {"replayed": 1}
    receiver.next()
    assert receiver.next()[2]["body"]["job_id"] == job
    until(lambda: client.http.get("/x/webhooks", params={"state": "delivered"}).json()["data"])
    did = gc(client)
    assert (did["webhook_events"], is_there(client, job)) == (1, False)
    assert client.http.get("/x/webhooks").json()["data"] == []


def test_a_push_that_is_repeated_after_its_job_went_pushes_nothing(client: Client):
    first = client.send("add", {"a": 1}, key="once")
    client.end_of(first.json()["id"])
    newest(client)
    gc(client)
    again = client.send("add", {"a": 1}, key="once")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert client.send("add", {"a": 2}, key="once").status_code == 422
    assert not is_there(client, first.json()["id"])
    assert client.http.get("/v2/jobs", params={"client_ref": "once"}).json()["data"] == []


def test_uploads_go_once_they_are_old_and_no_open_job_takes_them(client: Client, project: Path, meeting: Meeting):
    kept, taken, old = (upload(client, project) for _ in range(3))
    for _, folder in (taken, old):
        for path in (*folder.iterdir(), folder):
            os.utime(path, (1, 1))
    job = client.push("take", {"port": meeting.port, "clip": {"url": taken[0]}})
    guest = meeting.accept()
    assert gc(client)["uploads"] == 1
    assert [folder.exists() for _, folder in (kept, taken, old)] == [True, True, False]
    guest.let_go()
    assert data(client.end_of(job)) == ["12"]
    assert gc(client)["uploads"] == 1
    assert [folder.exists() for _, folder in (kept, taken)] == [True, False]


def upload(client: Client, root: Path) -> tuple[str, Path]:
    urls = client.http.post("/v2/upload_url", json={"file_name": "a.bin"}).json()
    assert httpx.put(urls["upload_url"], content=b"12", trust_env=False).status_code == 200
    path = path_on_disk(root, urls["get_url"])
    assert path is not None
    return urls["get_url"], path.parent


def test_nothing_is_followed_out_of_the_files_and_strangers_stay(client: Client, project: Path):
    outside = project / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("precious")
    gc(client)
    job, _, path = shout(client, project)
    newest(client)
    files = home_of(project).files
    link, stranger = files / str(uuid.uuid4()), files / "; rm -rf $HOME\n"
    link.symlink_to(outside)
    stranger.mkdir()
    (path.parent / "away").symlink_to(outside)
    did = gc(client)
    assert (did["problems"], did["jobs"]) == ([], 2)
    assert (outside / "precious.txt").read_text() == "precious"
    assert not link.is_symlink()
    assert not (files / job["id"]).exists()
    assert stranger.is_dir()


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"keep": -1}, "keep"),
        ({"keep": "7d"}, "keep"),
        ({"keep": True}, "keep"),
        ({"keep": 1e12}, "keep"),
        ({"dry_run": 1}, "dry_run"),
        ({"dryrun": True}, "dryrun"),
    ],
)
def test_what_is_asked_is_checked(client: Client, asked: dict[str, Any], place: str):
    answer = client.http.post("/x/gc", json=asked)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", place]


def fill(root: Path, count: int, *, lines: int = 0) -> list[str]:
    """Jobs that ended long ago, each with an output file and *lines* in its log, as an engine leaves them.

    A folder is put there whole: an engine that is at a round already may remove it at any moment.
    """
    ids = [str(uuid.uuid4()) for _ in range(count)]
    with database(root) as db:
        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO jobs (id, run_id, function_id, owner, name, pinned, status, created_at, completed_at, inputs,"
            " source) VALUES (?, ?, 'gone', 'me', 'add', 0, 'finished', ?, ?, '{}', 'api')",
            [(job_id, f"{job_id}-1", LONG_AGO, LONG_AGO) for job_id in ids],
        )
        output = json.dumps({"data": {"url": "engine-file:f/a.txt"}, "type": "sieve.File"})
        db.executemany("INSERT INTO outputs VALUES (?, 0, '', 9, ?)", [(job_id, output) for job_id in ids])
        rows = ((job_id, at, "", "", "line") for job_id in ids for at in range(lines))
        db.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")
    for job_id in ids:
        made = root / "made" / job_id
        (made / "f").mkdir(parents=True)
        (made / "f" / "a.txt").write_text("a")
        made.rename(home_of(root).files / job_id)
    return ids


def ids_of(root: Path, part: str) -> set[str]:
    """The jobs that have something in *part*."""
    if part == "files":
        return {path.name for path in home_of(root).files.iterdir()}
    column = "id" if part == "jobs" else "job_id"
    with database(root) as db:
        return {row[0] for row in db.execute(f"SELECT DISTINCT {column} FROM {part}")}  # noqa: S608 -- a table's name


def left(root: Path) -> int:
    return len(ids_of(root, "jobs"))


@pytest.mark.parametrize(
    ("count", "parts"),
    [
        pytest.param(600, ("jobs", "files"), id="briefly"),
        pytest.param(6_000, PARTS, id="at-each-step", marks=pytest.mark.soak),
    ],
)
def test_a_round_that_is_killed_leaves_whole_jobs_and_the_next_one_the_newest_alone(
    tmp_path: Path, count: int, parts: tuple[str, ...]
):
    settings = settings_for(make_project(tmp_path), workers=0)
    with attach_with(settings):
        pass
    ids = set(fill(tmp_path, count, lines=3))
    was_cut_off = []
    for part in parts:
        engine = attach_with(settings)
        with Client(engine.url, engine.key) as client, ThreadPoolExecutor(1) as threads:
            asked = threads.submit(gc, client)
            until(lambda part=part: ids_of(tmp_path, part) < ids)
            os.kill(pid_of(tmp_path), signal.SIGKILL)
            was_cut_off.append(isinstance(asked.exception(), httpx.TransportError))
        engine.close()
        assert all(ids_of(tmp_path, "jobs") <= ids_of(tmp_path, each) for each in PARTS)
    assert any(was_cut_off)
    with attach_with(settings) as engine, Client(engine.url, engine.key) as client:
        gc(client)
    assert {len(ids_of(tmp_path, part)) for part in PARTS} == {1}


def test_two_rounds_at_once_share_the_work_and_a_push_comes_between(tmp_path: Path):
    with (
        attach_with(settings_for(make_project(tmp_path), workers=1)) as engine,
        Client(engine.url, engine.key) as client,
    ):
        count = 800
        fill(tmp_path, count)
        with ThreadPoolExecutor(2) as threads:
            rounds = [threads.submit(gc, client) for _ in range(2)]
            until(lambda: left(tmp_path) < count)
            pushed = client.push("add", {"a": 1})
            assert not any(it.done() for it in rounds)
            assert sum(it.result()["jobs"] for it in rounds) in {count - 1, count, count + 1}
        assert data(client.end_of(pushed)) == [3]
        assert left(tmp_path) <= 2


def test_an_engine_with_keep_does_rounds_by_itself_and_ends_in_one(tmp_path: Path):
    settings = settings_for(make_project(tmp_path), workers=0)
    with attach_with(settings):
        pass
    fill(tmp_path, 20)
    with attach_with(replace(settings, keep=60.0, collect_first=0.0, collect_every=0.1)) as engine:
        until(lambda: left(tmp_path) == 1)
        fill(tmp_path, 20)
        until(lambda: left(tmp_path) == 1)
        fill(tmp_path, 500)
        until(lambda: left(tmp_path) < 500)
        pid = pid_of(tmp_path)
        assert engine.requeued is None
    assert engine.requeued == 0
    until(lambda: not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")


def test_a_round_is_not_due_again_after_a_restart(tmp_path: Path):
    settings = replace(settings_for(make_project(tmp_path), workers=0), keep=60.0, collect_first=0.0)
    with attach_with(settings):
        until(lambda: marks(tmp_path))
    first = marks(tmp_path)
    fill(tmp_path, 2)
    with attach_with(settings) as engine, Client(engine.url, engine.key) as client:
        assert gc(client, dry_run=True)["jobs"] == 1
    assert (left(tmp_path), marks(tmp_path)) == (2, first)


def marks(root: Path) -> list[str]:
    with database(root) as db:
        return [row[0] for row in db.execute("SELECT value FROM meta WHERE key = 'collected_at'")]


@pytest.mark.soak
def test_a_hundred_thousand_jobs_go_while_pushes_are_answered(tmp_path: Path):
    with (
        attach_with(settings_for(make_project(tmp_path), workers=1)) as engine,
        Client(engine.url, engine.key) as client,
    ):
        count = 100_000
        fill(tmp_path, count, lines=3)
        client.http.timeout = httpx.Timeout(600)
        took: list[float] = []
        with ThreadPoolExecutor(1) as threads:
            began = time.monotonic()
            round_ = threads.submit(gc, client)
            with Client(engine.url, engine.key) as other:
                while not round_.done():
                    before = time.monotonic()
                    other.push("add", {"a": 1})
                    took.append(time.monotonic() - before)
            lasted = time.monotonic() - began
        assert round_.result()["jobs"] >= count - 1
        took.sort()
        assert len(took) > 100
        print(
            f"{count:,} jobs in {lasted:.1f} s; {len(took):,} pushes beside, p50 {took[len(took) // 2] * 1e3:.1f} ms,"
            f" p99 {took[len(took) * 99 // 100] * 1e3:.1f} ms, longest {took[-1] * 1e3:.1f} ms"
        )
