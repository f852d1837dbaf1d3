"""`neurocards ops capacity`: how many orders a number of workers carries, and out of what."""

from __future__ import annotations

from typing import Annotated

import typer

from neurocards.domain.capacity import PLANNED_JOB_S, capacity, slots_needed
from neurocards.ops.bench import Bench, OutputOption, with_database
from neurocards.ops.periods import period_s, shown
from neurocards.ops.sheets import Output, Row, Sheet, facts, show

DOCUMENTED_REPLICAS = (20, 50, 100)
Replicas = Annotated[
    list[int] | None, typer.Option(min=1, max=100_000, help="May be repeated; 20, 50, 100.")
]
JobsPerReplica = Annotated[
    int, typer.Option(min=1, max=20_000, help="Jobs that one worker carries: WORKER_CONCURRENCY.")
]
JobTime = Annotated[
    str, typer.Option(help="From claim to delivery; 6m is what is planned with.", metavar="PERIOD")
]


def show_capacity(
    *,
    replicas: Replicas = None,
    jobs_per_replica: JobsPerReplica = 1,
    job_time: JobTime = "6m",
    measured: Annotated[
        str | None,
        typer.Option(
            help="Take the time of a job from the orders of this PERIOD.", metavar="PERIOD"
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Orders per hour, per evening peak (2 h) and per day at full load, without any queueing."""
    job_s, work = round(period_s(job_time)), None
    if measured is not None:
        work = _recent_work(period_s(measured))
        job_s = round(work["job_s_mean"]) or PLANNED_JOB_S
    if job_s < 1:
        raise typer.BadParameter("a job takes time")
    rows = [_row(count, jobs_per_replica, job_s) for count in replicas or DOCUMENTED_REPLICAS]
    inputs = {"job_s": job_s, "jobs_per_replica": jobs_per_replica, "peak_s": 7200}
    sheets = [facts("inputs", inputs), Sheet("capacity", rows)]
    if work is not None and measured is not None:
        sheets.append(facts(f"measured_{shown(period_s(measured))}", _used(work, measured)))
    show(output, *sheets)


def _row(replicas: int, jobs_per_replica: int, job_s: int) -> Row:
    carried = capacity(replicas, jobs_per_replica=jobs_per_replica, job_s=job_s)
    return {
        "replicas": replicas,
        "slots": carried.slots,
        "orders_per_hour": carried.per_hour,
        "orders_per_peak": carried.per_peak,
        "orders_per_day": carried.per_day,
        "per_slot_and_day": carried.per_slot_and_day,
    }


def _recent_work(since_s: float) -> Row:
    async def look(bench: Bench) -> Row:
        return await bench.overviews.recent_work(since_s=since_s)

    return with_database(look)


def _used(work: Row, measured: str) -> Row:
    """Say what the orders of the period would have needed, evenly spread."""
    period = round(period_s(measured))
    job_s = round(work["job_s_mean"]) or PLANNED_JOB_S
    needed = slots_needed(work["accepted"], period, job_s=job_s) if period else 0
    return {**work, "slots_needed_on_average": needed}
