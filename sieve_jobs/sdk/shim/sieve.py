"""`import sieve` inside the engine: the same names as `from sieve_jobs import sdk as sieve`."""

from sieve_jobs.sdk import *  # noqa: F403 -- the very names that are declared there
from sieve_jobs.sdk import __all__  # noqa: F401
