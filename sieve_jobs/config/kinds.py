"""What each config key may hold: one checker a kind, raising ValueError with what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from sieve_jobs.config.settings import GIT, LOCAL, parse_duration, parse_size

Kind: TypeAlias = Callable[[object], object]
"""Turns a TOML value into the setting, or raises ValueError whose text completes "expected …"."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWNER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_LOOPBACK = re.compile(r"127(?:\.\d{1,3}){3}|localhost|\[::1\]", re.IGNORECASE)
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/?#@:]+)(?::(?P<port>\d{1,5}))?(?P<path>/[^?#\s]*)?"
)
_LINEAGE = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SHARED = re.compile(r"[a-z][a-z0-9+]+://.*", re.IGNORECASE)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?)%")
_SIZES = 'a size such as "512MiB" or "24GB", or a number of bytes'
_LEAST_MEMORY = 64 << 20


class LaterError(ValueError):
    """A value that is fine and not supported yet."""


def text(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("a string")
    return value


def texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item and "\0" not in item for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def variable(value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError("the name of an environment variable, not the key itself")
    return value


def owner(value: object) -> str:
    if not isinstance(value, str) or not _OWNER.fullmatch(value):
        raise ValueError("a name of letters, digits, '-', '_' and '.'")
    return value


def concurrency(value: object) -> int:
    return _whole(value, 1, 64)


def count(value: object) -> int:
    return _whole(value, 0, 2**53)


def duration(value: object) -> float:
    """Seconds, from a number or from text such as `30m`."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return parse_duration(str(value))
        except ValueError as error:
            raise ValueError('a duration such as "90s", "30m" or "2h", or a number of seconds') from error
    raise ValueError('a duration such as "90s", "30m" or "2h", or a number of seconds')


def limit(value: object) -> float:
    """A duration of a second or more: a limit of nothing would end everything at once."""
    try:
        seconds = duration(value)
    except ValueError:
        seconds = 0.0
    if seconds < 1.0:
        raise ValueError('a duration from "1s", such as "90s", "30m" or "12h"')
    return seconds


def size(value: object) -> int:
    """Bytes, from a number or from text such as `24GiB`."""
    if isinstance(value, str):
        try:
            return parse_size(value)
        except ValueError as error:
            raise ValueError(_SIZES) from error
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**53:
        raise ValueError(_SIZES)
    return value


def memory(value: object) -> int:
    """A size that a worker can start in."""
    bytes_ = size(value)
    if bytes_ < _LEAST_MEMORY:
        raise ValueError(f'{_SIZES}, from "{_LEAST_MEMORY >> 20}MiB"')
    return bytes_


def share(value: object) -> float:
    """A part of one, from text such as `95%`."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0.0 < float(match[1]) <= 100.0:
        raise ValueError('a percentage such as "95%"')
    return float(match[1]) / 100.0


def workers(value: object) -> int:
    return _whole(value, 1, 64)


def processes(value: object) -> int:
    return _whole(value, 1, 1 << 22)


def queue(value: object) -> int:
    return _whole(value, 1, 10_000_000)


def retries(value: object) -> int:
    return _whole(value, 0, 100)


def switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def variables(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise ValueError("a table of strings")
    for name, item in value.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"names of letters, digits and '_', and '{name}' is none")
        if not isinstance(item, str) or "\0" in item:
            raise ValueError(f"a string for '{name}'")
    return dict(value)


def table(value: object) -> Mapping[str, object]:
    """Any table: what it holds is looked at line by line."""
    if not isinstance(value, dict):
        raise ValueError('a table such as {"sieve/dubbing" = "me/dub_draft"}')
    return dict(value)


def endpoint(value: object) -> str:
    """`local`, or a base url: https, or http to this machine alone. A key never travels in the open."""
    if value == LOCAL:
        return LOCAL
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        raise ValueError(f'"{LOCAL}", or an https url without user, query or fragment')
    if match["scheme"] == "http" and not _LOOPBACK.fullmatch(match["host"]):
        raise ValueError("https: over http a key would travel in the open")
    return match[0].rstrip("/")


def host_port(url: str) -> tuple[str, int]:
    """Host in lower case and port of a base url that `endpoint` accepted."""
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("not a base url")
    return match["host"].lower(), int(match["port"] or (443 if match["scheme"] == "https" else 80))


def state(value: object) -> str:
    if isinstance(value, str) and _SHARED.fullmatch(value):
        raise LaterError("a path")
    if isinstance(value, str) and value.lower() == GIT:
        return GIT
    return text(value)


def lineage(value: object) -> str:
    if not isinstance(value, str) or not _LINEAGE.fullmatch(value):
        raise ValueError("8 to 64 letters, digits, '-' and '_', as `sieve-jobs doctor` shows it")
    return value


def allowances(value: object) -> tuple[str, ...]:
    """Addresses and networks, with or without a port, as the engine reads them."""
    from sieve_jobs.engine.addresses import parse_allowance

    return _each(value, parse_allowance, 'a list of addresses such as "10.0.0.0/8" or "192.168.1.5:9000"')


def origins(value: object) -> tuple[str, ...]:
    from sieve_jobs.engine.cors import parse_origin

    return _each(value, parse_origin, 'a list of origins such as "http://localhost:3000", without path or wildcard')


def shape(value: object) -> str:
    from sieve_jobs.engine.pairs import SHAPES

    if not isinstance(value, str) or value not in SHAPES:
        raise ValueError(" or ".join(f'"{known}"' for known in SHAPES))
    return value


def _each(value: object, parse: Callable[[str], object], expected: str) -> tuple[str, ...]:
    """The texts of a list that *parse* takes, as they are."""
    try:
        found = texts(value)
        for item in found:
            parse(item)
    except ValueError as error:
        raise ValueError(expected) from error
    return found


def _whole(value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"a whole number from {least} to {most}" if most < 2**53 else f"a whole number from {least}")
    return value
