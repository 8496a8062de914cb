"""`.env` beside the config: variables as written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import InvalidError


def read_env_file(path: Path) -> Mapping[str, str]:
    """The variables of `.env`, as written; none without that file. Raises InvalidError if it cannot be read."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        found = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(
            Diagnostic(Code.CONFIG_UNREADABLE, "could not read the variables in .env", Place(".env"))
        ) from error
    return {name: value for name, value in found.items() if value is not None}
