"""How many replicas a pool should have now, and why.

The same function decides in the operator, in the demo and in the replay. Pure: no clock, no I/O.
The order is (1) a manual override, else (2) the baseline of the schedules, (3) lowered by idle time
or a short queue, (4) raised to the highest wish, (5) cut by caps and delayed by holds. Every wish
and every limit is listed, and exactly one is named as the reason.
Invariant: never above a cap, never downwards on signals that are stale or contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from neurocards.domain.scaling_account import account, to_ms
from neurocards.domain.scaling_limits import caps, distrust, hard_max, is_stale, settle
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import Override, ScalingPolicy
from neurocards.domain.scaling_reasons import Contribution, Kind, Source, message_of
from neurocards.domain.scaling_signals import Observation, ProviderCapacity, StreamReading
from neurocards.domain.scaling_wishes import Ground, baseline_wish, ground, wishes

__all__ = [
    "Contribution",
    "Decision",
    "Kind",
    "Memory",
    "Observation",
    "ProviderCapacity",
    "Source",
    "StreamReading",
    "decide",
]

SLOW_JOB_S = 480
"""From here on the provider is worth a look."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`contributions` lists every wish and limit; `reason` is the source of the binding one."""

    replicas: int
    reason: Source
    contributions: tuple[Contribution, ...]
    memory: Memory

    @property
    def message(self) -> str:
        """The decision as one sentence."""
        return message_of(self.replicas, self.reason, self.contributions)


def decide(
    observation: Observation, policy: ScalingPolicy, memory: Memory, now: datetime
) -> Decision:
    """Decide for `now` (aware); pass the memory of a decision to the next one."""
    now_ms = to_ms(now)
    memory = account(observation, policy, memory, now)
    base = ground(policy, policy.timetable.at(now))
    override = policy.override
    if override is not None and now < override.until:
        return _overridden(override, policy, memory, base)
    stale = is_stale(observation, policy, now)
    wished = (baseline_wish(base),) if stale else wishes(observation, policy, memory, base, now_ms)
    top = max((c for c in wished if c.kind is Kind.WISH), key=lambda wish: wish.replicas)
    current = observation.replicas
    settled = settle(top.replicas, current, policy, memory, now_ms)
    doubt = distrust(observation, policy, memory, now)
    replicas, reason = settled.replicas, top.source
    if settled.delay is not None:
        reason = settled.delay.source
    if doubt is not None and top.replicas < current:
        replicas, reason = current, doubt.source
    limits = caps(observation, policy, memory, base, now_ms)
    cap = min(limits, key=lambda limit: limit.replicas)
    if cap.replicas < replicas:
        replicas, reason = cap.replicas, cap.source
    delays = tuple(delay for delay in (settled.delay, doubt) if delay is not None)
    memory = replace(
        memory,
        wish=top.replicas if doubt is None else max(top.replicas, current),
        highs=settled.highs,
        lows=settled.lows,
        lowered_ms=now_ms if replicas < current else memory.lowered_ms,
    )
    contributions = (*wished, *limits, *delays, *_advice(observation))
    return Decision(replicas, reason, contributions, memory)


def _overridden(
    override: Override, policy: ScalingPolicy, memory: Memory, base: Ground
) -> Decision:
    """Follow an order of a human at once; only the hard maximum is above it."""
    largest = hard_max(policy, base)
    replicas = min(override.replicas, largest)
    wish = Contribution(Kind.WISH, Source.OVERRIDE, replicas, (override.replicas, override.until))
    memory = replace(memory, wish=replicas, highs=(), lows=())
    limit = Contribution(Kind.LIMIT, Source.REPLICAS_MAX, largest, (largest,))
    return Decision(replicas, Source.OVERRIDE, (wish, limit), memory)


def _advice(observation: Observation) -> tuple[Contribution, ...]:
    if observation.service_s is None or observation.service_s <= SLOW_JOB_S:
        return ()
    values = (round(observation.service_s), SLOW_JOB_S)
    return (Contribution(Kind.ADVICE, Source.SLOW_JOBS, 0, values),)
