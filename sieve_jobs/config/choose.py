"""Which project and which target a run speaks of: the root folder, --target, and the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.config import kinds
from sieve_jobs.config.read import REMOTE_PUSHES
from sieve_jobs.config.settings import CONFIG_NAME, LOCAL, STATE_FOLDER, Config, Target
from sieve_jobs.diagnostic import Diagnostic, did_you_mean
from sieve_jobs.errors import InvalidError, UsageError

TARGET_VARIABLE = "SIEVE_JOBS_TARGET"
URL_VARIABLE = "SIEVE_API_URL"
KEY_VARIABLE = "SIEVE_API_KEY"
SIEVE = "https://mango.sievedata.com"
ENV = "env"
"""Name of the target that SIEVE_API_URL makes."""


def find_root(start: Path) -> Path:
    """The project's folder: the nearest ancestor of *start* with a config, else with a state, else with `.git`."""
    start = start.absolute()
    folders = (start, *start.parents)
    for sign in (CONFIG_NAME, STATE_FOLDER, ".git"):
        for folder in folders:
            if (folder / sign).exists():
                return folder
    return start


def choose_target(config: Config, name: str | None, environ: Mapping[str, str]) -> Target:
    """The target of a run: *name* (--target), SIEVE_JOBS_TARGET, SIEVE_API_URL, else `local`.

    A key alone never chooses the cloud. SIEVE_API_URL counts only where the config has no remote target.
    Raises UsageError for a name without a target, InvalidError for a SIEVE_API_URL that is none.
    """
    wanted = name or environ.get(TARGET_VARIABLE) or None
    url = environ.get(URL_VARIABLE) or None
    if wanted is not None and wanted in config.targets:
        return config.targets[wanted]
    if url is not None and (wanted == ENV or (wanted is None and not config.remotes)):
        return _env_target(url)
    if wanted is None:
        return config.targets[LOCAL]
    origin = "--target" if name else TARGET_VARIABLE
    known = sorted(config.targets)
    hint = did_you_mean(wanted, known)
    if wanted == ENV:
        hint = f"the target 'env' is made by {URL_VARIABLE}, which is not set"
    raise UsageError(
        Diagnostic(
            Code.NO_SUCH_TARGET, f"no target '{wanted}' ({origin})", expected=f"one of {', '.join(known)}", hint=hint
        )
    )


def key_hint(config: Config, name: str | None, environ: Mapping[str, str]) -> str | None:
    """A line for who has a key set but works locally without having said so; None where there is nothing to say."""
    silent = not name and not environ.get(TARGET_VARIABLE) and not environ.get(URL_VARIABLE)
    if not silent or not environ.get(KEY_VARIABLE):
        return None
    if config.remotes:
        return f"{KEY_VARIABLE} is set, and jobs run locally; -t {config.remotes[0]} sends them to that target"
    return f"{KEY_VARIABLE} is set, and jobs run locally; {URL_VARIABLE}={SIEVE} sends them to Sieve"


def needs_shared_state(target: Target, environ: Mapping[str, str]) -> None:
    """Refuses a remote target in CI whose state would be lost with the runner.

    Raises InvalidError with the two lines that set it.
    """
    if target.is_local or target.state is not None or environ.get("CI", "").lower() not in {"true", "1"}:
        return
    name = "prod" if target.name == ENV else target.name
    endpoint = f'endpoint = "{target.endpoint}"\n' if target.name == ENV else ""
    lines = f'[targets.{name}]\n{endpoint}state = "git"'
    raise InvalidError(
        Diagnostic(
            Code.STATE_LOST_IN_CI,
            f"in CI the state of '{target.name}' would be lost with this machine, and every job pushed again",
            expected=f"in {CONFIG_NAME}:\n{lines}",
            hint='state = "git" keeps it on the remote of this repository; a path on a disk that stays does too',
        )
    )


def _env_target(url: str) -> Target:
    try:
        endpoint = kinds.endpoint(url)
    except ValueError as error:
        raise InvalidError(
            Diagnostic(Code.WRONG_CONFIG_VALUE, f"{URL_VARIABLE} is not valid", expected=str(error))
        ) from error
    if endpoint == LOCAL:
        return Target(ENV, LOCAL)
    host, port = kinds.host_port(endpoint)
    return Target(ENV, endpoint, max_pushes=REMOTE_PUSHES, store_name=f"env-{re.sub(r'[^a-z0-9.-]', '_', host)}-{port}")
