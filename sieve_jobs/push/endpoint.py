"""Endpoints: what an address of a far side may look like, and what its headers say about time."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import InvalidError

LONGEST_WAIT = 300.0
"""Seconds that a Retry-After is clamped to."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A far side's address, checked."""

    url: str
    """Without a slash at its end."""
    host: str
    port: int
    authority: str
    """For the Host header."""
    path: str
    """What stands before /v2; mostly empty."""
    is_tls: bool
    is_loopback: bool


def parse_endpoint(url: str) -> Endpoint:
    """Checks *url*: https, or plain http to loopback alone, as a key travels with every request.

    Raises InvalidError; the message never quotes userinfo.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _invalid("the endpoint is not a url", "https://host[:port]") from error
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise _invalid(f"the endpoint has no host or another scheme than http(s): '{parts.scheme}'", "https://host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise _invalid("the endpoint holds a user, a query or a fragment", "https://host[:port][/path]")
    if not url.isascii() or any(character <= " " for character in url):
        raise _invalid("the endpoint holds characters that no url may hold", "https://host[:port][/path]")
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise _invalid(f"the endpoint 'http://{parts.netloc}' is not encrypted", "https, or http to loopback")
    path = parts.path.rstrip("/")
    tls = parts.scheme == "https"
    return Endpoint(
        f"{parts.scheme}://{parts.netloc}{path}", host, port or (443 if tls else 80), parts.netloc, path, tls, loopback
    )


def is_loopback(host: str) -> bool:
    """Whether *host* can only be this machine: a loopback address, or the name localhost."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds a Retry-After asks for, clamped to 0..300; None where it says nothing that can be understood."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        at = parse_date(text)
        if at is None:
            return None
        seconds = (at - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None  # noqa: PLR0124 - NaN


def parse_date(text: str | None) -> datetime | None:
    """The instant of an HTTP date; None for anything else."""
    if text is None:
        return None
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _invalid(message: str, expected: str) -> InvalidError:
    return InvalidError(Diagnostic(Code.ENDPOINT_UNUSABLE, message, expected=expected))
