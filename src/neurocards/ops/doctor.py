"""`neurocards ops doctor`: looks at everything that must be right, and says what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from prometheus_client import CollectorRegistry

from neurocards.errors import ConfigurationError, NeurocardsError
from neurocards.migrate import Migrator, migrations_folder, read_migrations
from neurocards.ops.bench import EXIT_FAILED, Bench, OutputOption, opened
from neurocards.ops.findings import (
    BrokerFacts,
    Finding,
    Level,
    broker_findings,
    database_findings,
    key_findings,
    queue_findings,
    schema_findings,
)
from neurocards.ops.settings import OpsSettings, load
from neurocards.ops.sheets import Output, Sheet, show
from neurocards.telemetry.metrics import CommonMetrics

if TYPE_CHECKING:
    from neurocards.adapters.nats.stream import JobStream

NATS_NAME = "neurocards-ops"


def doctor(*, output: OutputOption = Output.TABLE) -> None:
    """Settings, database, schema, NATS, stream, keys, partitions, clocks. Exit code 1 on a FAIL."""
    findings = asyncio.run(examine())
    show(output, Sheet("doctor", [finding.row() for finding in findings]))
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(EXIT_FAILED)


async def examine() -> list[Finding]:
    """Look at everything; what cannot be reached is a finding, never an error."""
    try:
        settings = load()
    except ConfigurationError as error:
        return [
            Finding(Level.FAIL, "settings", fault, "docs/settings.md")
            for fault in str(error).splitlines()
        ]
    found = [Finding(Level.OK, "settings", "can be read")]
    address = "NEUROCARDS_DATABASE_URL or DB_HOST"
    found += await _guarded("database", lambda: _of_database(settings), address)
    found += await _guarded("nats", lambda: _of_broker(settings), "NEUROCARDS_NATS_URL")
    return found


async def _guarded(
    subject: str, look: Callable[[], Awaitable[list[Finding]]], names: str
) -> list[Finding]:
    try:
        return await look()
    except NeurocardsError as error:
        return [Finding(Level.FAIL, subject, str(error), f"is it up, and is {names} right?")]


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
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            NatsConnection(settings.broker, name=NATS_NAME, metrics=metrics)
        )
        yield JobStream(
            connection,
            settings.broker,
            ack_wait_s=settings.timings.ack_wait_s,
            metrics=metrics,
        )
