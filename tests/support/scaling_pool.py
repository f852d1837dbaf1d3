"""A pool on paper: an observation with the few values that a test is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from neurocards.domain.scaling import Decision, Memory, Observation, decide
from neurocards.domain.scaling_policy import ScalingPolicy
from neurocards.scaling_policies import load_policy

POLICIES = Path(__file__).parents[2] / "docs" / "policies"
NOON = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)  # a Wednesday, 12:00 in Moscow


def ready_made(name: str) -> ScalingPolicy:
    return load_policy(POLICIES / f"{name}.yaml")


def observed(now: datetime = NOON, *, replicas: int = 20, **values: Any) -> Observation:
    return Observation(**{"at": now, "replicas": replicas, "queued": 0, "running": 0, **values})


def fresh(policy: ScalingPolicy, now: datetime = NOON, **values: Any) -> Decision:
    """Decide without a past."""
    return decide(observed(now, **values), policy, Memory(), now)


@dataclass
class PaperPool:
    """Follows every decision at once, and remembers."""

    policy: ScalingPolicy
    replicas: int = 20
    now: datetime = NOON
    memory: Memory = field(default_factory=Memory)

    def decide(self, *, after_s: float = 0, **values: Any) -> Decision:
        self.now += timedelta(seconds=after_s)
        seen = observed(self.now, replicas=self.replicas, **values)
        decision = decide(seen, self.policy, self.memory, self.now)
        self.replicas, self.memory = decision.replicas, decision.memory
        return decision
