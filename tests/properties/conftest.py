"""What every property begins with."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A test asserts no speed, and a busy machine has its pauses.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
