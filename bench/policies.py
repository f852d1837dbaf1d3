"""How good the policies are: the shipped ones against KEDA and a clairvoyant, on paper.

Invented traffic and a recorded shape, none of it used to tune on: the seed of a trace is the
checksum of its name, so nobody has chosen it. `python -m bench.policies OUT.svg` draws one of them.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.bound import NAME as TOLD
from bench.bound import least
from bench.effort import QUICK, Effort
from bench.figures import Aim, Check, Figure, Outcome, Sense, rounded
from neurocards.domain.scaling_policy import Replicas
from neurocards.replay.clairvoyant import NAME as CLAIRVOYANT
from neurocards.replay.clairvoyant import foresee
from neurocards.replay.contest import KEDA, KEDA_PLAIN, KEDA_TUNED, Contest
from neurocards.replay.engine import Run
from neurocards.replay.figures import Figures, figures, waits_s
from neurocards.replay.fleet import Cluster
from neurocards.replay.ours import NAME as OURS
from neurocards.replay.picture import picture
from neurocards.replay.table import duration
from neurocards.replay.trace import Trace
from neurocards.replay.traces import (
    DAY_S,
    Rates,
    Shape,
    counted_rates,
    from_counts,
    invent,
    invented_rates,
)
from neurocards.scaling_policies import load_policy

ROOT = Path(__file__).resolve().parent.parent
POLICIES = ROOT / "docs" / "policies"
TAXI = ROOT / "bench" / "traces" / "nyc_taxi.csv"
TAXI_PERIOD_S = 1800.0
BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
REPLICAS_MAX = 50
POD_START_S, LONG_GRACE_S, DEFAULT_GRACE_S = 15.0, 1200.0, 30.0
SHAPES: Mapping[str, Shape] = {
    "busy day, bursts": Shape(jobs_per_hour=180),
    "quiet day, bursts": Shape(jobs_per_hour=60),
    "smooth day": Shape(jobs_per_hour=144, bursts_per_day=0),
    "regimes": Shape(
        jobs_per_hour=60, seasonal=False, bursts_per_day=6, burst_factor=6, burst_s=5400
    ),
    "short bursts": Shape(
        jobs_per_hour=90, seasonal=False, bursts_per_day=24, burst_factor=8, burst_s=300
    ),
}
TAXI_NAME = "three days of taxis"
OTHERS = (KEDA_TUNED, KEDA_PLAIN, CLAIRVOYANT)
KEDA_TWENTY, KEDA_KILLS = "keda, 20 jobs in a replica", "keda, 30 s to finish"
DRAWN = "busy day, bursts"
BURST, BURST_AT_S, BURST_TRIALS = 40, 600.0, 30


@dataclass(frozen=True, slots=True)
class Result:
    """What each policy came to on one trace, by the name that the page shows."""

    trace: str
    jobs: int
    found: Mapping[str, Figures]
    killed: int
    """Jobs that KEDA interrupts where pods have the 30 seconds that they have by default."""

    def hours(self, name: str) -> float:
        return self.found[name].worker_hours / self.found[KEDA].worker_hours


async def run(effort: Effort, folder: Path) -> Outcome:  # noqa: ARG001 - nothing is kept
    is_quick = effort == QUICK
    results = await asyncio.to_thread(lambda: [_result(*one) for one in _traces(quick=is_quick)])
    return Outcome(
        figures=tuple(_figures(results)),
        checks=tuple(_checks(results)),
        details={
            "page": list(_page(results)),
            "results": [
                {
                    "trace": result.trace,
                    "killed": result.killed,
                    "policies": {name: one.as_json() for name, one in result.found.items()},
                }
                for result in results
            ],
        },
    )


def _traces(*, quick: bool) -> Iterator[tuple[str, Trace, Rates]]:
    for name in list(SHAPES)[: 1 if quick else None]:
        yield name, *_invented(name, days=0.1 if quick else 1.0)
    if quick:
        return
    shape = Shape(jobs_per_hour=90)
    taxi = from_counts(TAXI, shape, period_s=TAXI_PERIOD_S, seed=_seed(TAXI_NAME))
    jobs = zip(taxi.arrivals_s, taxi.services_s, strict=True)
    trace = Trace.of(job for job in jobs if job[0] < 3 * DAY_S)
    yield TAXI_NAME, trace, counted_rates(TAXI, shape, period_s=TAXI_PERIOD_S)


def _invented(name: str, *, days: float) -> tuple[Trace, Rates]:
    """Halve the rate until the largest number of replicas is enough for a clairvoyant.

    Beyond that every policy waits for the maximum, and nothing is compared.
    """
    shape = SHAPES[name]
    while True:
        trace = invent(shape, days=days, seed=_seed(name))
        run = foresee(trace, Cluster(1, POD_START_S), replicas_max=REPLICAS_MAX)
        if max(waits_s(trace, run)) == 0:
            return trace, invented_rates(shape, days=days, seed=_seed(name))
        shape = replace(shape, jobs_per_hour=shape.jobs_per_hour / 2)


def _seed(name: str) -> int:
    return zlib.crc32(name.encode())


def _contest(policy: str, trace: Trace, *, grace_s: float = LONG_GRACE_S) -> Contest:
    read = load_policy(POLICIES / f"{policy}.yaml")
    cluster = Cluster(read.jobs_per_replica, POD_START_S, grace_s)
    return Contest(read, trace, cluster, BEGINS)


def _result(name: str, trace: Trace, rates: Rates) -> Result:
    found = {TOLD: least(_contest("single", trace), rates)}
    for policy, grace_s, rivals in (
        ("single", LONG_GRACE_S, {KEDA: KEDA, **{name: name for name in OTHERS}}),
        ("single-lean", DEFAULT_GRACE_S, {KEDA: KEDA_KILLS}),
        ("standard", LONG_GRACE_S, {KEDA: KEDA_TWENTY}),
    ):
        contest = _contest(policy, trace, grace_s=grace_s)
        for one in contest.runs(list(rivals)):
            shown = policy if one.policy == OURS else rivals[one.policy]
            found[shown] = figures(trace, one, slo_s=contest.slo_s)
    return Result(name, len(trace), found, found[KEDA_KILLS].interrupted)


def _figures(results: Sequence[Result]) -> Iterator[Figure]:
    how = (
        f"one value per trace; one job in a replica, {POD_START_S:g} s to start a pod, KEDA with "
        "lagThreshold 1, its defaults and a grace period of 20 minutes"
    )
    for policy, wait_s, share in (("single", 5.0, 0.88), ("single-lean", 15.0, 0.80)):
        yield Figure(
            f"{policy}_p95_wait",
            f"`{policy}`: p95 wait",
            "s",
            tuple(result.found[policy].wait_s.p95 for result in results),
            how,
            Aim(Sense.AT_MOST, wait_s),
        )
        yield Figure(
            f"{policy}_hours",
            f"`{policy}`: worker-hours relative to KEDA's",
            "x",
            tuple(result.hours(policy) for result in results),
            how,
            Aim(Sense.AT_MOST, share),
        )
    yield Figure(
        "clairvoyant_hours",
        "a clairvoyant: worker-hours relative to KEDA's",
        "x",
        tuple(result.hours(CLAIRVOYANT) for result in results),
        "computed: the least that any policy without waits can take",
    )
    yield Figure(
        "told_hours",
        "told the rate and the price: worker-hours relative to KEDA's",
        "x",
        tuple(result.hours(TOLD) for result in results),
        "the rule of `single` with the rate that the traffic was invented with and the best price "
        "in hindsight: what it cannot go below without seeing jobs come",
    )
    yield Figure(
        "keda_burst",
        "KEDA's emulator: 40 jobs at once, until 40 replicas are wanted",
        "s",
        tuple(keda_burst_s(BURST_TRIALS)),
        f"{BURST_TRIALS} positions of its two clocks, one replica before",
    )
    yield Figure(
        "standard_replica_hours",
        "`standard`: replica-hours relative to KEDA's, 20 jobs in a replica",
        "x",
        tuple(
            result.found["standard"].replica_hours / result.found[KEDA_TWENTY].replica_hours
            for result in results
        ),
        "the same traces; KEDA with lagThreshold 20",
    )


def keda_burst_s(seeds: int) -> Iterator[float]:
    """Tell how long KEDA takes to want 40 replicas for 40 jobs that come at once, on paper."""
    policy = load_policy(POLICIES / "single.yaml")
    policy = replace(policy, replicas=Replicas(min=1, base=1, max=50))
    trace = Trace([BURST_AT_S] * BURST, [900.0] * BURST)
    for seed in range(1, seeds + 1):
        cluster = Cluster(1, POD_START_S, LONG_GRACE_S, seed)
        _, keda = Contest(policy, trace, cluster, BEGINS).runs([KEDA])
        reached_s = next(at_s for at_s, replicas in keda.replicas if replicas >= BURST)
        yield reached_s - BURST_AT_S


def _checks(results: Sequence[Result]) -> Iterator[Check]:
    ours = ("single", "single-lean", "standard")
    jobs = sum(result.jobs for result in results)
    for words, counts in (
        (
            "our policies interrupt no job",
            [r.found[name].interrupted for r in results for name in ours],
        ),
        ("every job was done", [r.found[name].unfinished for r in results for name in ours]),
    ):
        yield Check(words, not any(counts), f"{sum(counts)} of {jobs * len(ours):,} jobs fail it")
    most = max(r.found[name].peak_replicas for r in results for name in ours[:2])
    yield Check("no policy exceeds its maximum", most <= REPLICAS_MAX, f"the peak was {most}")


def _page(results: Sequence[Result]) -> Iterator[str]:
    names = ("single", TOLD, "single-lean", KEDA, KEDA_TUNED, KEDA_PLAIN, CLAIRVOYANT)
    yield "p95 wait and worker-hours, these relative to `keda`'s:"
    yield ""
    yield "| trace | jobs | " + " | ".join(f"`{name}`" for name in names) + " | killed by KEDA |"
    yield "|" + "---|" * (len(names) + 3)
    for result in results:
        cells = [
            f"{duration(result.found[name].wait_s.p95)}, {result.hours(name):.2f}" for name in names
        ]
        killed = f"{result.killed} ({100 * result.killed / result.jobs:.1f} %)"
        yield f"| {result.trace} | {result.jobs:,} | " + " | ".join(cells) + f" | {killed} |"
    means = [rounded(median(result.hours(name) for result in results)) for name in names]
    yield "| median of hours |  | " + " | ".join(f"{one:.2f}" for one in means) + " |  |"
    yield ""


def draw(path: Path) -> None:
    """Draw one trace with `single` and its rivals."""
    trace, _ = _invented(DRAWN, days=1.0)
    contest = _contest("single", trace)
    runs: list[Run] = list(contest.runs([KEDA, CLAIRVOYANT]))
    found = [figures(trace, one, slo_s=contest.slo_s) for one in runs]
    title = f"{len(trace):,} jobs in a day with bursts: single.yaml against KEDA"
    path.write_text(picture(trace, runs, found, title), encoding="utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
