"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Speed is measured by `make bench`; a machine that is busy with something else must not fail a property.
settings.register_profile("sieve-jobs", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sieve-jobs")
