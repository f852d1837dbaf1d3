"""Bad days on paper: each with the policies that are shipped, every decision watched.

A flash crowd, dead signals, the days that change the clocks, a provider that cuts its quota, jobs
that take three times as long. The checks fail if a cap was exceeded, if anything was taken away on
stale signals, or if a job was not done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.effort import QUICK, Effort
from bench.figures import Check, Outcome
from neurocards.replay.stress import Verdict, judge, scenarios
from neurocards.replay.table import duration
from neurocards.scaling_policies import load_policy

POLICIES = Path(__file__).resolve().parent.parent / "docs" / "policies"
SHIPPED = ("standard", "single", "single-lean")
QUICK_DAYS = 0.05


async def run(effort: Effort, folder: Path) -> Outcome:  # noqa: ARG001 - nothing is kept
    days = QUICK_DAYS if effort == QUICK else 1.0
    verdicts = await asyncio.to_thread(lambda: list(_verdicts(days)))
    return Outcome(
        checks=tuple(_checks(verdicts)),
        details={"page": list(_page(verdicts)), "verdicts": [_row(*one) for one in verdicts]},
    )


def _verdicts(days: float) -> Iterator[tuple[str, Verdict]]:
    for name in SHIPPED:
        for scenario in scenarios(load_policy(POLICIES / f"{name}.yaml"), days=days):
            yield name, judge(scenario)


def _checks(verdicts: Sequence[tuple[str, Verdict]]) -> Iterator[Check]:
    total = sum(verdict.decisions for _, verdict in verdicts)
    for name, breaches in (
        ("never above a cap", [verdict.above_cap for _, verdict in verdicts]),
        ("never down on stale signals", [verdict.down_on_stale for _, verdict in verdicts]),
    ):
        yield Check(name, not any(breaches), f"{sum(breaches)} of {total:,} decisions")
    jobs = sum(verdict.figures.jobs for _, verdict in verdicts)
    for name, counts in (
        ("every job was done", [verdict.figures.unfinished for _, verdict in verdicts]),
        ("no job was interrupted", [verdict.figures.interrupted for _, verdict in verdicts]),
    ):
        yield Check(name, not any(counts), f"{sum(counts)} of {jobs:,} jobs fail it")


def _page(verdicts: Sequence[tuple[str, Verdict]]) -> Iterator[str]:
    rows = [_row(*one) for one in verdicts]
    yield "| " + " | ".join(rows[0]) + " |"
    yield "|" + "---|" * len(rows[0])
    for row in rows:
        yield "| " + " | ".join(row.values()) + " |"
    yield ""


def _row(policy: str, verdict: Verdict) -> dict[str, str]:
    found = verdict.figures
    return {
        "what befalls": verdict.scenario,
        "policy": f"`{policy}`",
        "jobs": f"{found.jobs:,}",
        "p95 wait": duration(found.wait_s.p95),
        "longest": duration(found.wait_s.max),
        "peak": str(found.peak_replicas),
        "decisions": f"{verdict.decisions:,}",
        "at a cap": f"{verdict.at_cap:,}",
        "above it": str(verdict.above_cap),
        "on stale signals": str(verdict.on_stale),
        "down on these": str(verdict.down_on_stale),
    }
