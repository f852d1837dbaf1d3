"""Ten thousand jobs that wait for the provider in one worker process.

They come to it as from a worker that handed them over: script written, render ordered, lease free.
The worker claims and watches all of them, renews their leases, keeps their messages and looks at
their renders, in the first run for longer than a lease lasts. At the end it is told to stop and
hands them on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from bench.clients import run_client
from bench.effort import Effort
from bench.figures import Aim, Baseline, Check, Figure, Outcome, Sense
from bench.orders import OrderBook, upload_photo
from bench.procfs import Memory
from bench.seeds import wait_for_renders
from bench.stage import Program, Stage, cpu_shares
from bench.statements import statement

KIB_PER_JOB_AIM = 40.0
RENDER_S = 100_000.0
IDLE_S = 5.0
CLAIMED_WITHIN_S = 180.0
BEAT_S = 20.0
SAMPLE_S = 5.0
KIB = 1024


@dataclass(slots=True)
class _Samples:
    rss_kib_per_job: list[float] = field(default_factory=list)
    pss_kib_per_job: list[float] = field(default_factory=list)
    claims_per_s: list[float] = field(default_factory=list)
    handover_s: list[float] = field(default_factory=list)
    worker_cores: list[float] = field(default_factory=list)
    bare_rss_kib_per_job: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"inflight-{number}") as stage:
            hold_s = effort.inflight_hold_s if number == 1 else effort.inflight_hold_again_s
            await _run_once(stage, effort, f"in flight, run {number}", samples, hold_s=hold_s)
    return Outcome(
        figures=_figures(samples, effort),
        checks=tuple(samples.checks),
        details={"cpu_cores": samples.cpu},
    )


async def _run_once(
    stage: Stage, effort: Effort, label: str, samples: _Samples, *, hold_s: float
) -> None:
    jobs = effort.inflight_jobs
    await stage.telegram()
    await stage.providers(render_s=RENDER_S)
    book = OrderBook(stage, photo_file_id=await upload_photo(stage))
    worker = await stage.worker(concurrency=jobs)
    await asyncio.sleep(min(IDLE_S, hold_s))
    idle = worker.memory()
    job_ids = await wait_for_renders(stage, await book.prepare(jobs))

    began = time.monotonic()
    await stage.bot()
    await _claimed(stage, job_ids)
    samples.claims_per_s.append(jobs / (time.monotonic() - began))

    before, began = stage.cpu_s(), time.monotonic()
    held = await _hold(worker, hold_s)
    shares = cpu_shares(before, stage.cpu_s(), time.monotonic() - began)
    samples.cpu.append(shares)
    samples.worker_cores.append(shares["worker"])
    samples.rss_kib_per_job.append((held.rss - idle.rss) / jobs / KIB)
    samples.pss_kib_per_job.append((held.pss - idle.pss) / jobs / KIB)
    samples.checks.append(await _check(stage, job_ids, label))

    began = time.monotonic()
    await stage.stop("worker")
    samples.handover_s.append(time.monotonic() - began)
    await stage.stop("bot")
    samples.bare_rss_kib_per_job.append(await _bare(stage, jobs))


async def _claimed(stage: Stage, job_ids: Sequence[UUID]) -> None:
    deadline = time.monotonic() + CLAIMED_WITHIN_S
    while time.monotonic() < deadline:
        row = await stage.pool.fetchrow(statement("flight_states"), job_ids)
        if row is not None and row["held"] == len(job_ids):
            return
        await asyncio.sleep(0.1)


async def _hold(worker: Program, hold_s: float) -> Memory:
    """Let it wait, and give the most memory that it had in the meantime."""
    until = time.monotonic() + hold_s
    most = worker.memory()
    while time.monotonic() < until:
        await asyncio.sleep(min(SAMPLE_S, hold_s))
        now = worker.memory()
        most = now if now.rss > most.rss else most
    return most


async def _check(stage: Stage, job_ids: Sequence[UUID], label: str) -> Check:
    row = await stage.pool.fetchrow(statement("flight_states"), job_ids)
    found: Mapping[str, int] = dict(row or {})
    consumer = await stage.consumer()
    jobs = len(job_ids)
    seen = {
        **found,
        "unacknowledged": consumer["num_ack_pending"],
        "redelivered": consumer["num_redelivered"],
        "waiting": consumer["num_pending"],
    }
    wanted = {
        **dict.fromkeys(("held", "claimed_once", "rendering", "unacknowledged"), jobs),
        **dict.fromkeys(("claimed_again", "redelivered", "waiting"), 0),
    }
    detail = ", ".join(f"{name} {count}" for name, count in seen.items())
    return Check(
        f"{label}: {jobs} jobs claimed once each, none redelivered", seen == wanted, detail
    )


async def _bare(stage: Stage, jobs: int) -> float:
    settings = {
        "database_url": stage.database_url,
        "nats_url": stage.nats.url,
        "count": jobs,
        "beat_s": BEAT_S,
        "hold_s": min(BEAT_S, 0.2 * BEAT_S + jobs / 1000),
    }
    path = stage.folder / "bare-hold.json"
    await asyncio.to_thread(path.write_text, json.dumps(settings))
    found = await run_client("bench.bare_hold", str(path))
    return float(found["held"]["rss"] - found["idle"]["rss"]) / jobs / KIB


def _figures(samples: _Samples, effort: Effort) -> tuple[Figure, ...]:
    jobs = effort.inflight_jobs
    held = f"{jobs} jobs waiting {effort.inflight_hold_s:g} s in one worker process"
    if effort.runs > 1:
        held += f" ({effort.inflight_hold_again_s:g} s in the runs after the first)"
    return (
        Figure(
            name="inflight.rss_kib_per_job",
            title=f"Memory (RSS) of a job in flight, {jobs} in one process",
            unit="KiB",
            values=tuple(samples.rss_kib_per_job),
            how=f"{held}: the most RSS seen, over the same process idle, divided by the jobs",
            aim=Aim(Sense.AT_MOST, KIB_PER_JOB_AIM),
            baseline=Baseline(
                "bare nats-py keeping as many messages, a task with a beat for each",
                tuple(samples.bare_rss_kib_per_job),
            ),
        ),
        Figure(
            name="inflight.pss_kib_per_job",
            title="The same as PSS, which shares out what processes map together",
            unit="KiB",
            values=tuple(samples.pss_kib_per_job),
            how=f"{held}, PSS in the place of RSS",
        ),
        Figure(
            name="inflight.worker_cores",
            title=f"CPU of the worker while {jobs} jobs wait",
            unit="cores",
            values=tuple(samples.worker_cores),
            how=f"{held}: CPU seconds of the process by the clock; looks at renders every 30-60 s",
        ),
        Figure(
            name="inflight.claims_per_s",
            title=f"Taking over {jobs} jobs",
            unit="per s",
            values=tuple(samples.claims_per_s),
            how="from the start of a bot, whose relay finds them, until every job is held",
        ),
        Figure(
            name="inflight.handover_s",
            title=f"Handing {jobs} jobs on when told to stop",
            unit="s",
            values=tuple(samples.handover_s),
            how="from SIGTERM to the end of the process, every lease released",
            aim=Aim(Sense.AT_MOST, 5.0),
        ),
    )
