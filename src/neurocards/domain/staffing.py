"""How many slots a load needs: Erlang C, and how many idle slots are worth their keep.

A slot carries one job at a time; a replica has `jobsPerReplica` of them. Probabilities in, whole
slots out. Two questions are answered here:

- in a steady state: the fewest slots with which at most a given share of jobs waits longer than
  the objective (`slots_for`, and its rule of thumb R + beta * sqrt(R), `square_root_slots`);
- at this moment: how many slots to hold ready beyond the jobs that are there (`ready_slots`).

A new slot needs time to start. A job that finds none ready waits too long if more jobs arrived
than were finished within the part of the start that the objective does not allow, and the slots
held ready beyond demand did not cover the difference. The n-th ready slot therefore spares
`rate * P(arrived - finished = n - 1)` late starts a second and costs one idle second a second. It
is held if that is worth its price, which is why a quiet night keeps none and a burst keeps several.
"""

from __future__ import annotations

import math
from functools import lru_cache

from neurocards.domain.arrivals import PPM, RATES_PER_S, RateBelief

SLOTS_MAX = 100_000
READY_SLOTS_MAX = 1_000
_WEIGHT_PPM_MIN = 2_000
"""Rates less likely than this say nothing about how many slots to hold."""
_MEANS_PER_JOB = 20
"""Means are rounded to a twentieth of a job, which keeps the table of probabilities small."""
_EXACT_MEAN_MAX = 60.0


def slots_for(rate_per_s: float, service_s: float, *, wait_s: float, percentile: int) -> int:
    """Give the fewest slots with P(wait > `wait_s`) <= 1 - `percentile` / 100 in a steady state."""
    load = rate_per_s * service_s
    if load <= 0:
        return 0
    allowed = 1 - percentile / 100
    low, high = math.floor(load) + 1, math.floor(load) + 1
    while high < SLOTS_MAX and late_share(high, load, service_s, wait_s) > allowed:
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        if late_share(middle, load, service_s, wait_s) > allowed:
            low = middle + 1
        else:
            high = middle
    return min(low, SLOTS_MAX)


def late_share(slots: int, load: float, service_s: float, wait_s: float) -> float:
    """Give the share of jobs that wait longer than `wait_s` at `load` Erlang (M/M/n, Erlang C)."""
    if slots <= load:
        return 1.0
    return erlang_c(slots, load) * math.exp(-(slots - load) * wait_s / service_s)


def erlang_c(slots: int, load: float) -> float:
    """Give the share of jobs that have to wait at all; 1 when the load never fits."""
    if slots <= load:
        return 1.0
    blocked = 1.0
    for n in range(1, slots + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / slots * (1 - blocked))


def square_root_slots(load: float, beta: float) -> int:
    """Give R + beta * sqrt(R), the rule that Erlang C follows for large loads."""
    return math.ceil(load + beta * math.sqrt(load))


def ready_slots(
    belief: RateBelief, *, running: int, service_s: float, exposed_s: float, price_s: float
) -> int:
    """Give how many slots to hold ready beyond demand.

    `exposed_s` is the part of a slot's start that the objective does not allow to wait, `price_s`
    the idle seconds that sparing one late start is worth. Monotone in the price.
    """
    if exposed_s <= 0:
        return 0
    gone = -math.expm1(-exposed_s / service_s)
    finished = round(running * gone * _MEANS_PER_JOB)
    tables = [
        (weight * rate / PPM, _net(round(rate * service_s * gone * _MEANS_PER_JOB), finished))
        for weight, rate in zip(belief.now, RATES_PER_S, strict=True)
        if weight >= _WEIGHT_PPM_MIN
    ]
    worth, held = 1 / price_s, 0
    longest = min(max((len(table) for _, table in tables), default=0), READY_SLOTS_MAX)
    for slot in range(longest):
        spared = sum(rate * table[slot] for rate, table in tables if slot < len(table))
        if spared >= worth:
            held = slot + 1
    return held


@lru_cache(maxsize=65_536)
def _net(arrived: int, finished: int) -> tuple[float, ...]:
    """Give P(arrived - finished = 0, 1, 2, ...) for Poisson counts; means in twentieths."""
    come, go = arrived / _MEANS_PER_JOB, finished / _MEANS_PER_JOB
    if come + go > _EXACT_MEAN_MAX:
        return _net_normal(come - go, math.sqrt(come + go))
    coming, going = _poisson(come), _poisson(go)
    return tuple(
        sum(coming[net + back] * going[back] for back in range(min(len(going), len(coming) - net)))
        for net in range(len(coming))
    )


def _net_normal(mean: float, deviation: float) -> tuple[float, ...]:
    longest = min(max(1, math.ceil(mean + 5 * deviation)), READY_SLOTS_MAX)
    scale = 1 / (deviation * math.sqrt(2 * math.pi))
    return tuple(scale * math.exp(-(((n - mean) / deviation) ** 2) / 2) for n in range(longest))


def _poisson(mean: float) -> list[float]:
    probability = math.exp(-mean)
    table = [probability]
    for n in range(1, math.ceil(mean + 6 * math.sqrt(mean) + 6)):
        probability *= mean / n
        table.append(probability)
    return table
