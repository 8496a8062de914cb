"""A function that is deployed: pushed to by its name, run elsewhere, its result fetched."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from sieve_jobs.sdk import client
from sieve_jobs.sdk.client import ApiError
from sieve_jobs.sdk.encode import as_json
from sieve_jobs.sdk.future import Future
from sieve_jobs.sdk.session import Api, current
from sieve_jobs.wire import Json

_REFERENCE = re.compile(r"[^/:\s]+/[^/:\s]+(:[^/:\s]+)?")
_LOG_PAUSE = 0.5
_MADE_WITHIN, _MADE_PAUSE = 600.0, 0.5
"""Seconds that a version is waited for which is being made, and between two looks at it."""
_LAST_LINES = 10.0
"""Seconds that a job at its end is waited for to have its last lines printed: a program may end right after."""


class Reference:
    """`sieve.function.get("owner/name")`. Making one asks nobody; the first push does."""

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or _REFERENCE.fullmatch(name) is None:
            raise ValueError(f"a function is named owner/name or owner/name:version, got {name!r}")
        self.name = name

    def push(
        self,
        *args: object,
        webhooks: Sequence[Mapping[str, Json]] | None = None,
        override_api_key: str | None = None,
        **kwargs: object,
    ) -> Future:
        """Queues a job with these inputs. Local files are handed over first. Raises ValueError for a refusal."""
        api = current(override_api_key)
        body: dict[str, Json] = {"function": self.name, "inputs": self._inputs(api, args, kwargs)}
        if webhooks is not None:
            body["webhooks"] = [dict(hook) for hook in webhooks]
        try:
            return Future(api, client.push(api, body))
        except ApiError as error:
            raise ApiError(error.status, f"{self.name}: {error}") from error

    def run(
        self,
        *args: object,
        print_logs: bool = False,
        webhooks: Sequence[Mapping[str, Json]] | None = None,
        override_api_key: str | None = None,
        **kwargs: object,
    ) -> object:
        """The result of a push, waited for; with *print_logs* what the job prints is printed here as well."""
        pushed = self.push(*args, webhooks=webhooks, override_api_key=override_api_key, **kwargs)
        if not print_logs:
            return pushed.result()
        printing = threading.Thread(target=_print_logs, args=(current(override_api_key), pushed), daemon=True)
        printing.start()
        try:
            return pushed.result()
        finally:
            if pushed.job.get("stream_output") is not True:  # a generator's log comes beside what it yields
                printing.join(_LAST_LINES)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise RuntimeError(f"{self.name} runs elsewhere: call .run(…) or .push(…) on it")

    def __repr__(self) -> str:
        return f"sieve.function.get({self.name!r})"

    def _inputs(self, api: Api, args: Sequence[object], kwargs: Mapping[str, object]) -> Json:
        def keep(path: Path) -> dict[str, Json]:
            return client.share(api, path)

        positional = as_json(list(args), keep_file=keep)
        named = as_json(dict(kwargs), keep_file=keep)
        if not kwargs:
            return positional if args else {}
        if not isinstance(positional, list) or not isinstance(named, dict) or not positional:
            return named
        names = self._parameters(api)
        if len(names) < len(positional):
            raise ValueError(f"Too many inputs: {len(positional)} given, {len(names)} expected")
        first = dict(zip(names, positional, strict=False))
        if twice := first.keys() & named.keys():
            raise ValueError(f"{self.name} was given {', '.join(sorted(twice))} twice")
        return {**first, **named}

    def _parameters(self, api: Api) -> list[str]:
        """The names of the inputs in order: the API takes inputs by place or by name, not both at once.

        A version that is not made yet has none to show, and is waited for as its job would be.
        """
        deadline = time.monotonic() + _MADE_WITHIN
        while True:
            found = client.get_function(api, self.name).get("latest_version")
            version = found if isinstance(found, dict) else {}
            inputs, status = version.get("inputs"), version.get("build_status", "ready")
            if status == "ready" or (isinstance(inputs, list) and inputs):
                break
            if status == "error" or time.monotonic() >= deadline:
                raise ValueError(
                    f"the inputs of {self.name} are not known, its version is {status!r}: give all of them by name"
                )
            time.sleep(_MADE_PAUSE)
        return [str(item["name"]) for item in inputs if isinstance(item, dict)] if isinstance(inputs, list) else []


def _print_logs(api: Api, pushed: Future) -> None:
    """The lines of the job as they come, to its end. A log that cannot be read is said, and costs nothing else."""
    start, is_over = 0, False
    try:
        while not is_over:
            is_over = pushed.done()
            for at, line in client.lines(api, str(pushed.job["id"]), start):
                start = at + 1
                print(line, flush=True)  # noqa: T201 -- what it is asked for
            if not is_over:
                time.sleep(_LOG_PAUSE)
    except ApiError as error:
        print(f"the log of the job goes on unread: {error}", file=sys.stderr, flush=True)  # noqa: T201
