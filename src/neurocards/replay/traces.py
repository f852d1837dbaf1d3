"""Invented traffic, reproducible by its seed: what a policy can be tuned on before there is any.

Arrivals are a Poisson process whose rate follows the hour and the weekday, times bursts that come
by chance and last for minutes (a shop posts its link, a group tries the bot; two at a time are no
more than one), plus what a scenario adds: a flash crowd. Service times scatter about their mean as
a provider's do: log-normal.

Not a forecast and not a measurement: shapes to be robust against.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from neurocards.replay.trace import Trace, TraceError

HOUR_S = 3600
DAY_S = 24 * HOUR_S
STEP_S = 60.0
# Orders per hour of the day, relative to the mean: a quiet night, a plateau, an evening twice it.
HOURS = (
    *(0.35, 0.25, 0.18, 0.15, 0.15, 0.2, 0.35, 0.6, 0.85, 1.0, 1.1, 1.15),
    *(1.2, 1.15, 1.1, 1.1, 1.15, 1.3, 1.6, 2.0, 2.4, 2.2, 1.5, 0.8),
)
# Monday first; people make their cards when the week is over.
WEEKDAYS = (0.9, 0.9, 0.95, 1.0, 1.15, 1.1, 1.0)

Rates = Callable[[float], float]
"""Jobs per hour at a second of the trace."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What traffic looks like. Rates per hour, times in seconds."""

    jobs_per_hour: float = 180.0
    seasonal: bool = True
    bursts_per_day: float = 6.0
    burst_factor: float = 4.0
    burst_s: float = 600.0
    crowd_at_s: float | None = None
    crowd_factor: float = 10.0
    crowd_s: float = 1800.0
    service_s: float = 300.0
    service_sigma: float = 0.15


def invent(shape: Shape, *, days: float, seed: int) -> Trace:
    """Make traffic that begins on a Monday at midnight."""
    chance = random.Random(f"trace {seed}")
    rate_at = _rates(shape, days, chance)
    mean = math.log(shape.service_s) - shape.service_sigma**2 / 2
    jobs = []
    for begin_s in _steps(days * DAY_S):
        rate = rate_at(begin_s)
        at_s = begin_s
        while rate > 0:
            at_s += chance.expovariate(rate / HOUR_S)
            if at_s >= begin_s + STEP_S:
                break
            jobs.append((at_s, chance.lognormvariate(mean, shape.service_sigma)))
    return Trace.of(jobs)


def invented_rates(shape: Shape, *, days: float, seed: int) -> Rates:
    """Give the jobs per hour that `invent` draws from, by the second: what no policy knows."""
    return _rates(shape, days, random.Random(f"trace {seed}"))


def _rates(shape: Shape, days: float, chance: random.Random) -> Rates:
    bursts = _bursts(shape, days * DAY_S, chance)

    def rate_at(at_s: float) -> float:
        begin_s = at_s // STEP_S * STEP_S
        bursting = any(start <= begin_s < end for start, end in bursts)
        return _rate(shape, begin_s) * (shape.burst_factor if bursting else 1.0)

    return rate_at


def from_counts(path: Path, shape: Shape, *, period_s: float, seed: int) -> Trace:
    """Scale a series of counts (CSV with a column `value`, a row per period) to jobs.

    Of the shape only the mean rate and the service times are used. Within a period the arrivals
    are spread by chance. Raises TraceError.
    """
    counts = _read_counts(path)
    chance = random.Random(f"counts {seed}")
    mean = math.log(shape.service_s) - shape.service_sigma**2 / 2
    scale = shape.jobs_per_hour / HOUR_S * len(counts) / sum(counts)
    jobs = []
    for number, count in enumerate(counts):
        at_s = number * period_s
        while count > 0:
            at_s += chance.expovariate(count * scale)
            if at_s >= (number + 1) * period_s:
                break
            jobs.append((at_s, chance.lognormvariate(mean, shape.service_sigma)))
    return Trace.of(jobs)


def counted_rates(path: Path, shape: Shape, *, period_s: float) -> Rates:
    """Give the jobs per hour that `from_counts` draws from, by the second. Raises TraceError."""
    counts = _read_counts(path)
    scale = shape.jobs_per_hour * len(counts) / sum(counts)
    return lambda at_s: counts[min(int(at_s // period_s), len(counts) - 1)] * scale


def _read_counts(path: Path) -> list[float]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            counts = [float(row["value"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError) as error:
        raise TraceError(f"{path} is no series of counts with a column value: {error}") from error
    if not all(0 <= count < math.inf for count in counts) or not sum(counts) > 0:
        raise TraceError(f"{path} has no counts, or some that are none")
    return counts


def write_trace(trace: Trace, path: Path) -> None:
    """Write it as `read_trace` reads it, to the millisecond."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("arrival_s", "service_s"))
        for arrival_s, service_s in zip(trace.arrivals_s, trace.services_s, strict=True):
            rows.writerow((f"{arrival_s:.3f}", f"{service_s:.3f}"))


def _steps(length_s: float) -> Iterator[float]:
    for number in range(math.ceil(length_s / STEP_S)):
        yield number * STEP_S


def _rate(shape: Shape, at_s: float) -> float:
    """Give the jobs per hour at a moment, before bursts; between two hours it changes evenly."""
    rate = shape.jobs_per_hour
    if shape.seasonal:
        hour, part = divmod(at_s % DAY_S / HOUR_S, 1)
        this, following = HOURS[int(hour)], HOURS[(int(hour) + 1) % 24]
        rate *= (this + (following - this) * part) * WEEKDAYS[int(at_s // DAY_S) % 7]
    crowd = shape.crowd_at_s
    if crowd is not None and crowd <= at_s < crowd + shape.crowd_s:
        rate *= shape.crowd_factor
    return rate


def _bursts(shape: Shape, length_s: float, chance: random.Random) -> list[tuple[float, float]]:
    bursts = []
    at_s = 0.0
    while shape.bursts_per_day > 0:
        at_s += chance.expovariate(shape.bursts_per_day / DAY_S)
        if at_s >= length_s:
            break
        bursts.append((at_s, at_s + chance.expovariate(1 / shape.burst_s)))
    return bursts
