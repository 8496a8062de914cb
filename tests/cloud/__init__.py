"""A stand-in for Sieve's cloud on loopback: real sockets, scripted faults, every request recorded.

In a test: `with Cloud.running(Script(...)) as cloud: ... cloud.url, cloud.requests, cloud.jobs`.
For people, and for programs: `python -m tests.faults.cloud` prints its URL as the first line.
It does not know Idempotency-Key, unless Script.engine makes it behave like our own engine in that respect.
"""

from tests.cloud.cloud import Cloud
from tests.cloud.jobs import KEY, ORGANIZATION, OTHER_ORGANIZATION
from tests.cloud.script import Fault, Outcome, Script

__all__ = ["KEY", "ORGANIZATION", "OTHER_ORGANIZATION", "Cloud", "Fault", "Outcome", "Script"]
