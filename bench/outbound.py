"""How long a finished video waits to be shown while one bot says all that it may.

Two thousand jobs are in one worker; their renders end evenly over five minutes, and as many new
orders come through the bot as end. Telegram is the simulator with the limits of the real one, so
that deliveries, notices, state changes and progress of bot and worker compete for 30 a second. All
is as in production but the provider's quota; new orders have their photo decoded, a script, an
upload. A delay counts from the moment at which the worker has the video until the job is done.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.effort import Effort
from bench.figures import Aim, Check, Figure, Outcome, Sense, percentile
from bench.inflight import CLAIMED_WITHIN_S
from bench.orders import OrderBook, confirm, upload_photo
from bench.seeds import wait_for_renders
from bench.stage import Stage, cpu_shares
from bench.statements import statement

DELAY_AIM_S = 3.0
SHORTEST, LONGEST = 0.2, 1.2
"""Of a render, in shares of the time over which they end: the claims come before the first."""
CARRIED_SHARE_MIN = 0.8
LAST_WITHIN_S = 60.0
HELD_BACK = re.compile(
    r'^neurocards_outbound_held_back_total{priority="(\w+)"} (\S+)$', re.MULTILINE
)
WAITED = re.compile(
    r'^neurocards_outbound_wait_seconds_(sum|count){priority="(\w+)"} (\S+)$', re.MULTILINE
)


@dataclass(slots=True)
class _Samples:
    p50_s: list[float] = field(default_factory=list)
    p95_s: list[float] = field(default_factory=list)
    deliveries: list[int] = field(default_factory=list)
    dropped: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    details: list[Mapping[str, object]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"outbound-{number}") as stage:
            await _run_once(stage, effort, f"outbound, run {number}", samples)
    return Outcome(
        figures=_figures(samples, effort),
        checks=tuple(samples.checks),
        details={"runs": samples.details},
    )


async def _run_once(stage: Stage, effort: Effort, label: str, samples: _Samples) -> None:
    jobs, render_s = effort.outbound_jobs, effort.outbound_render_s
    middle = (SHORTEST + LONGEST) / 2
    await stage.strict_telegram()
    await stage.providers(render_s=middle * render_s, jitter=(LONGEST - SHORTEST) / 2 / middle)
    book = OrderBook(stage, photo_file_id=await upload_photo(stage))
    # Room for those who come while none has ended yet.
    await stage.worker(concurrency=2 * jobs)
    await wait_for_renders(stage, await book.prepare(jobs))
    await stage.bot()
    at_first = await _carried(stage, jobs)

    rate_per_s = jobs / render_s
    coming = await book.prepare(int(rate_per_s * effort.outbound_s))
    before, began = stage.cpu_s(), time.monotonic()
    from_moment = await stage.pool.fetchval(statement("now"))
    report = await confirm(stage, coming, rate_per_s=rate_per_s)
    await asyncio.sleep(max(0.0, effort.outbound_s - (time.monotonic() - began)))
    to_moment = await stage.pool.fetchval(statement("now"))
    shares = cpu_shares(before, stage.cpu_s(), time.monotonic() - began)
    at_last = await stage.pool.fetchval(statement("carried"))

    delays_s, delivered = await _delays(stage, from_moment, to_moment)
    samples.p50_s.append(percentile(delays_s, 0.5))
    samples.p95_s.append(percentile(delays_s, 0.95))
    samples.deliveries.append(len(delays_s))
    metrics = (await stage.http.get(f"{stage.programs['worker'].url}/metrics")).text
    held_back = {name: float(count) for name, count in HELD_BACK.findall(metrics)}
    samples.dropped.append(held_back.get("progress", 0.0))
    calls = await _calls(stage)
    refused = sum(count for call, count in calls.items() if call.endswith(" 429"))
    samples.refused.append(refused)
    samples.details.append(
        {
            "carried": [at_first, at_last],
            "delay_s": {
                name: round(percentile(delays_s, share), 3)
                for name, share in {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}.items()
            },
            "calls": calls,
            "held_back": held_back,
            "mean_wait_ms": _mean_waits_ms(metrics),
            "cpu_cores": shares,
        }
    )
    enough = min(at_first, at_last) >= CARRIED_SHARE_MIN * jobs
    samples.checks += [
        Check(f"{label}: every press was answered 200", report.all_ok, str(dict(report.statuses))),
        Check(f"{label}: about {jobs} jobs in flight", enough, f"{at_first}, then {at_last}"),
        Check(f"{label}: every video was shown", delivered, f"{len(delays_s)} videos"),
        Check(f"{label}: Telegram refused nothing", refused == 0, f"{refused} times 429"),
    ]


async def _carried(stage: Stage, jobs: int) -> int:
    """Wait until nearly all are in the worker; the first may have ended by then."""
    deadline = time.monotonic() + CLAIMED_WITHIN_S
    most = 0
    while time.monotonic() < deadline and most < (1 - SHORTEST) * jobs:
        most = max(most, await stage.pool.fetchval(statement("carried")))
        await asyncio.sleep(0.1)
    return most


async def _delays(stage: Stage, *between: object) -> tuple[list[float], bool]:
    """Give the delay of each video that was there in this time, the last of them waited for."""
    deadline = time.monotonic() + LAST_WITHIN_S
    while True:
        rows = await stage.pool.fetch(statement("delivery_delays"), *between)
        if all(row["ended"] for row in rows) or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    return [row["seconds"] for row in rows], all(row["delivered"] for row in rows)


async def _calls(stage: Stage) -> dict[str, int]:
    counters = await stage.get(f"{stage.programs['telegram'].url}/sim/counters")
    return {call: count for of_bot in counters.values() for call, count in of_bot.items()}


def _mean_waits_ms(metrics: str) -> dict[str, float]:
    found: dict[str, dict[str, float]] = {}
    for what, priority, number in WAITED.findall(metrics):
        found.setdefault(priority, {})[what] = float(number)
    return {
        priority: round(1e3 * one["sum"] / one["count"], 1)
        for priority, one in found.items()
        if one["count"]
    }


def _figures(samples: _Samples, effort: Effort) -> tuple[Figure, ...]:
    rate = effort.outbound_jobs / effort.outbound_render_s
    how = (
        f"{effort.outbound_jobs} jobs in one worker, each second {rate:.1f} renders end and as "
        f"many orders come, for {effort.outbound_s:g} s, Telegram's simulator with its real "
        "limits; from the video in the worker's hands until the job is done"
    )
    return (
        Figure(
            name="outbound.delivery_p50_s",
            title=f"Delivery delay with {effort.outbound_jobs} jobs in flight, median",
            unit="s",
            values=tuple(samples.p50_s),
            how=f"{how}; {sum(samples.deliveries)} videos in all",
        ),
        Figure(
            name="outbound.delivery_p95_s",
            title=f"Delivery delay with {effort.outbound_jobs} jobs in flight, 95th percentile",
            unit="s",
            values=tuple(samples.p95_s),
            how=how,
            aim=Aim(Sense.AT_MOST, DELAY_AIM_S),
        ),
        Figure(
            name="outbound.progress_dropped",
            title="Progress edits of the worker dropped meanwhile",
            unit="edits",
            values=tuple(samples.dropped),
            how="from the start of the worker to the end of that time; the next edit tells of all",
        ),
        Figure(
            name="outbound.refused",
            title="Calls that Telegram refused with 429 meanwhile",
            unit="calls",
            values=tuple(samples.refused),
            how="counted by the simulator over bot and worker",
            aim=Aim(Sense.AT_MOST, 0.0),
        ),
    )
