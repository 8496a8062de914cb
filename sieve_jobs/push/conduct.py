"""Conduct: the course of every run. Pushes begin, doubts are settled, the lock goes, jobs are followed to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

from sieve_jobs.errors import SieveJobsError
from sieve_jobs.push.cancel import cancel_replaced
from sieve_jobs.push.doubts import Doubts
from sieve_jobs.push.events import Waiting
from sieve_jobs.push.followed import FollowResult
from sieve_jobs.push.reuse import reuse
from sieve_jobs.push.run import Run
from sieve_jobs.push.send import send
from sieve_jobs.push.stop import GRACE

SHORTEST_PAUSE, FIRST_LOOK, LONGEST_PAUSE = 0.1, 2.0, 60.0
"""Seconds between looks at the far side's list: 2, 4, 8 … while the settle time runs."""


async def conduct(run: Run, begin: Callable[[Doubts], Coroutine[None, None, None]]) -> FollowResult | None:
    """Runs *begin*, which pushes; settles what is in doubt then; unlocks, and follows what runs to its end.

    A state that can no longer be written ends it, with what is known in the result. None: nothing was followed.
    """
    doubts = Doubts(run)
    signals = asyncio.create_task(_heed_stop(run))
    following: asyncio.Task[FollowResult] | None = None
    try:
        await _until_stopped(run, begin(doubts))
        if not (run.options.detach or run.options.follower or run.cut_off or run.stop.asked.is_set()):
            following = asyncio.create_task(run.follower.run())
        await _until_stopped(run, _settle(run, doubts))
        doubts.hold_rest()
        await run.recorder.flush(statuses=False)
        # A lease far away takes a moment to be given back, and jobs are followed meanwhile.
        await asyncio.to_thread(run.options.unlock)
        if run.options.follower is None:
            run.follower.close()
        followed = await following if following is not None else None
        if not (run.cut_off or run.options.saver):
            await run.saver.finish(run.stop)
        await _record_rest(run)
        return followed
    except SieveJobsError as error:
        run.ending.set()  # what was not pushed waits for nothing else
        with suppress(SieveJobsError):
            await _record_rest(run)  # what the pushes under way came to
        run.problems += error.diagnostics
        run.codes.add(error.exit_code)
        return None
    finally:
        signals.cancel()
        if following is not None and not following.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        if run.options.saver is None:
            await run.saver.close()


async def _record_rest(run: Run) -> None:
    """What is known at the end of the run, that of outputs which were saved included. Raises StateError."""
    if run.options.saver is None:
        await run.saver.close()
    await run.recorder.flush()


async def pump(run: Run, doubts: Doubts) -> None:
    """Takes earlier jobs again, then makes every push that may be made: alone until one was accepted, then several."""

    async def slot(*, alone: bool) -> None:
        while not (run.ending.is_set() or (alone and run.learned)):
            order = run.orders.take()
            if order is None:
                return
            try:
                ready = await cancel_replaced(run, order)
                doubt = await send(run, ready) if ready is not None else None
            except asyncio.CancelledError:
                run.fail(
                    order.change, order.reason, "its push was under way when the run ended: it is looked for next time"
                )
                run.held.add(order.name)
                raise
            if doubt is None:
                run.orders.done(order)
            elif order.name not in run.held:
                doubts.add(doubt, order.change, ready.before if ready is not None else order.before, own=True)

    reuses, run.reuses = run.reuses, []
    await reuse(run, reuses)
    run.recorder.company = 1
    await slot(alone=True)
    run.recorder.company = run.options.concurrency
    slots = [asyncio.create_task(slot(alone=False)) for _ in range(run.options.concurrency)]
    try:
        await asyncio.wait(slots, return_when=asyncio.FIRST_EXCEPTION)
        if any(not task.done() for task in slots):
            # Something failed: no push begins, but answers to those under way are worth having.
            run.ending.set()
            await asyncio.wait(slots)
    finally:
        run.recorder.company = None
        for task in slots:
            task.cancel()
        await asyncio.gather(*slots, return_exceptions=True)
    for task in slots:
        if (error := task.exception()) is not None:
            raise error


async def _settle(run: Run, doubts: Doubts) -> None:
    """Looks for what is in doubt until its settle time is over, and makes again what never arrived."""
    await doubts.look()
    await pump(run, doubts)
    pause = FIRST_LOOK
    while (count := doubts.waiting()) and not run.ending.is_set():
        seconds = min(pause, doubts.left() + SHORTEST_PAUSE)
        run.emit(Waiting(seconds, f"{count} in doubt may still show in the far side's list of jobs"))
        await run.pause(seconds)
        await doubts.look()
        await pump(run, doubts)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _heed_stop(run: Run) -> None:
    await run.stop.asked.wait()
    run.codes.add(run.stop.exit_code)
    run.halt(None, run.stop.exit_code, "asked to stop: pushes under way are recorded, no other begins")


async def _until_stopped(run: Run, work: Coroutine[None, None, None]) -> None:
    """*work* to its end; once somebody asked to stop it has GRACE seconds, and none when asked again."""
    task = asyncio.create_task(work)
    asked = asyncio.create_task(run.stop.asked.wait())
    ends: list[asyncio.Task[object]] = [asked]
    try:
        await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            ends += [
                asyncio.create_task(run.clock.sleep(GRACE)), asyncio.create_task(run.stop.at_once.wait()),
            ]  # fmt: skip
            await asyncio.wait([task, *ends[1:]], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        task.cancel()
        await asyncio.gather(task, *ends, return_exceptions=True)
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
