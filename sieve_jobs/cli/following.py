"""Following: the jobs of all rounds of a watch, followed and saved beside them, without the lock on the state."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import redactor_of
from sieve_jobs.cli.pushing import save_options
from sieve_jobs.cli.screen import Screen
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import SieveJobsError
from sieve_jobs.push.client import Client
from sieve_jobs.push.follow import Follower
from sieve_jobs.push.followed import Followed, FollowOptions
from sieve_jobs.push.recorder import Recorder, recorder_for
from sieve_jobs.push.save import Saver
from sieve_jobs.push.stop import Stop
from sieve_jobs.state.store import Store

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds before following begins anew when it had to end: nobody answered, or the state could not be written."""


class Following:
    """Follows jobs until somebody stops it. To be used in one event loop."""

    def __init__(self, session: Session, client: Client, stop: Stop, screen: Screen, *, new_state: bool) -> None:
        """Raises StateError where the state cannot be used."""
        self._session, self.client, self.stop, self._screen = session, client, stop, screen
        self._new_state = new_state
        self.follower, self.saver, self._recorder, self._store = self._begin(())
        self._task = asyncio.create_task(self._run())

    @property
    def running(self) -> frozenset[str]:
        """Ids of the jobs that are followed."""
        return self.follower.open_jobs

    async def record(self) -> None:
        """Returns once all that was learned of jobs is in the state, so that a plan knows it, or somebody stops it.

        A state that cannot be written is told of where jobs are followed.
        """
        works = [asyncio.create_task(self._recorder.flush()), asyncio.create_task(self.stop.asked.wait())]
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def end(self) -> None:
        """Ends it once it was stopped, or because the watch goes elsewhere."""
        if not self.stop.asked.is_set():
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.saver.close()
        self._store.close()

    def _begin(self, jobs: Iterable[Followed]) -> tuple[Follower, Saver, Recorder, Store]:
        target = self._session.target
        store = self._session.open_store(read_only=False, new_state=self._new_state)
        recorder = recorder_for(store, 0)
        # A watch goes on for hours, on a disk that somebody works on: until its end others would fetch what it has.
        saves = replace(save_options(self._session), at_end=False)
        saver = Saver(
            store, recorder, self.client, saves, self._screen.emit,
            redactor=redactor_of(self._session), target=target.name,
        )  # fmt: skip
        options = FollowOptions(
            concurrency=target.concurrency, stop=self.stop, target=target.name, finished=saver.add,
            organization_id=None if target.is_local else store.load().header.organization_id,
        )  # fmt: skip
        follower = Follower(recorder, self.client, options, self._screen.emit)
        for job in jobs:
            follower.add(job)
        return follower, saver, recorder, store

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self.stop.asked.is_set():
            problems: tuple[Diagnostic, ...]
            try:
                problems = (await self.follower.run()).problems
            except SieveJobsError as error:
                problems = error.diagnostics
            if self.stop.asked.is_set():
                return
            self._screen.problems("follow", problems)
            await self._rest(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            await self._again()

    async def _again(self) -> None:
        """Another follower for what the last one had not seen end; the old one stays where none can be had."""
        try:
            begun = self._begin(self.follower.open_followed)
        except SieveJobsError as error:
            self._screen.problems("follow", error.diagnostics)
            return
        await self.saver.close()
        self._store.close()
        self.follower, self.saver, self._recorder, self._store = begun

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stop.asked.wait(), seconds)
        except TimeoutError:
            return
