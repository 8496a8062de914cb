"""Python packages that functions declare: which of them this interpreter has already, and what tells sets apart."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping

_PLAIN = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:(==|>=)\s*([0-9]+(?:\.[0-9]+)*))?\s*")
_FROM_PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
}
"""Variables of pip's that uv has another name for. uv does not read pip's."""
_OF_UV = {"UV_DEFAULT_INDEX": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"), "UV_INDEX": ("UV_INDEX", "UV_EXTRA_INDEX_URL")}


KEY = re.compile(r"[0-9a-f]{24}")
"""The form of what a set of packages is kept under."""


def environment_key(packages: Iterable[str]) -> str:
    """What a set of packages is kept under: the same set on the same Python is one environment."""
    text = json.dumps([sorted({item.strip() for item in packages}), platform.python_version(), sys.base_prefix])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def installed_version(name: str) -> str | None:
    """The version of a package in the interpreter that runs this."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def are_met(packages: Iterable[str], version_of: Callable[[str], str | None] = installed_version) -> bool:
    """Whether every package is installed, as far as that is told without a resolver.

    That is for a bare name, `name==1.2` and `name>=1.2`; anything else counts as missing.
    """
    return all(_is_met(package, version_of) for package in packages)


def _is_met(package: str, version_of: Callable[[str], str | None]) -> bool:
    asked = _PLAIN.fullmatch(package)
    here = version_of(asked[1]) if asked else None
    if asked is None or here is None:
        return False
    if asked[2] is None:
        return True
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)*", here):
        return False
    ours, theirs = _release(here), _release(asked[3])
    return ours == theirs if asked[2] == "==" else ours >= theirs


def _release(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def uv_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """*environ* for uv: where only pip was told of an index, uv is told the same."""
    told = {
        ours: environ[pips]
        for pips, ours in _FROM_PIP.items()
        if environ.get(pips) and not any(environ.get(name) for name in _OF_UV.get(ours, (ours,)))
    }
    return {**environ, **told}
