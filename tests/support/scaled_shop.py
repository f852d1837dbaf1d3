"""Orders in a real database and a real stream, as the operator sees them come and go."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.hints import NatsHints
from neurocards.adapters.nats.publisher import NatsPublisher
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.nats.subjects import STREAM
from neurocards.adapters.postgres import Database, PostgresOutbox
from neurocards.adapters.waking_publisher import WakingPublisher
from neurocards.domain.identifiers import uuid7
from neurocards.ports.scaling import scaling_subject
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.world import drafted
from support.postgres_world import PostgresWorld
from support.statements import load

POOL = "default"
_numbers = itertools.count(1)


class ScaledShop:
    def __init__(
        self, database: Database, pool: asyncpg.Pool, connection: NatsConnection, stream: JobStream
    ) -> None:
        self.world = PostgresWorld(database, pool)
        self.pool = pool
        self._statements = load("scaling")
        self._outbox = PostgresOutbox(database)
        self._connection = connection
        self._hints = NatsHints(connection)
        metrics = CommonMetrics(CollectorRegistry())
        self._publisher = WakingPublisher(NatsPublisher(connection, stream, metrics), self._hints)

    async def is_connected(self) -> bool:
        return self._connection.is_connected

    async def order(self, count: int) -> list[UUID]:
        """Accept orders and relay them all, as the bot does."""
        job_ids = []
        for _ in range(count):
            number = next(_numbers)
            request = await drafted(self.world, user_id=9000 + number)
            request = replace(request, job_id=uuid7(datetime.now(UTC), number << 60), pool=POOL)
            await self.world.orders.accept(request)
            job_ids.append(request.job_id)
        while await self._outbox.relay(self._publisher.publish, batch=500):
            pass
        return job_ids

    async def claim(self, job_ids: list[UUID], *, worker: str) -> None:
        for job_id in job_ids:
            await self.world.jobs.claim(job_id, worker=worker, lease_s=600)

    async def end(self, job_ids: list[UUID]) -> None:
        """End these jobs; their messages stay, since a few are no contradiction."""
        await self.pool.execute(self._statements["end_these"], job_ids)
        await self._hints.announce(scaling_subject(POOL))

    async def forget_jobs(self) -> None:
        """End every job in the database alone: the stream goes on holding their messages."""
        await self.pool.execute(self._statements["end_jobs"])

    async def end_all(self) -> None:
        """End every job and its message, and say so, as the workers do."""
        await self.pool.execute(self._statements["end_jobs"])
        await self._connection.client.jetstream().purge_stream(STREAM)
        await self._hints.announce(scaling_subject(POOL))


@asynccontextmanager
async def open_shop(
    database: Database, pool: asyncpg.Pool, nats_url: str
) -> AsyncIterator[ScaledShop]:
    broker = Broker.model_validate({"nats_url": nats_url})
    metrics = CommonMetrics(CollectorRegistry())
    async with NatsConnection(broker, name="shop", metrics=metrics) as connection:
        stream = JobStream(connection, broker, ack_wait_s=60, metrics=metrics)
        await stream.ensure_consumer(POOL)
        yield ScaledShop(database, pool, connection, stream)
