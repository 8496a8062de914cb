"""What of the engine's own environment the programs it starts inherit: functions, and builds of their packages."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

_KEPT_BACK = (
    *("SIEVE*", "AWS_*", "GOOGLE_*", "AZURE_*", "GITHUB_*", "GH_*", "ACTIONS_*", "SSH_*", "PG*"),
    *("*_KEY", "*_TOKEN", "*_SECRET", "*PASSWORD*", "*CREDENTIAL*"),
)
_OF_INSTALLERS = ("UV_*", "PIP_*")
"""Where packages come from. The key to a private index is among these, and without it there are no packages."""
_NOT_TO_INSTALL = ("UV_PUBLISH_*",)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """*environ* for a function: a job brings its secrets in its `env`, and the engine's are nobody else's."""
    return {name: value for name, value in environ.items() if not _is_any(name, _KEPT_BACK)}


def for_installing(environ: Mapping[str, str]) -> dict[str, str]:
    """*environ* for uv, and so for the code of packages that it builds: a function's, and uv's and pip's settings."""
    return {
        name: value
        for name, value in environ.items()
        if not _is_any(name, _KEPT_BACK) or (_is_any(name, _OF_INSTALLERS) and not _is_any(name, _NOT_TO_INSTALL))
    }


def _is_any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name.upper(), pattern) for pattern in patterns)
