"""Jobs of jobs: how far a family grows, who leaves a place to whom, and what a job's pass opens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from sieve_jobs.engine import jobs
from sieve_jobs.engine.app import ROUTES
from sieve_jobs.engine.children import DEEPEST, MOST_CHILDREN, FamilyError, Passes, Standing, depth_below, has_room
from sieve_jobs.engine.launch import Running
from sieve_jobs.engine.records import NewJob, Run
from sieve_jobs.engine.store import Store
from tests.engine.farside import Client, Meeting, data

NOW = datetime(2025, 1, 1, tzinfo=UTC)
ROOT = NewJob("root", "root-1", "function", "me", "add", False, {}, {}, (), "api")


def test_a_family_has_an_end_in_depth_and_in_number(tmp_path: Path):
    async def check() -> None:
        store = Store(tmp_path / "db", asyncio.get_running_loop())
        try:
            await store.write(lambda db: jobs.create(db, ROOT, NOW))
            await store.write(lambda db: jobs.create(db, replace(ROOT, id="deep", depth=DEEPEST), NOW))
            assert store.read(lambda db: depth_below(db, "nobody")) is None
            assert store.read(lambda db: depth_below(db, "root")) == 1
            with pytest.raises(FamilyError, match="16 deep"):
                store.read(lambda db: depth_below(db, "deep"))
            for number in range(MOST_CHILDREN):
                child = replace(ROOT, id=f"c{number}", name=f"f{number % 2}", parent="root", depth=1)
                store.post(lambda db, child=child: jobs.create(db, child, NOW))
            assert [job.depth for job in await store.write(jobs.queued)][-2:] == [1, 1]
            with pytest.raises(FamilyError, match="may push 1000"):
                store.read(lambda db: depth_below(db, "root"))
            children = store.read(lambda db: jobs.get(db, "root")).children
            assert [(name, len(ids), ids[0]) for name, ids in children.items()] == [
                ("me/f0", MOST_CHILDREN // 2, "c0"),
                ("me/f1", MOST_CHILDREN // 2, "c1"),
            ]
        finally:
            store.close()

    asyncio.run(check())


RUNS, WAITS, CHILD_WAITS = Standing(0, waits=False), Standing(0, waits=True), Standing(1, waits=True)


@pytest.mark.parametrize(
    ("depth", "taken", "expected"),
    [
        pytest.param(0, [], True, id="nobody-there"),
        pytest.param(0, [RUNS, RUNS], False, id="all-run"),
        pytest.param(1, [RUNS, RUNS], False, id="a-child-has-no-more-right"),
        pytest.param(1, [RUNS, WAITS], True, id="a-child-has-the-place-of-one-that-waits"),
        pytest.param(0, [RUNS, WAITS], False, id="another-has-not"),
        pytest.param(1, [WAITS, CHILD_WAITS, CHILD_WAITS], False, id="nor-one-of-the-same-depth"),
        pytest.param(2, [WAITS, WAITS, CHILD_WAITS, CHILD_WAITS], True, id="the-deepest-has"),
    ],
)
def test_room_with_two_workers(depth: int, taken: list[Standing], expected: bool):
    assert has_room(depth, taken, 2) is expected


def test_a_pass_holds_until_it_is_withdrawn_and_is_not_kept():
    passes = Passes()
    token = passes.issue(Run("job", "job-1"))
    assert passes.holder(token.encode()) == Run("job", "job-1")
    assert token.encode() not in repr(passes).encode()
    passes.withdraw(token)
    assert passes.holder(token.encode()) is None


def test_a_pass_opens_a_push_and_what_is_needed_to_follow_it(engine: Running, client: Client, meeting: Meeting):
    job_id = client.push("hand-over", {"port": meeting.port})
    guest = meeting.accept()
    with Client(engine.url, guest.told["token"]) as child:
        forged = {"function": "me/add", "inputs": {"a": 1}, "parent": "another"}
        pushed = child.http.post("/v2/push", json=forged).json()["id"]
        assert data(child.end_of(pushed)) == [3]
        opened = {
            (method, path)
            for method, path, _ in ROUTES
            if "/files/" not in path and path != "/healthz"
            if child.http.request(method, path.replace("{job_id}", pushed), json={}).status_code != 403
        }
        assert client.job(job_id)["children"] == {"me/add": [pushed]}
        guest.let_go()
        assert data(client.end_of(job_id)) == ["go"]
        assert child.http.get(f"/v2/jobs/{pushed}").status_code == 401
    assert {path for _, path in opened} == {
        *("/v2/push", "/v2/logs", "/v2/jobs/{job_id}", "/v2/jobs/{job_id}/await"),
        *(path for method, path, _ in ROUTES if method == "GET" and path.startswith("/v2/functions/")),
    }
    assert ("DELETE", "/v2/jobs/{job_id}") not in opened


def test_a_client_may_name_the_parent_and_a_stranger_is_none(client: Client):
    parent = client.push("add", {"a": 1})
    child = client.push("add", {"a": 2}, parent=parent)
    client.push("add", {"a": 2}, parent="stranger")
    assert client.job(parent)["children"] == {"me/add": [child]}


def test_a_cancelled_parent_leaves_its_children_alone(client: Client, meeting: Meeting):
    parent = client.push("wait", {"port": meeting.port})
    meeting.accept()
    child = client.push("wait", {"port": meeting.port}, parent=parent)
    guest = meeting.accept()
    assert client.http.delete(f"/v2/jobs/{parent}").status_code == 200
    guest.let_go("on")
    assert data(client.end_of(child)) == ["on"]


def test_an_outsider_gets_nothing_with_a_made_up_pass(engine: Running):
    answer = httpx.get(f"{engine.url}/v2/jobs/x", headers={"X-API-Key": "made-up"}, trust_env=False)
    assert answer.status_code == 401
