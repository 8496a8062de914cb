"""Which API the client speaks to, and as whom: the engine that runs this job, or what the environment names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

CLOUD = "https://mango.sievedata.com"
KEY_VARIABLE = "SIEVE_API_KEY"
URL_VARIABLE = "SIEVE_API_URL"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Share: TypeAlias = Callable[[Path], str]
"""Takes a file into the engine's keeping and returns its URL."""


@dataclass(frozen=True, slots=True)
class Api:
    """Where calls go. Inside a job *share* gives files to the engine, else it is None and they are uploaded."""

    url: str
    key: str
    share: Share | None = None


class _Worker:
    """What a worker process sets: `api` while a job runs."""

    is_one = False
    api: Api | None = None


def in_worker() -> None:
    """Says that this process runs jobs for an engine: outside a job it may call nobody."""
    _Worker.is_one = True


@contextmanager
def job(api: Api) -> Iterator[None]:
    """While a job runs, its calls go to its engine."""
    _Worker.api = api
    try:
        yield
    finally:
        _Worker.api = None


def current(override: str | None = None) -> Api:
    """The API for a call made now, with the key *override* if one is given.

    Inside a job it is the job's engine, unless the job's own env names another one under SIEVE_API_URL. Elsewhere
    the key is what was assigned to `sieve.api_key`, else SIEVE_API_KEY, else the content of
    ~/.config/.sieve/config. Raises RuntimeError where there is no key, ValueError for a URL that is not safe.
    """
    own = _Worker.api
    if own is not None and URL_VARIABLE not in os.environ:
        return own if override is None else Api(own.url, override, own.share)
    if own is None and _Worker.is_one:
        raise RuntimeError("functions can be pushed while a job runs, not while their module is imported")
    url = os.environ.get(URL_VARIABLE) or CLOUD
    _check(url)
    key = override or _assigned() or os.environ.get(KEY_VARIABLE) or _kept()
    if not key:
        raise RuntimeError(f"no API key: set {KEY_VARIABLE}, assign sieve.api_key, or call sieve.write_key")
    return Api(url.rstrip("/"), key)


def key_file() -> Path:
    return Path.home() / ".config" / ".sieve" / "config"


def _check(url: str) -> None:
    """A key goes over TLS, or stays on this machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise ValueError(f"{URL_VARIABLE} is no http or https URL: {url!r}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"{URL_VARIABLE} must be https, or http to this machine: {url!r}")


def _assigned() -> str | None:
    """`sieve.api_key = …`, however the SDK was imported."""
    for name in ("sieve", "sieve_jobs.sdk"):
        key = getattr(sys.modules.get(name), "api_key", None)
        if isinstance(key, str) and key:
            return key
    return None


def _kept() -> str | None:
    try:
        return key_file().read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
