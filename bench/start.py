"""How soon the work starts: from the commit of an accepted order to its claim in the worker.

Presses come at a fixed rate; relay, NATS and worker carry each order on. What the worker does then
is held up at its first step: Telegram takes its time to hand the photo out. Otherwise two cores
would be busy with photos, and that is another figure.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import asyncpg

from bench.accept import bare_settings
from bench.clients import run_bare
from bench.effort import Effort
from bench.figures import Aim, Baseline, Check, Figure, Outcome, Sense, percentile
from bench.orders import OrderBook, PreparedOrder, confirm, upload_no_photo
from bench.stage import Program, Stage, cpu_shares
from bench.statements import statement

LATENCY_AIM_MS = 15.0
CONCURRENCY = 20_000
HELD_UP_S = 60.0
CLAIMED_WITHIN_S = 60.0
CLAIMED_EVENT = "job.claimed"


@dataclass(slots=True)
class _Samples:
    claimed_ms: list[list[float]] = field(default_factory=list)
    """From the commit until the worker says that it has the job."""
    claim_ms: list[list[float]] = field(default_factory=list)
    """From the commit until the claim reaches the database."""
    bare_ms: list[list[float]] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"start-{number}") as stage:
            await _run_once(stage, effort, f"start, run {number}", samples)
    return Outcome(
        figures=_figures(samples, effort),
        checks=tuple(samples.checks),
        details={"cpu_cores": samples.cpu},
    )


async def _run_once(stage: Stage, effort: Effort, label: str, samples: _Samples) -> None:
    telegram = await stage.telegram()
    await stage.providers(render_s=1.0)
    book = OrderBook(stage, photo_file_id=await upload_no_photo(stage))
    count = int(effort.start_rate_per_s * effort.start_s)
    warm_up, orders = await book.prepare(effort.warm_up_orders), await book.prepare(count)
    await stage.bot()
    worker = await stage.worker(concurrency=CONCURRENCY)
    await confirm(stage, warm_up, rate_per_s=effort.start_rate_per_s)
    await _reached(stage, warm_up, "finished_at")
    await _at_rest(stage)

    hold_up = {"method": "getFile", "times": count, "delay_s": HELD_UP_S}
    await stage.post(f"{telegram.url}/sim/faults", hold_up)
    before, began = stage.cpu_s(), time.monotonic()
    report = await confirm(stage, orders, rate_per_s=effort.start_rate_per_s)
    rows = await _reached(stage, orders, "started_at")
    samples.cpu.append(cpu_shares(before, stage.cpu_s(), time.monotonic() - began))
    await stage.stop("worker")
    await stage.stop("bot")

    claimed_at = await asyncio.to_thread(_claims_in_log, worker)
    samples.claim_ms.append([_ms(row["committed_at"], row["started_at"]) for row in rows])
    samples.claimed_ms.append(
        [
            _ms(row["committed_at"], claimed_at[str(row["id"])])
            for row in rows
            if str(row["id"]) in claimed_at
        ]
    )
    samples.checks.append(_check(rows, claimed_at, count, all_ok=report.all_ok, label=label))

    orders = await book.prepare(count)
    settings = bare_settings(stage, orders, effort.start_rate_per_s)
    samples.bare_ms.append((await run_bare("pipeline", settings, stage.folder))["latencies_ms"])


async def _reached(
    stage: Stage, orders: Sequence[PreparedOrder], moment: str
) -> list[asyncpg.Record]:
    """Wait until every order has this moment; give the moments of those that have it."""
    first = min(order.tg_user_id for order in orders)
    deadline = time.monotonic() + CLAIMED_WITHIN_S
    while True:
        rows = await stage.pool.fetch(statement("work_starts"), first, len(orders))
        reached = [row for row in rows if row[moment] is not None]
        if len(reached) == len(orders) or time.monotonic() > deadline:
            return reached
        await asyncio.sleep(0.2)


async def _at_rest(stage: Stage) -> None:
    """Wait until the worker has said everything that is to be said of its jobs."""
    async with asyncio.timeout(CLAIMED_WITHIN_S):
        while (await stage.consumer())["num_ack_pending"]:  # noqa: ASYNC110 - polls the broker
            await asyncio.sleep(0.2)


def _claims_in_log(worker: Program) -> Mapping[str, datetime]:
    """Read from the worker's log when it had each job in its hands first."""
    moments: dict[str, datetime] = {}
    with worker.log_path.open(encoding="utf-8") as lines:
        for line in lines:
            if CLAIMED_EVENT in line:
                entry = json.loads(line)
                moments.setdefault(entry["job_id"], datetime.fromisoformat(entry["timestamp"]))
    return moments


def _ms(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds() * 1e3


def _check(
    rows: Sequence[asyncpg.Record],
    claimed_at: Mapping[str, datetime],
    count: int,
    *,
    all_ok: bool,
    label: str,
) -> Check:
    logged = sum(str(row["id"]) in claimed_at for row in rows)
    once = sum(row["attempt"] == 1 for row in rows)
    return Check(
        f"{label}: every order was claimed exactly once",
        all_ok and len(rows) == logged == once == count,
        f"orders {count}, claimed {len(rows)}, in the worker's log {logged}, once {once}",
    )


def _figures(samples: _Samples, effort: Effort) -> tuple[Figure, ...]:
    rate = f"{effort.start_rate_per_s:g}/s"
    how = (
        f"{rate} for {effort.start_s:g} s; from the server's commit timestamp of the acceptance to "
        "the moment at which the worker logs that its claim is committed; one clock, one machine"
    )
    what = "bare asyncpg and nats-py in one process: commit, publish, fetch, claim"
    claim_how = "the same, to the claim's own time in the database (one round trip less)"

    def figure(
        share: float, name: str, title: str, runs: Sequence[Sequence[float]], text: str
    ) -> Figure:
        return Figure(
            name=f"start.{name}_ms",
            title=f"{title} at {rate}, {'median' if share == 0.5 else '99th percentile'}",
            unit="ms",
            values=tuple(percentile(values, share) for values in runs),
            how=text,
            aim=Aim(Sense.AT_MOST, LATENCY_AIM_MS) if name == "p99" else None,
            baseline=Baseline(what, tuple(percentile(values, share) for values in samples.bare_ms)),
        )

    title = "Commit of the order to start of work"
    return (
        figure(0.5, "p50", title, samples.claimed_ms, how),
        figure(0.99, "p99", title, samples.claimed_ms, how),
        figure(0.5, "claim_p50", "Commit of the order to its claim", samples.claim_ms, claim_how),
        figure(0.99, "claim_p99", "Commit of the order to its claim", samples.claim_ms, claim_how),
    )
