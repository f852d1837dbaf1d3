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
    PostgresOutbox,
    PostgresTemplateStore,
)
from neurocards.domain.jobs import JobStatus
from neurocards.ports.jobs import JobStore, KeyStore, TemplateStore
from neurocards.ports.orders import DialogueStore, OrderStore
from neurocards.ports.queue import Outbox
from neurocards.testing.world import Booked, StoredJob

_MOVE_INTO_THE_PAST = (
    """
    UPDATE jobs SET
        created_at = created_at - $1::interval, deadline_at = deadline_at - $1::interval,
        enqueued_at = enqueued_at - $1::interval, lease_until = lease_until - $1::interval,
        retry_at = retry_at - $1::interval, submitted_at = submitted_at - $1::interval,
        undelivered_at = undelivered_at - $1::interval
    """,
    "UPDATE updates SET received_at = received_at - $1::interval",
    "UPDATE provider_keys SET blocked_until = blocked_until - $1::interval",
    "UPDATE provider_accounts SET takes = array(SELECT t - $1::interval FROM unnest(takes) t)",
)


class PostgresWorld:
    """Time passes by moving every stored moment into the past: the server keeps its own clock."""

    def __init__(self, database: Database, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.jobs: JobStore = PostgresJobStore(database)
        self.keys: KeyStore = PostgresKeyStore(database)
        self.templates: TemplateStore = PostgresTemplateStore(database)
        self.orders: OrderStore = PostgresOrderStore(database)
        self.dialogues: DialogueStore = PostgresDialogueStore(database, locks=database)
        self.outbox: Outbox = PostgresOutbox(database)

    async def pass_time(self, seconds: float) -> None:
        shift = timedelta(seconds=seconds)
        for statement in _MOVE_INTO_THE_PAST:
            await self.pool.execute(statement, shift)

    async def ledger(self) -> list[Booked]:
        rows = await self.pool.fetch("SELECT account, amount, key FROM ledger ORDER BY id")
        return [Booked(*row) for row in rows]

    async def stored(self, job_id: UUID) -> StoredJob:
        row = await self.pool.fetchrow(
            "SELECT status, attempt, tries, orphans, error_class, error_text FROM jobs "
            "WHERE id = $1",
            job_id,
        )
        assert row is not None
        return StoredJob(JobStatus(row["status"]), *tuple(row)[1:])
