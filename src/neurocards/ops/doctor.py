"""`neurocards ops doctor`: looks at everything that must be right, and says what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from prometheus_client import CollectorRegistry

from neurocards.errors import ConfigurationError, NeurocardsError
from neurocards.migrate import Migrator, migrations_folder, read_migrations
from neurocards.ops.bench import EXIT_FAILED, Bench, OutputOption, opened
from neurocards.ops.findings import (
    BrokerFacts,
    CrewFacts,
    Finding,
    Level,
    broker_findings,
    credit_findings,
    database_findings,
    key_findings,
    queue_findings,
    schema_findings,
    worker_findings,
)
from neurocards.ops.settings import OpsSettings, load
from neurocards.ops.sheets import Output, Sheet, show
from neurocards.telemetry.metrics import CommonMetrics

if TYPE_CHECKING:
    from neurocards.adapters.nats.stream import JobStream

CREDITS_TIMEOUT_S = 60.0
NATS_NAME = "neurocards-ops"


def doctor(
    *,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How many there should be; by default what the operator decided last, or one.",
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Settings, schema, database, credits, NATS, stream, keys, workers. Exit code 1 on a FAIL."""
    findings = asyncio.run(examine(workers=workers))
    show(output, Sheet("doctor", [finding.row() for finding in findings]))
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(EXIT_FAILED)


async def examine(*, workers: int | None = None) -> list[Finding]:
    """Look at everything; what cannot be reached is a finding, never an error."""
    try:
        settings = load()
    except ConfigurationError as error:
        return [
            Finding(Level.FAIL, "settings", fault, "docs/settings.md")
            for fault in str(error).splitlines()
        ]
    found = [Finding(Level.OK, "settings", "can be read")]
    is_up = "is it up, and is {} right?".format
    address = is_up("NEUROCARDS_DATABASE_URL or DB_HOST")
    found += await _guarded("database", lambda: _of_database(settings), address)
    has_tables = not _has_failed(found, "schema", "database")
    if has_tables:
        again = "look again when PostgreSQL has less to do"
        found += await _guarded("credits", lambda: _of_credits(settings), again)
    address = is_up("NEUROCARDS_NATS_URL")
    found += await _guarded("nats", lambda: _of_broker(settings), address)
    if has_tables and not _has_failed(found, "nats", "stream"):
        found += await _guarded("workers", lambda: _of_workers(settings, workers), address)
    return found


def _has_failed(found: Sequence[Finding], *subjects: str) -> bool:
    return any(one.level is Level.FAIL and one.subject in subjects for one in found)


async def _guarded(
    subject: str, look: Callable[[], Awaitable[list[Finding]]], remedy: str
) -> list[Finding]:
    try:
        return await look()
    except NeurocardsError as error:
        return [Finding(Level.FAIL, subject, str(error), remedy)]


async def _of_database(settings: OpsSettings) -> list[Finding]:
    migrator = Migrator(settings.database.dsn, read_migrations(migrations_folder()))
    comparison = await migrator.compare()
    schema = list(
        schema_findings(
            schema_version=comparison.schema_version,
            program_version=comparison.program_version,
            faults=comparison.faults,
        )
    )
    if any(finding.level is Level.FAIL for finding in schema):
        return schema
    async with opened(settings) as bench:
        return [*schema, *[finding async for finding in _of_tables(bench)]]


async def _of_tables(bench: Bench) -> AsyncIterator[Finding]:
    operating, overviews = bench.settings.operating, bench.overviews
    facts = await overviews.database_facts()
    for finding in database_findings(facts, datetime.now(UTC)):
        yield finding
    for finding in queue_findings(await overviews.queue_now()):
        yield finding
    keys = await overviews.keys(window_s=operating.ops_window_s, limit=operating.ops_window_limit)
    configured = {key.fingerprint: key.account for key in bench.settings.keys}
    for finding in key_findings(keys, configured):
        yield finding


async def _of_credits(settings: OpsSettings) -> list[Finding]:
    # It reads every booking that was ever made.
    async with opened(settings, statement_timeout_s=CREDITS_TIMEOUT_S) as bench:
        return list(credit_findings(await bench.overviews.credit_faults()))


async def _of_workers(settings: OpsSettings, expected: int | None) -> list[Finding]:
    pool = settings.broker.pool
    async with opened(settings) as bench:
        crew = await bench.overviews.crew(pool)
    async with _stream(settings) as stream:
        asking = await stream.asking(pool)
    return list(worker_findings(CrewFacts(asking=asking, expected=expected, **crew)))


async def _of_broker(settings: OpsSettings) -> list[Finding]:
    async with _stream(settings) as stream:
        pool = settings.broker.pool
        changes = await stream.differences(pool)
        waiting, held = (0, 0) if changes.consumer is None else await stream.backlog(pool)
    return list(broker_findings(BrokerFacts(changes.stream, changes.consumer, waiting, held)))


@asynccontextmanager
async def _stream(settings: OpsSettings) -> AsyncIterator[JobStream]:
    # Imported where it is used: the client of NATS takes longer than all other commands together.
    from neurocards.adapters.nats.connection import NatsConnection  # noqa: PLC0415
    from neurocards.adapters.nats.stream import JobStream  # noqa: PLC0415

    metrics = CommonMetrics(CollectorRegistry())
    async with NatsConnection(settings.broker, name=NATS_NAME, metrics=metrics) as connection:
        yield JobStream(
            connection,
            settings.broker,
            ack_wait_s=settings.timings.ack_wait_s,
            metrics=metrics,
        )
