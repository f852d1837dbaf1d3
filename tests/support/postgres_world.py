"""All stores on a real PostgreSQL, as the contract suites and the job machine see them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import asyncpg

from neurocards.adapters.postgres import (
    Database,
    PostgresDialogueStore,
    PostgresJobStore,
    PostgresKeyStore,
    PostgresOrderStore,
    PostgresOutboundBuckets,
    PostgresOutbox,
    PostgresTemplateStore,
)
from neurocards.domain.jobs import JobStatus
from neurocards.ports.jobs import JobStore, KeyStore, TemplateStore
from neurocards.ports.orders import DialogueStore, OrderStore
from neurocards.ports.outbound import OutboundBuckets
from neurocards.ports.queue import Outbox
from neurocards.testing.world import Booked, StoredJob
from support.statements import load

MOVING = ("jobs", "updates", "drafts", "dialogues", "buckets", "outbound", "keys", "windows")


class PostgresWorld:
    """Time passes by moving every stored moment into the past: the server keeps its own clock."""

    def __init__(self, database: Database, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._statements = load("world")
        self.jobs: JobStore = PostgresJobStore(database)
        self.keys: KeyStore = PostgresKeyStore(database)
        self.templates: TemplateStore = PostgresTemplateStore(database)
        self.orders: OrderStore = PostgresOrderStore(database)
        self.dialogues: DialogueStore = PostgresDialogueStore(database, locks=database)
        self.outbox: Outbox = PostgresOutbox(database)
        self.outbound: OutboundBuckets = PostgresOutboundBuckets(database)

    async def pass_time(self, seconds: float) -> None:
        shift = timedelta(seconds=seconds)
        for what in MOVING:
            await self.pool.execute(self._statements[f"move_{what}"], shift)

    async def ledger(self) -> list[Booked]:
        rows = await self.pool.fetch(self._statements["ledger"])
        return [Booked(*row) for row in rows]

    async def stored(self, job_id: UUID) -> StoredJob:
        row = await self.pool.fetchrow(self._statements["stored_job"], job_id)
        assert row is not None
        return StoredJob(JobStatus(row["status"]), *tuple(row)[1:])

    async def spoil_order(self, job_id: UUID) -> None:
        await self.pool.execute(self._statements["spoil_order"], job_id)
