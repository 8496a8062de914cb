"""What a declaration asks of a machine that an engine does not change: checked for, and told; never installed."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator

from sieve_jobs.source import Environment

_PATIENCE = 10.0


def notes(environment: Environment, installs: bool = True) -> Iterator[str]:
    """What of *environment* is not so on this machine, a line each. Asks the package manager: it may take a moment."""
    for name in environment.unread:
        yield f"{name} is computed where it is declared, so it is not known and was not applied"
    for package in environment.system_packages:
        if not _is_here(package):
            yield f"system package {package} is not installed on this machine; the engine installs none"
    if environment.python_packages and not installs:
        yield "python_packages are not installed: the engine was told not to, and runs functions on its own environment"
    own = platform.python_version()
    asked = environment.python_version
    if asked and own != asked and not own.startswith(f"{asked}."):
        yield f"python_version {asked} is not applied: functions run on Python {own}"
    if environment.cuda_version:
        yield f"cuda_version {environment.cuda_version} is not applied: what this machine has is used"
    if environment.run_commands:
        yield "run_commands are not run: nothing of this machine is changed"


def _is_here(package: str) -> bool:
    """Whether a program of that name is on PATH, or dpkg has it installed."""
    if shutil.which(package):
        return True
    query = shutil.which("dpkg-query")
    if query is None or package.startswith("-"):
        return False
    try:
        found = subprocess.run(
            [query, "--show", "--showformat=${db:Status-Status}\n", package],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "installed" in found.stdout.split()
