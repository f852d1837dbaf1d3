"""Jobs per second through all states, with providers that answer at once.

The jobs are accepted and published before the worker starts; counted from the first claim to the
last delivery. Everything on the way is real: photo download and decoding, script, upload, order,
callback, download of the video, its delivery into the status message, the notice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from bench.accept import BARE_CONNECTIONS
from bench.clients import run_bare
from bench.effort import Effort
from bench.figures import Baseline, Check, Figure, Outcome
from bench.orders import OrderBook, PreparedOrder, upload_photo
from bench.seeds import accept_all
from bench.stage import Stage
from bench.statements import statement

CONCURRENCY = 100
RENDER_S = 0.5
"""Of the simulated provider: at once, but not before it has answered the order."""
DONE_WITHIN_S = 600.0
RELAYED_WITHIN_S = 60.0


@dataclass(slots=True)
class _Samples:
    jobs_per_s: list[float] = field(default_factory=list)
    cpu_ms_per_job: list[dict[str, float]] = field(default_factory=list)
    bare_jobs_per_s: list[float] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"throughput-{number}") as stage:
            await _run_once(stage, effort, f"throughput, run {number}", samples)
    return Outcome(
        figures=_figures(samples, effort),
        checks=tuple(samples.checks),
        details={"cpu_ms_per_job": samples.cpu_ms_per_job},
    )


async def _run_once(stage: Stage, effort: Effort, label: str, samples: _Samples) -> None:
    await stage.telegram()
    await stage.providers(render_s=RENDER_S)
    book = OrderBook(stage, photo_file_id=await upload_photo(stage))
    await stage.bot()
    orders = await book.prepare(effort.throughput_jobs)
    await accept_all(stage, orders)
    await _relayed(stage)
    before = stage.cpu_s()
    await stage.worker(concurrency=CONCURRENCY)
    rows = await _done(stage, orders)
    after = stage.cpu_s()
    seconds = _seconds(rows)
    samples.jobs_per_s.append(_done_jobs(rows) / seconds)
    samples.cpu_ms_per_job.append(
        {
            name: round((used - before.get(name, 0.0)) * 1e3 / len(orders), 1)
            for name, used in after.items()
        }
    )
    counters = await stage.get(f"{stage.programs['kie'].url}/sim/counters")
    samples.checks.append(_check(rows, counters, len(orders), label))
    await stage.stop("worker")
    await stage.stop("bot")
    samples.bare_jobs_per_s.append(await _bare(stage, effort, book))


async def _bare(stage: Stage, effort: Effort, book: OrderBook) -> float:
    job_ids = await accept_all(stage, await book.prepare(effort.bare_orders))
    settings = {
        "database_url": stage.database_url,
        "nats_url": stage.nats.url,
        "connections": BARE_CONNECTIONS,
        "concurrency": CONCURRENCY,
        "job_ids": [str(job_id) for job_id in job_ids],
    }
    result = await run_bare("drain", settings, stage.folder)
    return len(job_ids) / float(result["seconds"])


async def _relayed(stage: Stage) -> None:
    async with asyncio.timeout(RELAYED_WITHIN_S):
        while await stage.pool.fetchval(statement("count_outbox")):  # noqa: ASYNC110 - polls SQL
            await asyncio.sleep(0.1)


async def _done(stage: Stage, orders: Sequence[PreparedOrder]) -> list[asyncpg.Record]:
    first = min(order.tg_user_id for order in orders)
    deadline = time.monotonic() + DONE_WITHIN_S
    while True:
        rows = await stage.pool.fetch(statement("job_states"), first, len(orders))
        ended = sum(row["jobs"] for row in rows if row["status"] in {"done", "failed"})
        if ended == len(orders) or time.monotonic() > deadline:
            return rows
        await asyncio.sleep(0.2)


def _seconds(rows: Sequence[asyncpg.Record]) -> float:
    starts = [row["first_start"] for row in rows if row["first_start"]]
    ends = [row["last_end"] for row in rows if row["last_end"]]
    return float((max(ends) - min(starts)).total_seconds()) if ends else DONE_WITHIN_S


def _done_jobs(rows: Sequence[asyncpg.Record]) -> int:
    return sum(row["jobs"] for row in rows if row["status"] == "done")


def _check(
    rows: Sequence[asyncpg.Record], counters: Mapping[str, Any], count: int, label: str
) -> Check:
    at_first_try = sum(
        row["jobs"]
        for row in rows
        if (row["status"], row["attempt"], row["tries"]) == ("done", 1, 0)
    )
    states = ", ".join(
        f"{row['jobs']} {row['status']} (attempt {row['attempt']}, tries {row['tries']})"
        for row in rows
    )
    return Check(
        f"{label}: every job was delivered once with one order to the provider",
        at_first_try == count and counters["created"] == count,
        f"{states}; tasks created {counters['created']}",
    )


def _figures(samples: _Samples, effort: Effort) -> tuple[Figure, ...]:
    return (
        Figure(
            name="throughput.jobs_per_s",
            title="Jobs through all states in one worker, providers answering at once",
            unit="per s",
            values=tuple(samples.jobs_per_s),
            how=(
                f"{effort.throughput_jobs} accepted jobs, WORKER_CONCURRENCY={CONCURRENCY}; from "
                "the first claim to the last delivery; the simulators share the cores"
            ),
            baseline=Baseline(
                "bare asyncpg and nats-py: the same commits and acknowledgements of "
                f"{effort.bare_orders} jobs, no photo, no HTTP",
                tuple(samples.bare_jobs_per_s),
            ),
        ),
    )
