"""Settings for the whole suite."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine is slow, which is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
