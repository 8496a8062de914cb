"""Watching: the course of a watch. A round now, then one after each burst of changes, until somebody stops it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sieve_jobs.cli.connection import FarSide, default_workers, far_side
from sieve_jobs.cli.following import Following
from sieve_jobs.cli.interrupt import run_interruptible
from sieve_jobs.cli.looking import anew, as_configured, config_paths, far_side_of, require_watchable, stamps
from sieve_jobs.cli.pushing import Asked
from sieve_jobs.cli.rounds import Round, Rounds, Spent
from sieve_jobs.cli.screen import Screen
from sieve_jobs.errors import ExitCode, SieveJobsError
from sieve_jobs.watch.burst import AGAIN, Burst
from sieve_jobs.watch.feed import Feed
from sieve_jobs.watch.git import git_lock, is_busy
from sieve_jobs.watch.noise import Noise

if TYPE_CHECKING:
    from sieve_jobs.cli.context import Session
    from sieve_jobs.push.client import Client
    from sieve_jobs.push.stop import Stop

GIT_PAUSE = 0.05
"""Seconds between looks at whether git is still at work."""
FIRST_RETRY, LONGEST_RETRY = 2.0, 60.0
"""Seconds before a round that the far side did not answer is made again; they double."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks of a watch."""

    asked: Asked
    remote: bool = False
    poll: bool = False


def watch(session: Session, wanted: Wanted) -> ExitCode:
    """Watches until a signal, or until the pushes allowed are spent. Raises what keeps it from beginning."""
    session = anew(session.to_write())
    require_watchable(session, remote=wanted.remote)
    screen, spent = Screen(session, as_events=wanted.asked.events), Spent()
    while True:
        session.say_key_hint()
        with far_side(session, workers=default_workers()) as far:
            ended = _watch_one(session, far, wanted, screen=screen, spent=spent)
        if not isinstance(ended, ExitCode):
            session = ended
            continue
        return ended


def _watch_one(session: Session, far: FarSide, wanted: Wanted, *, screen: Screen, spent: Spent) -> Session | ExitCode:
    """One far side, to the end of the watch or until the config leads to another one: then the session for that."""

    async def watching(client: Client, stop: Stop) -> Session | ExitCode:
        following = Following(session, client, stop, screen, new_state=wanted.asked.new_state)
        rounds = Rounds(wanted.asked, far, following, screen, spent)
        watching = Watching(session, wanted, rounds, stop, screen)
        try:
            ended = await watching.run()
            running = len(following.running)
            if running and isinstance(ended, ExitCode) and not far.local:
                there = f"{running:,} {'job goes' if running == 1 else 'jobs go'} on at {session.target.endpoint}"
                screen.say("left", "left", "dim", f"{there}; sieve-jobs status -t {session.target.name}")
            return ended
        finally:
            watching.close()
            await following.end()

    return run_interruptible(far.telling(screen.emit), watching)


