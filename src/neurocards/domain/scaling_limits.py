"""The limits: what a wish is cut to, and how fast the number of replicas may follow it.

Caps bind at once and always. Holds only delay: they never lift a number above a cap, and what is
unreliable (stale, contradicting, faulty) never takes a replica away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from neurocards.domain.scaling_memory import Held, Memory, remember_high, remember_low
from neurocards.domain.scaling_policy import ProviderLimit, ScalingPolicy
from neurocards.domain.scaling_reasons import Contribution, Kind, Source
from neurocards.domain.scaling_signals import Observation, StreamReading
from neurocards.domain.scaling_wishes import Ground

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
CONTRADICTION_JOBS = 5
CONTRADICTION_PERCENT = 20
CONTRADICTIONS_NEEDED = 2


def caps(
    observation: Observation, policy: ScalingPolicy, memory: Memory, base: Ground, now_ms: int
) -> tuple[Contribution, ...]:
    """List every cap; the lowest binds. Quota and budget never go below the floor."""
    return (
        _largest(policy, base),
        *_provider(observation, policy, base),
        *_budget(policy, memory, base, now_ms),
    )


def hard_max(policy: ScalingPolicy, base: Ground) -> int:
    """Give what not even an override exceeds."""
    return max(policy.replicas.max, base.windows.max or 0)


def _largest(policy: ScalingPolicy, base: Ground) -> Contribution:
    if base.windows.max is None:
        values: tuple[object, ...] = (policy.replicas.max,)
        return Contribution(Kind.LIMIT, Source.REPLICAS_MAX, policy.replicas.max, values)
    values = (", ".join(base.windows.names), base.windows.max)
    return Contribution(Kind.LIMIT, Source.WINDOW_MAX, base.windows.max, values)


def _provider(
    observation: Observation, policy: ScalingPolicy, base: Ground
) -> Iterator[Contribution]:
    limit = policy.limits.provider_concurrency
    if limit is None:
        return
    if limit is ProviderLimit.AUTO:
        if observation.provider is None:
            return
        capacity = observation.provider
        renders = int(capacity.creates * observation.slot_s / capacity.window_s)
    else:
        renders = int(limit)
    replicas = max(base.floor, renders // policy.jobs_per_replica, min(renders, 1))
    yield Contribution(Kind.LIMIT, Source.PROVIDER, replicas, (renders,))


def _budget(
    policy: ScalingPolicy, memory: Memory, base: Ground, now_ms: int
) -> Iterator[Contribution]:
    """Allow what still leaves the floor affordable until the end of the day."""
    hours = policy.limits.replica_hours_per_day
    if hours is None:
        return
    left_ms = DAY_MS - now_ms % DAY_MS
    spare = hours * HOUR_MS - memory.budget_used_ms - base.floor * left_ms
    span_ms = min(left_ms, 1000 * policy.evaluation.interval_s)
    replicas = base.floor + max(0, spare) // span_ms
    yield Contribution(
        Kind.LIMIT, Source.BUDGET, replicas, (round(memory.budget_used_ms / HOUR_MS, 1), hours)
    )


def distrust(
    observation: Observation, policy: ScalingPolicy, memory: Memory, now: datetime
) -> Contribution | None:
    """Name the reason, if there is one, why nothing may be taken away now."""
    current = observation.replicas
    if policy.faults:
        values: tuple[object, ...] = (str(policy.faults[0]),)
        return Contribution(Kind.LIMIT, Source.POLICY_FAULT, current, values)
    age = now - observation.at
    if is_stale(observation, policy, now):
        values = ("database", int(age.total_seconds()))
        return Contribution(Kind.LIMIT, Source.STALE_SIGNALS, current, values)
    stream = observation.stream
    if stream is None:
        return None
    age = now - stream.at
    if age > timedelta(seconds=policy.evaluation.stale_after_s):
        values = ("stream", int(age.total_seconds()))
        return Contribution(Kind.LIMIT, Source.STALE_SIGNALS, current, values)
    if memory.contradictions >= CONTRADICTIONS_NEEDED:
        values = (observation.demand - stream.unsent, stream.jobs)
        return Contribution(Kind.LIMIT, Source.CONTRADICTION, current, values)
    return None


def is_stale(observation: Observation, policy: ScalingPolicy, now: datetime) -> bool:
    return now - observation.at > timedelta(seconds=policy.evaluation.stale_after_s)


def contradicts(demand: int, stream: StreamReading) -> bool:
    """Compare what the database knows with what the stream carries."""
    expected = max(0, demand - stream.unsent)
    difference = abs(stream.jobs - expected)
    return difference > CONTRADICTION_JOBS and 100 * difference > CONTRADICTION_PERCENT * expected


@dataclass(frozen=True, slots=True)
class Settled:
    """What may follow a wish now, what delayed it, and the former wishes to remember."""

    replicas: int
    delay: Contribution | None
    highs: tuple[Held, ...]
    lows: tuple[Held, ...]


def settle(wish: int, current: int, policy: ScalingPolicy, memory: Memory, now_ms: int) -> Settled:
    """Let a wish act as soon as it has lasted as long as the policy says.

    Downwards the number follows the highest wish of the hold, so each replica goes when it was
    not wanted for that long; upwards the lowest. What was in force before the first call is not
    known, and is taken to be what runs.
    """
    behavior = policy.behavior
    former = current if memory.wish is None else memory.wish
    down_ms, up_ms = 1000 * behavior.down_hold_s, 1000 * behavior.up_hold_s
    highs = remember_high(memory.highs, former, now_ms, down_ms) if down_ms else ()
    lows = remember_low(memory.lows, former, now_ms, up_ms) if up_ms else ()
    replicas, delay = wish, None
    if wish < current and highs:
        replicas = min(current, max(wish, highs[0].replicas))
        delay = Contribution(Kind.LIMIT, Source.HOLD_DOWN, replicas, (behavior.down_hold_s,))
    elif wish > current and lows:
        replicas = max(current, min(wish, lows[0].replicas))
        delay = Contribution(Kind.LIMIT, Source.HOLD_UP, replicas, (behavior.up_hold_s,))
    least = _least_after_step(current, policy, memory, now_ms)
    if replicas < least:
        values = (behavior.down_percent_max, behavior.down_hold_s)
        replicas, delay = least, Contribution(Kind.LIMIT, Source.STEP_DOWN, least, values)
    return Settled(replicas, delay if replicas != wish else None, highs, lows)


def _least_after_step(current: int, policy: ScalingPolicy, memory: Memory, now_ms: int) -> int:
    percent = policy.behavior.down_percent_max
    if percent >= 100:  # noqa: PLR2004 - all of them
        return 0
    hold_ms = 1000 * policy.behavior.down_hold_s
    if memory.lowered_ms is not None and now_ms - memory.lowered_ms < hold_ms:
        return current
    return current - max(1, current * percent // 100)
