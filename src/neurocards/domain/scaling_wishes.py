"""The wishes: what each rule of a policy asks for. The decision takes the highest.

Every rule is a function of the observation, the policy and what is remembered; none knows of the
others or of any limit. Replicas are integers from end to end: there is no tolerance in which a
waiting job would be ignored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from neurocards.domain.forecast import Forecast
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import (
    PERMILLE,
    ForecastMode,
    Headroom,
    Objective,
    ScalingPolicy,
)
from neurocards.domain.scaling_reasons import Contribution, Kind, Source
from neurocards.domain.scaling_signals import START_UNMEASURED_S, Observation
from neurocards.domain.schedule import Windows
from neurocards.domain.staffing import ready_slots, slots_for

FORECAST_PERCENTILE = 95
FORECAST_WAIT_S = 60.0
PRICE_FIRST_S = 550.0
PPM = 1_000_000
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Ground:
    """What the schedules give to the other rules."""

    windows: Windows
    baseline: int
    floor: int
    """What no lowering rule, no quota and no budget goes below."""


@dataclass(frozen=True, slots=True)
class _Worth:
    """What makes the slots that are held ready worth their keep; words only for who reads them."""

    memory: Memory
    ready: int

    def __str__(self) -> str:
        if not self.ready:
            return ""
        per_hour = round(self.memory.belief.mean_per_s * HOUR_S)
        worth_s = round(price_s(self.memory))
        return f": {per_hour} jobs an hour come, and one late start is worth {worth_s} idle seconds"


def ground(policy: ScalingPolicy, windows: Windows) -> Ground:
    if windows.min is None:
        return Ground(windows, policy.replicas.base, policy.replicas.min)
    return Ground(windows, windows.min, windows.min)


def baseline_wish(base: Ground) -> Contribution:
    if base.windows.min is None:
        return Contribution(Kind.WISH, Source.BASE, base.baseline)
    names = ", ".join(base.windows.names)
    return Contribution(Kind.WISH, Source.WINDOW, base.baseline, (names, base.baseline))


def wishes(
    observation: Observation, policy: ScalingPolicy, memory: Memory, base: Ground, now_ms: int
) -> tuple[Contribution, ...]:
    """List what every rule asks for; the first of the highest is the reason of a rise."""
    return (
        _lowered(observation, policy, memory, base, now_ms),
        *_steps(observation, policy, base),
        *_high_levels(observation, policy),
        *_objective(observation, policy, memory),
        *_wake_up(observation, base),
        *_forecast(observation, policy),
    )


def _lowered(
    observation: Observation, policy: ScalingPolicy, memory: Memory, base: Ground, now_ms: int
) -> Contribution:
    """Give the baseline, or what a lowering rule puts in its place."""
    lowest = baseline_wish(base)
    if policy.idle is not None and memory.idle_since_ms is not None:
        idle_ms = now_ms - memory.idle_since_ms
        times = max(0, idle_ms) // (1000 * policy.idle.after_s)
        lowered = max(base.floor, _repeated(base.baseline, policy.idle.factor_permille, times))
        if lowered < lowest.replicas:
            values = (idle_ms // 1000, base.baseline, times)
            lowest = Contribution(Kind.WISH, Source.IDLE, lowered, values)
    for level in policy.queue.low_levels:
        lowered = max(base.floor, level.replicas)
        if observation.queued < level.queued_below and lowered < lowest.replicas:
            seen = (observation.queued, level.queued_below)
            lowest = Contribution(Kind.WISH, Source.QUEUE_LOW, lowered, seen)
    return lowest


def _repeated(replicas: int, permille: int, times: int) -> int:
    """Multiply `times` times, rounded up and by at least one each time."""
    for _ in range(times):
        if replicas == 0:
            break
        replicas = min(-(-replicas * permille // PERMILLE), replicas - 1)
    return replicas


def _steps(observation: Observation, policy: ScalingPolicy, base: Ground) -> Iterator[Contribution]:
    """Give the largest matching step of each kind; they never add up."""
    queued, waited = observation.queued, observation.mean_wait_s
    matching = [step for step in policy.queue.steps if queued > step.queued_above]
    if matching:
        step = max(matching, key=lambda match: match.add)
        values = (queued, step.queued_above, base.baseline, step.add)
        yield Contribution(Kind.WISH, Source.QUEUE_STEP, base.baseline + step.add, values)
    waiting = [step for step in policy.queue.wait_steps if waited > step.wait_above_s]
    if waiting and queued:
        wait_step = max(waiting, key=lambda match: match.add)
        values = (int(waited), wait_step.wait_above_s, base.baseline, wait_step.add)
        yield Contribution(Kind.WISH, Source.WAIT_STEP, base.baseline + wait_step.add, values)


def _high_levels(observation: Observation, policy: ScalingPolicy) -> Iterator[Contribution]:
    matching = [x for x in policy.queue.high_levels if observation.queued > x.queued_above]
    if matching:
        level = max(matching, key=lambda match: match.replicas)
        values = (observation.queued, level.queued_above)
        yield Contribution(Kind.WISH, Source.QUEUE_HIGH, level.replicas, values)


def _objective(
    observation: Observation, policy: ScalingPolicy, memory: Memory
) -> Iterator[Contribution]:
    """Ask for enough slots that those who wait, and those about to come, start in time."""
    slo = policy.slo
    if slo is None:
        return
    slots = slots_in_time(observation, slo)
    ready = 0
    if exposed_s(observation, slo) > 0:
        ready = ready_slots(
            memory.belief,
            running=observation.running,
            service_s=observation.slot_s,
            exposed_s=exposed_s(observation, slo),
            price_s=price_s(memory),
        )
    values = (observation.demand, slots, slo.wait_s, ready, _Worth(memory, ready))
    replicas = -(-(slots + ready) // policy.jobs_per_replica)
    yield Contribution(Kind.WISH, Source.OBJECTIVE, replicas, values)


def slots_in_time(observation: Observation, slo: Objective) -> int:
    """Give a slot to each job, or to as many as one slot can serve before the objective ends.

    The oldest wait counts, so the nearer the first of the queue is to its objective, the fewer jobs
    share a slot.
    """
    left_s = max(0.0, slo.wait_s - observation.oldest_wait_s)
    return -(-observation.demand // (1 + math.floor(left_s / observation.slot_s)))


def exposed_s(observation: Observation, slo: Objective) -> float:
    """Give how much longer a slot needs to start than a job may wait; 0 = no headroom is needed."""
    if slo.headroom is Headroom.DISABLED:
        return 0.0
    start_s = START_UNMEASURED_S if observation.start_s is None else observation.start_s
    return max(0.0, start_s - slo.wait_s)


def price_s(memory: Memory) -> float:
    """Give how many idle seconds of a slot sparing one late start is worth."""
    if memory.price_log_ppm is None:
        return PRICE_FIRST_S
    return math.exp(memory.price_log_ppm / PPM)


def _wake_up(observation: Observation, base: Ground) -> Iterator[Contribution]:
    if base.floor == 0 and observation.demand > 0:
        yield Contribution(Kind.WISH, Source.WAKE_UP, 1, (observation.demand,))


def _forecast(observation: Observation, policy: ScalingPolicy) -> Iterator[Contribution]:
    """Ask for what the expected arrivals need in a steady state; only a proven forecast counts."""
    expected = observation.forecast
    if policy.forecast.mode is ForecastMode.DISABLED or expected is None:
        return
    slots = _forecast_slots(expected, observation, policy.slo)
    replicas = -(-slots // policy.jobs_per_replica)
    if not expected.is_proven:
        errors = (expected.error_milli / 1000, expected.naive_error_milli / 1000)
        yield Contribution(Kind.SHOWN, Source.FORECAST_UNPROVEN, replicas, errors)
        return
    kind = Kind.WISH if policy.forecast.mode is ForecastMode.AUTO else Kind.SHOWN
    values = (round(expected.rate_per_s * HOUR_S), slots)
    yield Contribution(kind, Source.FORECAST, replicas, values)


def _forecast_slots(expected: Forecast, observation: Observation, slo: Objective | None) -> int:
    return slots_for(
        expected.rate_per_s,
        observation.slot_s,
        wait_s=FORECAST_WAIT_S if slo is None else slo.wait_s,
        percentile=FORECAST_PERCENTILE if slo is None else slo.percentile,
    )
