"""Settings that all tests share: a property is tried on forty examples, with `make soak` on many more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.cloud import Cloud

# Speed is measured by `make bench`; a machine that is busy with something else must not fail a property.
settings.register_profile("sieve-jobs", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A test whose examples are slow takes a part of `settings.default.max_examples`, so that it grows with the profile.
settings.register_profile("soak", settings.get_profile("sieve-jobs"), max_examples=3000)
settings.load_profile("sieve-jobs")


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A stand-in for the cloud that does all it is asked."""
    with Cloud.running() as running:
        yield running