class Watching:
    """The loop of one far side."""

    def __init__(self, session: Session, wanted: Wanted, rounds: Rounds, stop: Stop, screen: Screen) -> None:
        self.session, self.wanted, self.rounds, self.stop, self.screen = session, wanted, rounds, stop, screen
        self.feed = Feed(poll=wanted.poll, say_polling=self._say_polling)
        self._git = git_lock(session.root)
        self._far = far_side_of(session)
        self._config = config_paths(session)
        self._late: set[str] = set()
        """Files of the config that changed when the round they came in had read them already."""
        self._noise = Noise()
        self._stamps = stamps(self._config)
        """Of the files of the config, when they were last read."""
        # A process that was stopped for a while may have missed what came after its queue was full.
        asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, self._continued)

    def close(self) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCONT)
        self.feed.close()

    def _continued(self) -> None:
        self._noise.heard(time.monotonic())
        self.feed.wake()

    async def run(self) -> Session | ExitCode:
        """To the end: an exit code, or the session that another far side is for."""
        burst: Burst | None = None
        retry = FIRST_RETRY
        while not self.stop.asked.is_set():
            configured = self._configured(burst)
            if far_side_of(configured) != self._far:
                self.screen.say("reloaded", "reloaded", "accent", "the config leads elsewhere: begun anew")
                return configured
            self.session = configured
            self._noise.looked(time.monotonic())
            done = await self._round(configured, burst)
            if done is Round.SPENT:
                return ExitCode.GUARDED
            retry = min(retry * 2, LONGEST_RETRY) if done is Round.AGAIN else FIRST_RETRY
            burst = await self._next_burst(retry * random.uniform(0.5, 1.0) if done is Round.AGAIN else None)  # noqa: S311
        self.screen.say("stopped", "stopped", "dim", "no push begins any more")
        return self.stop.exit_code

    async def _round(self, session: Session, burst: Burst | None) -> Round:
        """One round. What looks half-written is looked at again when all is quiet."""

        async def look_again() -> bool:
            if burst is None or self.stop.asked.is_set():
                return False
            self.screen.record("looking_again", changed=sorted(burst.paths)[:20])
            known = burst.paths & self._config
            burst.paths -= known
            await self._quiet(burst, AGAIN)
            self._late |= burst.paths & self._config
            burst.paths |= known
            return True

        return await self.rounds.make(session, burst.paths if burst is not None else None, self.feed, look_again)

    def _configured(self, burst: Burst | None) -> Session:
        """This session with the config as it is now, or as it last was where it is invalid."""
        kept = as_configured(self.session)
        if burst is None or burst.paths.isdisjoint(self._config):
            return kept
        self._stamps = stamps(self._config)
        fresh = anew(self.session)
        try:
            require_watchable(fresh, remote=self.wanted.remote)
            far_side_of(fresh)
        except SieveJobsError as error:
            self.screen.problems("config", error.diagnostics)
            return kept
        if self.screen.has_shown("config"):
            self.screen.say("mended", "mended", "good", "the config is valid again")
        self.screen.problems("config", ())
        return fresh

    async def _next_burst(self, retry: float | None) -> Burst | None:
        """The next changes that mean something, whole; an empty one once *retry* seconds are over; None at the end."""
        until = None if retry is None else time.monotonic() + retry
        while not self.stop.asked.is_set():
            now = time.monotonic()
            left = None if until is None else max(until - now, 0.0)
            if left == 0.0:
                return self._missed(now) or Burst(now)  # what went, the project itself, may be back
            look = self._noise.left(now)
            if look == 0.0 and (missed := self._missed(now)) is not None:
                return missed
            if not (self._late or look == 0.0):
                await self._first(
                    self.feed.come(), min((each for each in (left, look) if each is not None), default=None)
                )
            paths, self._late = self._awake() | self._late, set()
            if paths:
                burst = Burst(time.monotonic())
                burst.add(paths, time.monotonic())
                # An empty config is a valid one: what is written over it is waited for.
                await self._quiet(burst, None if paths.isdisjoint(self._config) else AGAIN)
                return burst
        return None

    async def _quiet(self, burst: Burst, quiet: float | None) -> None:
        """Waits until *burst* is over."""
        while not self.stop.asked.is_set():
            busy = is_busy(self._git)
            left = burst.left(time.monotonic(), busy=busy, quiet=quiet)
            if left <= 0.0:
                return
            await self._first(self.feed.come(), min(left, GIT_PAUSE) if busy else left)
            paths = self._awake()
            if paths:
                burst.add(paths, time.monotonic())

    def _awake(self) -> set[str]:
        came = self.feed.take()
        paths = {path for path in came if self.rounds.interest.wakes(path, os.path.isdir)}
        if len(paths) < len(came):
            self._noise.heard(time.monotonic())
        return paths

    def _missed(self, now: float) -> Burst | None:
        """A burst for what nobody told of, found by looking; None where all is as it was."""
        self._noise.looked(now)
        missed = Burst(now)
        after = stamps(self._config)
        missed.paths |= {path for path in self._config if after[path] != self._stamps[path]}
        return missed if missed.paths or self.rounds.differs(self.session) else None

    async def _first(self, work: Coroutine[Any, Any, None], seconds: float | None) -> None:
        """Returns when *work* is done, somebody asked to stop, or *seconds* are over."""
        tasks = [asyncio.create_task(work), asyncio.create_task(self.stop.asked.wait())]
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _say_polling(self, why: str) -> None:
        self.screen.say("polling", "polling", "change", f"changes are not told of here ({why}): files are looked at")
