"""A far side that moves is found again: once for all calls that notice, and where it is gone all of them say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sieve_jobs.errors import CallError, NoEngineError, UnreachableError
from sieve_jobs.push.client import Client
from sieve_jobs.push.part import Part
from sieve_jobs.wire import Json
from tests.cloud import Cloud
from tests.push.scene import FastClock

BODY: dict[str, Json] = {"function": "a/b", "inputs": {"n": 1}}


class Move:
    """Says where the far side is now: at *url*, or nowhere. *asked* is how often."""

    def __init__(self, url: str = "") -> None:
        self.url, self.asked = url, 0

    async def __call__(self) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.url:
            raise NoEngineError("there is no other")
        return self.url


def left() -> str:
    """The url of a far side that is there no more."""
    with Cloud.running() as cloud:
        return cloud.url


def client_of(url: str, move: Move) -> Client:
    return Client(url, Cloud.key, clock=FastClock(), rejoin=move)


def test_calls_that_notice_together_look_for_it_once() -> None:
    with Cloud.running() as cloud:
        move = Move(cloud.url)

        async def main() -> int:
            async with client_of(left(), move) as client:
                pages = await asyncio.gather(*(client.jobs() for _ in range(20)))
                return len(pages)

        assert asyncio.run(main()) == 20
        assert (move.asked, len(cloud.requests)) == (1, 20)


def test_a_push_is_left_to_the_next_attempt() -> None:
    with Cloud.running() as cloud:

        async def main() -> str:
            async with client_of(left(), Move(cloud.url)) as client:
                with pytest.raises(UnreachableError):
                    await client.push(BODY, "key")
                assert not cloud.requests
                return (await client.push(BODY, "key")).response.id

        assert asyncio.run(main()) == cloud.jobs[0].id


def test_where_it_is_gone_all_calls_end_with_that() -> None:
    async def main() -> list[BaseException | object]:
        async with client_of(left(), Move()) as client:
            calls = [client.jobs(), client.job("1"), client.push(BODY, "key"), client.await_job("1")]
            return await asyncio.gather(*calls, return_exceptions=True)

    found = asyncio.run(main())
    assert {type(error) for error in found} == {NoEngineError}


def test_the_url_of_an_output_leads_to_where_it_is(tmp_path: Path) -> None:
    url = left()
    with Cloud.running() as cloud:

        async def main() -> int:
            async with client_of(url, Move(cloud.url)) as client:
                part = Part(tmp_path)
                await client.download(url + "/files/a/b.bin", part)
                part.seal()
                part.give(tmp_path / "b.bin")
                return part.size

        assert asyncio.run(main()) == (tmp_path / "b.bin").stat().st_size > 0


def test_a_file_of_others_that_cannot_be_had_says_nothing_of_the_engine(tmp_path: Path) -> None:
    move = Move()
    with Cloud.running() as cloud:

        async def main() -> None:
            async with client_of(cloud.url, move) as client:
                part = Part(tmp_path)
                try:
                    with pytest.raises(CallError):
                        await client.download(left() + "/files/a/b.bin", part)
                finally:
                    part.discard()

        asyncio.run(main())
    assert move.asked == 0
