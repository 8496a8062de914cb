"""What user functions import: `from sieve_jobs import sdk as sieve`, or plainly `import sieve` in the engine.

A clean-room shim of Sieve's Python package: functions are declared with it, and pushed with it, from other
functions or from any program. Light on purpose: a worker imports it for every function, and nothing that speaks
HTTP is loaded before the first call. `bind` turns a job's JSON inputs into arguments, `encode` turns results into
JSON outputs; both are the engine's side and are not imported from here.
"""

from typing import TYPE_CHECKING

from sieve_jobs.sdk import gpu
from sieve_jobs.sdk.declare import Env, FatalException, Metadata, Model, function, workflow
from sieve_jobs.sdk.files import Audio, File, Image, Video
from sieve_jobs.sdk.struct import Array, Struct

if TYPE_CHECKING:
    from sieve_jobs.sdk.account import (
        bill,
        get,
        get_organization_variable,
        get_organization_variables,
        logs,
        secrets,
        upload,
        view_bill,
        whoami,
        write_key,
    )

api_key: str | None = None
"""Assign a key here and it goes before SIEVE_API_KEY."""

__all__ = [
    "Array",
    "Audio",
    "Env",
    "FatalException",
    "File",
    "Image",
    "Metadata",
    "Model",
    "Struct",
    "Video",
    "bill",
    "function",
    "get",
    "get_organization_variable",
    "get_organization_variables",
    "gpu",
    "logs",
    "secrets",
    "upload",
    "view_bill",
    "whoami",
    "workflow",
    "write_key",
]


def __getattr__(name: str) -> object:
    """What asks the API is loaded when it is first named: most functions never do."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sieve_jobs.sdk import account

    found: object = getattr(account, name)
    return found
