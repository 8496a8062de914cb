"""A job that was pushed: its result when it comes, or its outputs one by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from sieve_jobs.sdk import client
from sieve_jobs.sdk.client import ApiError
from sieve_jobs.sdk.decode import decode
from sieve_jobs.sdk.session import Api
from sieve_jobs.wire import Json

LONGEST = 5 * 3600.0
"""Seconds a result is waited for unless the caller says otherwise. Source: Sieve's SDK."""
_FINAL = frozenset({"finished", "error", "cancelled"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class Future:
    """What `push` returns. `job` is the answer to the push; `job["id"]` is the job's id."""

    def __init__(self, api: Api, job: dict[str, Json]) -> None:
        self.job = job
        self._api = api
        self._ended: dict[str, Json] | None = None
        self._is_cancelled = False

    def result(self, timeout: float | None = None) -> object:
        """What the function returned; for a generator an iterator over what it yields, as it comes.

        Raises ValueError with the job's error, TimeoutError after *timeout* seconds (five hours by default), and
        concurrent.futures.CancelledError.
        """
        self._refuse_cancelled()
        if self.job.get("stream_output") is True:
            return self._stream(timeout)
        return self._only(self._wait(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What `result` would raise; None if the job finished."""
        self._refuse_cancelled()
        try:
            self._raise_error(self._wait(timeout))
        except ApiError:
            raise
        except ValueError as error:
            return error
        return None

    def done(self) -> bool:
        """Whether the job has ended, or waiting for it has been given up."""
        return self._is_cancelled or self._look() in _FINAL

    def running(self) -> bool:
        return not self._is_cancelled and self._look() == "processing"

    def cancel(self) -> bool:
        """Gives up waiting; False if the job has ended already. As in Sieve, the job itself goes on."""
        if self._ended is not None and not self._is_cancelled:
            return False
        self._is_cancelled = True
        return True

    def cancelled(self) -> bool:
        return self._is_cancelled or self._look() == "cancelled"

    def add_done_callback(self, call: Callable[[Future], object]) -> None:
        """Has *call* called with this future, in a thread of its own, when the job has ended."""

        def follow() -> None:
            self._wait(None)
            call(self)

        threading.Thread(target=follow, name=f"job {self.job.get('id')}", daemon=True).start()

    def __repr__(self) -> str:
        return f"<Future of job {self.job.get('id')}>"

    @property
    def _id(self) -> str:
        return str(self.job["id"])

    def _look(self) -> str:
        job = self._ended or client.get_job(self._api, self._id)
        self._keep(job)
        return str(job.get("status"))

    def _keep(self, job: dict[str, Json]) -> None:
        if job.get("status") in _FINAL:
            self._ended = job

    def _wait(self, timeout: float | None) -> dict[str, Json]:
        deadline = time.monotonic() + (LONGEST if timeout is None else timeout)
        while self._ended is None:
            left = deadline - time.monotonic()
            started = time.monotonic()
            job = client.await_job(self._api, self._id, left)
            self._refuse_cancelled()
            if job is not None:
                self._keep(job)
            elif left <= 0:
                raise TimeoutError(f"job {self._id} has not ended in time")
            elif time.monotonic() - started < _FIRST_PAUSE:  # the far side failed rather than waited
                time.sleep(_LONGEST_PAUSE)
        return self._ended

    def _stream(self, timeout: float | None) -> Iterator[object]:
        """Asks for what is new; the pause between two questions grows while there is nothing."""
        deadline = time.monotonic() + (LONGEST if timeout is None else timeout)
        place, pause = 0, _FIRST_PAUSE
        while True:
            job = client.get_job(self._api, self._id, place)
            outputs = _outputs(job)
            for output in outputs:
                place += 1
                yield decode(output)
            if job.get("status") in _FINAL:
                self._keep(job)
                self._raise_error(job)
                return
            self._refuse_cancelled()
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {self._id} has not ended in time")
            pause = _FIRST_PAUSE if outputs else min(pause * 1.5, _LONGEST_PAUSE)
            time.sleep(pause)

    def _only(self, job: dict[str, Json]) -> object:
        self._raise_error(job)
        outputs = _outputs(job)
        return decode(outputs[0]) if outputs else None

    def _raise_error(self, job: dict[str, Json]) -> None:
        if job.get("status") == "cancelled":
            raise _cancelled_error(self._id)
        if job.get("status") == "error":
            raise ValueError(str(job.get("error") or "the job failed without a word"))

    def _refuse_cancelled(self) -> None:
        if self._is_cancelled:
            raise _cancelled_error(self._id)


def _outputs(job: dict[str, Json]) -> list[dict[str, Json]]:
    """The outputs, one level of nesting flattened."""
    rows = job.get("outputs")
    nested = (row if isinstance(row, list) else [row] for row in (rows if isinstance(rows, list) else ()))
    return [output for items in nested for output in items if isinstance(output, dict)]


def _cancelled_error(job_id: str) -> Exception:
    from concurrent.futures import CancelledError

    return CancelledError(f"job {job_id} was cancelled")
