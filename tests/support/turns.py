"""Turns for tests that are about something else, and the limits of those that are about them."""

from __future__ import annotations

from neurocards.domain.outbound import Flow, OutboundLimits
from neurocards.outbound import Turns
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.clock import FakeClock
from neurocards.testing.outbound import OpenBuckets

LIMITS = OutboundLimits(
    bot=Flow.within(30, window_s=1, burst=6),
    chat=Flow(1, 5),
    group=Flow.within(20, window_s=60, burst=5),
)
"""What the settings say without being told anything."""


def free_turns(metrics: CommonMetrics) -> Turns:
    """Everybody may speak at any time."""
    return Turns(OpenBuckets(), LIMITS, alone_share=1, metrics=metrics, moments=FakeClock())
