"""A small policy to vary, and what to look for in a decision."""

from __future__ import annotations

from typing import Any

from neurocards.domain.scaling import (
    Contribution,
    Decision,
    Source,
)
from neurocards.domain.scaling_policy import (
    Behavior,
    Replicas,
    ScalingPolicy,
)
from neurocards.domain.schedule import Schedule

AT_ONCE = Behavior(down_hold_s=0)
SPARE = Replicas(0, 0, 50)


def policy(**values: Any) -> ScalingPolicy:
    return ScalingPolicy(
        **{"replicas": Replicas(1, 10, 50), "jobs_per_replica": 1, "behavior": AT_ONCE, **values}
    )


def named(decision: Decision, source: Source) -> Contribution:
    (found,) = (c for c in decision.contributions if c.source is source)
    return found


def window(**values: Any) -> Schedule:
    """Open at noon in Moscow."""
    return Schedule("day", "Europe/Moscow", "0 8 * * *", "0 20 * * *", **values)
