"""`import sieve` inside the engine: the same names as `from sieve_jobs import sdk as sieve`."""

from sieve_jobs import sdk as _sdk
from sieve_jobs.sdk import __all__  # noqa: F401 -- what a star import takes

api_key: str | None = None


def __getattr__(name: str) -> object:
    if name not in _sdk.__all__:
        raise AttributeError(f"module 'sieve' has no attribute {name!r}")
    return getattr(_sdk, name)
