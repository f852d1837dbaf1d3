"""The figures of a replay, as the table and the JSON show them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from neurocards.replay.engine import Run
from neurocards.replay.trace import Trace

HOUR_S = 3600
DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles by the nearest rank, in seconds: each is a value that did occur."""

    p50: float
    p95: float
    p99: float
    max: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        ordered = sorted(values)

        def rank(percent: int) -> float:
            return round(ordered[max(0, math.ceil(percent * len(ordered) / 100) - 1)], DECIMALS)

        return Spread(rank(50), rank(95), rank(99), rank(100))


@dataclass(frozen=True, slots=True)
class Figures:
    """One policy on one trace."""

    policy: str
    jobs: int
    wait_s: Spread
    """From arrival until a worker first took the job."""
    turnaround_s: Spread
    """From arrival until it was done: an interrupted job shows here."""
    over_slo: int
    """Jobs that waited longer than the SLO allows."""
    worker_hours: float
    """Slots of all pods, from their creation to their end: start and drain included."""
    replica_hours: float
    """The same in pods."""
    interrupted: int
    wasted_render_s: float
    handed_over: int
    scale_writes: int
    peak_replicas: int
    unfinished: int
    """Jobs that were not done a week after the last arrival; their waits run until then."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def figures(trace: Trace, run: Run, *, slo_s: float) -> Figures:
    waits = waits_s(trace, run)
    turnarounds = _since_arrival(trace, run.finish_s, run.end_s)
    replica_hours = run.tally.pod_s / HOUR_S
    return Figures(
        policy=run.policy,
        jobs=len(trace),
        wait_s=Spread.of(waits),
        turnaround_s=Spread.of(turnarounds),
        over_slo=sum(wait > slo_s for wait in waits),
        worker_hours=round(replica_hours * run.slots, DECIMALS),
        replica_hours=round(replica_hours, DECIMALS),
        interrupted=run.tally.interrupted,
        wasted_render_s=round(run.tally.wasted_render_s, DECIMALS),
        handed_over=run.tally.handed_over,
        scale_writes=len(run.replicas) - 1,
        peak_replicas=max(replicas for _, replicas in run.replicas),
        unfinished=sum(math.isnan(finish) for finish in run.finish_s),
    )


def waits_s(trace: Trace, run: Run) -> list[float]:
    """Give the wait of each job, in the order of arrival."""
    return _since_arrival(trace, run.first_start_s, run.end_s)


def _since_arrival(trace: Trace, moments_s: Sequence[float], end_s: float) -> list[float]:
    return [
        (end_s if math.isnan(moment) else moment) - arrival
        for arrival, moment in zip(trace.arrivals_s, moments_s, strict=True)
    ]
