"""Outbox on PostgreSQL: messages that were committed together with what they tell.

Any number of relays may work on it at once; a row is locked by one of them and deleted only after
the broker has stored its message, so a message may go out twice and never gets lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import load
from neurocards.domain.jobs import JobStatus
from neurocards.ports.queue import OutboxMessage, OverdueJob


class PostgresOutbox:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("outbox")

    async def relay(
        self,
        publish: Callable[[Sequence[OutboxMessage]], Awaitable[Collection[int]]],
        *,
        batch: int,
    ) -> int:
        async with self._database.transaction() as session:
            rows = await session.rows(self._statements["lock_messages"], batch)
            if not rows:
                return 0
            published = await publish(
                [OutboxMessage(row["id"], row["job_id"], row["pool"]) for row in rows]
            )
            await session.execute(self._statements["delete_messages"], list(published))
        return len(rows)

    async def enqueue_due(self, *, batch: int, unseen_s: float) -> int:
        statement = self._statements["enqueue_due"]
        return int(await self._database.value(statement, batch, unseen_s))

    async def enqueue_all(self, *, batch: int) -> int:
        moment: datetime | None = None
        enqueued = 0
        while True:
            row = await self._database.row(self._statements["enqueue_all"], moment, batch)
            count = 0 if row is None else int(row["jobs"])
            enqueued += count
            if row is None or count < batch:
                return enqueued
            moment = row["moment"]

    async def end_overdue(self, *, batch: int, grace_s: float) -> Sequence[OverdueJob]:
        rows = await self._database.rows(self._statements["end_overdue"], batch, grace_s)
        return [
            OverdueJob(
                job_id=row["id"],
                bot_id=row["bot_id"],
                chat_id=row["chat_id"],
                status_message_id=row["status_message_id"],
                language=row["language"],
            )
            for row in rows
        ]

    async def enqueue_untold(self, *, batch: int, after_s: float) -> int:
        statement = self._statements["enqueue_untold"]
        return int(await self._database.value(statement, batch, after_s))

    async def mark_told(self, job_ids: Collection[UUID]) -> int:
        return await self._database.execute(self._statements["mark_all_told"], list(job_ids))

    async def ensure_partitions(self) -> int:
        return int(await self._database.value(self._statements["ensure_partitions"]))

    async def forget_updates(self, *, older_than_s: float, batch: int) -> int:
        return await self._database.execute(self._statements["forget_updates"], older_than_s, batch)

    async def forget_inbound_buckets(self, *, batch: int) -> int:
        return await self._database.execute(self._statements["forget_inbound_buckets"], batch)

    async def forget_outbound_buckets(self, *, batch: int) -> int:
        return await self._database.execute(self._statements["forget_outbound_buckets"], batch)

    async def forget_drafts(self, *, older_than_s: float, batch: int) -> int:
        return await self._database.execute(self._statements["forget_drafts"], older_than_s, batch)

    async def forget_dialogues(self, *, older_than_s: float, batch: int) -> int:
        statement = self._statements["forget_dialogues"]
        return await self._database.execute(statement, older_than_s, batch)

    async def stray_jobs(self, *, count_max: int) -> int:
        return int(await self._database.value(self._statements["stray_jobs"], count_max))

    async def recent_jobs(self, *, since_s: float) -> Mapping[JobStatus, int]:
        rows = await self._database.rows(self._statements["recent_jobs"], since_s)
        return {JobStatus(row["status"]): row["jobs"] for row in rows}

    async def depth(self) -> tuple[int, float]:
        """Tell how many messages wait and how old the oldest is, in seconds."""
        row = await self._database.row(self._statements["outbox_depth"])
        return (0, 0.0) if row is None else (row["messages"], row["oldest_s"])
