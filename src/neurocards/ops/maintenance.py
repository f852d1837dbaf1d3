"""`neurocards ops db`, `maintenance`, `operations` and `recover`: the database and its upkeep."""

from __future__ import annotations

from typing import Annotated

import typer

from neurocards.adapters.postgres import PostgresOutbox
from neurocards.ops.bench import (
    LONG_STATEMENT_S,
    Bench,
    OutputOption,
    refuse,
    with_database,
)
from neurocards.ops.jobs import OlderThan, requeued_sheet
from neurocards.ops.periods import period_s
from neurocards.ops.sheets import Output, Row, Sheet, facts, show

WEEK_S = 7 * 24 * 3600.0
MONTH_S = 30 * 24 * 3600.0
TABLES_MAX = 12
HOURS_MAX = 5
KEY_EVENTS_KEPT_S = WEEK_S
"""S0-44. They are the only events that are stored, and no key is blocked for longer than a day."""

database = typer.Typer(no_args_is_help=True, help="The database.")
maintenance = typer.Typer(
    no_args_is_help=True,
    help="What is to be done now and then; the chart's CronJobs call it.",
    epilog="Example: neurocards ops maintenance weekly",
)


@database.command(epilog="Example: neurocards ops db status")
def status(*, output: OutputOption = Output.TABLE) -> None:
    """Version, size, connections, schema, and the largest tables with what is dead in them."""

    async def look(bench: Bench) -> list[Sheet]:
        return await database_sheets(bench)

    show(output, *with_database(look))


@maintenance.command(epilog="Example: neurocards ops maintenance weekly --output json")
def weekly(*, output: OutputOption = Output.TABLE) -> None:
    """Make partitions, forget events of keys after 7 days, report sizes and the week's failures."""

    async def keep(bench: Bench) -> list[Sheet]:
        made = await PostgresOutbox(bench.database).ensure_partitions()
        forgotten = await bench.operations.forget_key_events(older_than_s=KEY_EVENTS_KEPT_S)
        await bench.operations.note("maintenance.weekly", {}, f"{made} partitions")
        failures = list(await bench.overviews.failed_jobs(since_s=WEEK_S))
        done = {"partitions_made": made, "key_events_forgotten": forgotten}
        return [
            facts("done", done),
            Sheet("failed_within_7d", failures, empty="no order failed"),
            *await database_sheets(bench),
        ]

    show(output, *with_database(keep, statement_timeout_s=LONG_STATEMENT_S))


@maintenance.command(epilog="Example: neurocards ops maintenance monthly")
def monthly(*, output: OutputOption = Output.TABLE) -> None:
    """VACUUM and ANALYZE every table; report the work of 30 days and the replicas decided for it.

    Often at the maximum: it is too small. Always at the base with few jobs at once: too large.
    """

    async def keep(bench: Bench) -> list[Sheet] | None:
        tables = await bench.operations.tidy_up()
        await bench.operations.note("maintenance.monthly", {}, f"{tables} tables")
        if not tables:
            return None
        work = await bench.overviews.recent_work(since_s=MONTH_S)
        used = {**work, "slots_busy_on_average": round(work["work_s"] / MONTH_S, 2)}
        hours = list(await bench.overviews.busiest_hours(since_s=MONTH_S, limit=HOURS_MAX))
        scaling = list(await bench.overviews.scaling_use(since_s=MONTH_S))
        return [
            facts("done", {"tables_tidied_up": tables}),
            facts("used_within_30d", used),
            Sheet("replicas_within_30d", scaling, empty="the operator decided nothing"),
            Sheet("busiest_hours", hours, empty="no order"),
        ]

    sheets = with_database(keep, statement_timeout_s=LONG_STATEMENT_S)
    if sheets is None:
        raise refuse(
            "this login may tidy up no table: log in as the owner of the schema "
            "(neurocards_migrate); neurocards_ops may from PostgreSQL 17 on"
        )
    show(output, *sheets)


def recover(*, older_than: OlderThan = "30m", output: OutputOption = Output.TABLE) -> None:
    """After an outage: take stuck jobs from their workers and announce all that is due again.

    Nothing has to be stopped for it, and it can be repeated.
    """
    older_than_s = period_s(older_than)

    async def again(bench: Bench) -> list[Sheet]:
        made = await PostgresOutbox(bench.database).ensure_partitions()
        requeued = list(await bench.operations.requeue_stuck(older_than_s=older_than_s))
        announced = await bench.operations.republish_due()
        done = {"partitions_made": made, "announced_again": announced, "requeued": len(requeued)}
        return [facts("done", done), requeued_sheet(requeued)]

    show(output, *with_database(again))


def record(
    *,
    tail: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    output: OutputOption = Output.TABLE,
) -> None:
    """Who did what by hand, and what came of it. Nobody can change these rows."""

    async def look(bench: Bench) -> list[Row]:
        return list(await bench.overviews.recent_operations(limit=tail))

    show(output, Sheet("operations", with_database(look), empty="nothing was done by hand"))


async def database_sheets(bench: Bench) -> list[Sheet]:
    found = await bench.overviews.database_facts()
    tables = list(await bench.overviews.table_sizes(limit=TABLES_MAX))
    return [facts("database", found), Sheet("largest_tables", tables)]
