"""What a decision learns before it decides: idle time, budget, contradictions, arrivals, price.

Invariant: each stretch of time and each job is accounted once, whatever the spacing of the calls.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from neurocards.domain.scaling_limits import DAY_MS, contradicts, is_stale
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import Objective, ScalingPolicy
from neurocards.domain.scaling_signals import Observation, StreamReading
from neurocards.domain.scaling_wishes import PPM, PRICE_FIRST_S, exposed_s

QUIET_STEP_MS = 5_000
"""Silence is learned in steps of this length, arrivals at once."""
HABIT_STEP_MS = 60_000
LATE_STEP_PPM = 50_000
"""By how much, in the logarithm, one late start raises the price of the next. The nearer the price
stays to one number all day, the more of the late starts fall where sparing them is dear."""
AIM_PERCENT = 99
"""Which part of the late starts that the objective allows is aimed at; the rest is reserve."""
PRICE_LEAST_S, PRICE_MOST_S = 1.0, 4_000.0
"""A crowd beyond the maximum of replicas makes starts late that no price spares; it must not lift
the price so high that the quiet days after it pay for it."""
_PRICE_LEAST = round(math.log(PRICE_LEAST_S) * PPM)
_PRICE_MOST = round(math.log(PRICE_MOST_S) * PPM)
_PRICE_FIRST = round(math.log(PRICE_FIRST_S) * PPM)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def account(
    observation: Observation, policy: ScalingPolicy, memory: Memory, now: datetime
) -> Memory:
    """Give the memory with everything that this observation adds to it."""
    now_ms = to_ms(now)
    memory = _spend(memory, observation.replicas, now_ms)
    if is_stale(observation, policy, now):
        return replace(memory, idle_since_ms=None)
    idle_since_ms = None
    if observation.queued == 0:
        idle_since_ms = now_ms if memory.idle_since_ms is None else memory.idle_since_ms
    memory = replace(memory, idle_since_ms=idle_since_ms)
    if observation.stream is not None:
        memory = _compare(memory, observation.demand, observation.stream)
    return _learn(memory, observation, policy)


def _spend(memory: Memory, replicas: int, now_ms: int) -> Memory:
    """Book the replica time since the last call on the day it fell into."""
    day = now_ms // DAY_MS
    since_ms = now_ms if memory.evaluated_ms is None else min(memory.evaluated_ms, now_ms)
    since_ms = max(since_ms, day * DAY_MS)
    used = memory.budget_used_ms if memory.budget_day == day else 0
    return replace(
        memory,
        evaluated_ms=now_ms,
        budget_day=day,
        budget_used_ms=used + replicas * (now_ms - since_ms),
    )


def _compare(memory: Memory, demand: int, stream: StreamReading) -> Memory:
    """Count readings in a row that contradict the database; one reading counts once."""
    if not contradicts(demand, stream):
        return replace(memory, contradictions=0, contradicted_ms=None)
    read_ms = to_ms(stream.at)
    if memory.contradicted_ms == read_ms:
        return memory
    return replace(memory, contradictions=memory.contradictions + 1, contradicted_ms=read_ms)


def _learn(memory: Memory, observation: Observation, policy: ScalingPolicy) -> Memory:
    at_ms = to_ms(observation.at)
    if memory.counted_ms is None:
        return replace(memory, counted_ms=at_ms, rate_ms=at_ms, habit_ms=at_ms)
    if at_ms < memory.counted_ms:
        return memory
    slo = policy.slo
    if slo is None or exposed_s(observation, slo) <= 0:
        return replace(memory, counted_ms=at_ms, rate_ms=at_ms, habit_ms=at_ms)
    return _follow_rate(_follow_price(memory, observation, slo), observation.arrived, at_ms)


def _follow_price(memory: Memory, observation: Observation, slo: Objective) -> Memory:
    """Move the price of a late start so that the allowed share of starts is late, no fewer.

    Each late start raises it and each start lowers it a little: the two balance exactly at the
    share that is aimed at, for any arrivals whatever, as long as the price stays within its bounds.
    """
    if not observation.started:
        return memory
    price = _PRICE_FIRST if memory.price_log_ppm is None else memory.price_log_ppm
    relief = LATE_STEP_PPM * (100 - slo.percentile) * AIM_PERCENT // 10_000
    price += LATE_STEP_PPM * observation.late - relief * observation.started
    return replace(memory, price_log_ppm=min(max(price, _PRICE_LEAST), _PRICE_MOST))


def _follow_rate(memory: Memory, arrived: int, at_ms: int) -> Memory:
    rate_ms = at_ms if memory.rate_ms is None else memory.rate_ms
    habit_ms = at_ms if memory.habit_ms is None else memory.habit_ms
    belief = memory.belief
    if arrived or at_ms - rate_ms >= QUIET_STEP_MS:
        belief, rate_ms = belief.after(arrived, (at_ms - rate_ms) / 1000), at_ms
        if at_ms - habit_ms >= HABIT_STEP_MS:
            belief, habit_ms = belief.settled((at_ms - habit_ms) / 1000), at_ms
    return replace(memory, counted_ms=at_ms, rate_ms=rate_ms, habit_ms=habit_ms, belief=belief)
