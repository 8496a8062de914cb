"""Refusals: of one spec among others, of a body that is too long to be read, and words that are shown as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.errors import CallError, RefusedError, UnconfirmedError
from sieve_jobs.push.client import Client
from tests.cloud import Cloud, Fault, Script
from tests.faults.named import Met, faults
from tests.project import Project, spec
from tests.push.test_client import call

ODD = "no \x1b[2J\r\n::error::\u202e such thing"
LARGE = 50_000_000


def test_in_a_mixed_batch_the_refused_are_told_and_the_others_run(tmp_path: Path) -> None:
    refusals = list(faults(Met.REFUSAL).values())
    played = [
        Fault(**{**fault, "body": {"detail": ODD}}, match=f'"width":{index}}}') for index, fault in enumerate(refusals)
    ]
    with Cloud.running(Script(faults=played)) as cloud:
        project = Project(tmp_path / "p", cloud.url)
        for index in range(len(refusals) + 4):
            project.write(f"clip-{index}.yaml", spec(width=index))
        ran = project.apply()
        assert ran.code == 1
        for status in (400, 404, 406, 413, 422):
            assert f"answered {status}: no \\x1b[2J" in ran.err
        assert ran.err.count("[SJ143]") == len(refusals)
        assert not any(line.startswith("::") for line in ran.all.splitlines())
        assert not {"\x1b", "\r", "\u202e"} & set(ran.all)
        assert sorted(job.pushed["inputs"]["width"] for job in cloud.jobs) == [5, 6, 7, 8]
        assert project.apply().code == 0
        assert sorted(job.pushed["inputs"]["width"] for job in cloud.jobs) == [*range(9)]


@pytest.mark.parametrize(
    ("fault", "kind", "status", "length"),
    [
        pytest.param(Fault(status=413, unread=True), RefusedError, 413, LARGE, id="refused"),
        pytest.param(Fault("reset", unread=True), UnconfirmedError, None, LARGE // 10, id="reset"),
        pytest.param(Fault("close", unread=True), UnconfirmedError, None, LARGE // 10, id="closed"),
    ],
)
def test_an_answer_before_a_large_body_was_read_is_heard(
    fault: Fault, kind: type[CallError], status: int, length: int
) -> None:
    with Cloud.running(Script(faults=[fault])) as cloud:

        async def work(client: Client) -> CallError:
            with pytest.raises(CallError) as caught:
                await client.push({"function": "a/b", "inputs": {"text": "x" * length}}, "k")
            return caught.value

        error = call(cloud, work)
        assert type(error) is kind
        assert error.status == status
        assert not cloud.jobs
