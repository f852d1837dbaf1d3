"""Outbox in memory: what is being published by one relay is not seen by another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from neurocards.domain.failures import FailureClass
from neurocards.domain.jobs import JobStatus
from neurocards.domain.outbound import WHOLE_BOT
from neurocards.ports.queue import OutboxMessage, OverdueJob
from neurocards.testing.database import JobRecord, MemoryDatabase


class MemoryOutbox:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def relay(
        self,
        publish: Callable[[Sequence[OutboxMessage]], Awaitable[Collection[int]]],
        *,
        batch: int,
    ) -> int:
        locked = self._database.outbox[:batch]
        if not locked:
            return 0
        del self._database.outbox[:batch]
        published: Collection[int] = ()
        try:
            published = await publish(locked)
        finally:
            kept = [message for message in locked if message.id not in published]
            self._database.outbox[:0] = kept
        return len(locked)

    async def enqueue_due(self, *, batch: int, unseen_s: float) -> int:
        now = self._database.clock.now()
        unseen, longest = timedelta(seconds=unseen_s), timedelta(seconds=10 * unseen_s)
        due = [
            record
            for record in self._unfinished()
            if record.due_at <= now
            and (
                record.enqueued_at < record.due_at
                or now - record.enqueued_at >= max(unseen, min(longest, (now - record.due_at) / 2))
            )
        ][:batch]
        for record in due:
            self._database.announce(record)
        return len(due)

    async def enqueue_all(self, *, batch: int) -> int:  # noqa: ARG002 - a list is one batch
        now = self._database.clock.now()
        due = [r for r in self._unfinished() if r.retry_at is None or r.retry_at <= now]
        for record in due:
            self._database.announce(record)
        return len(due)

    async def end_overdue(self, *, batch: int, grace_s: float) -> Sequence[OverdueJob]:
        latest = self._database.clock.now() - timedelta(seconds=grace_s)
        overdue = [
            record
            for record in self._unfinished()
            if record.status is JobStatus.QUEUED
            and record.deadline_at <= latest
            and record.task is None
            and not record.submissions
            and record.delivery_began_at is None
        ][:batch]
        for record in overdue:
            self._database.end(record, JobStatus.FAILED)
            self._database.refund(record)
            record.error_class, record.error_code = FailureClass.RATE_LIMIT.value, "deadline"
        return [
            OverdueJob(
                record.id,
                record.bot_id,
                record.chat_id,
                record.status_message_id,
                record.language,
            )
            for record in overdue
        ]

    async def enqueue_untold(self, *, batch: int, after_s: float) -> int:
        latest = self._database.clock.now() - timedelta(seconds=after_s)
        untold = [
            record
            for record in self._database.jobs.values()
            if record.status.is_terminal
            and record.told_at is None
            and (record.finished_at or latest) <= latest
            and record.enqueued_at <= latest
        ][:batch]
        for record in untold:
            self._database.announce(record)
        return len(untold)

    async def mark_told(self, job_ids: Collection[UUID]) -> int:
        found = [self._database.jobs[job_id] for job_id in job_ids if job_id in self._database.jobs]
        untold = [record for record in found if record.status.is_terminal and not record.told_at]
        for record in untold:
            record.told_at = self._database.clock.now()
        return len(untold)

    async def ensure_partitions(self) -> int:
        return 0

    async def forget_updates(self, *, older_than_s: float, batch: int) -> int:
        oldest = self._database.clock.now() - timedelta(seconds=older_than_s)
        old = [key for key, at in self._database.updates.items() if at < oldest][:batch]
        for key in old:
            del self._database.updates[key]
        return len(old)

    async def forget_inbound_buckets(self, *, batch: int) -> int:
        now = self._database.clock.now()
        past = [key for key, bucket in self._database.buckets.items() if bucket.full_at < now]
        for key in past[:batch]:
            del self._database.buckets[key]
        return len(past[:batch])

    async def forget_outbound_buckets(self, *, batch: int) -> int:
        now_s = self._database.clock.monotonic()
        past = [
            (bot_id, chat_id)
            for bot_id, buckets in self._database.outbound.items()
            for chat_id, bucket in buckets.items()
            if chat_id != WHOLE_BOT and bucket.is_forgettable(now_s)
        ]
        for bot_id, chat_id in past[:batch]:
            del self._database.outbound[bot_id][chat_id]
        return len(past[:batch])

    async def forget_drafts(self, *, older_than_s: float, batch: int) -> int:
        oldest = self._database.clock.now() - timedelta(seconds=older_than_s)
        touched = self._database.drafts_touched
        old = [key for key in self._database.drafts if touched[key] < oldest][:batch]
        for key in old:
            del self._database.drafts[key]
        return len(old)

    async def forget_dialogues(self, *, older_than_s: float, batch: int) -> int:
        oldest = self._database.clock.now() - timedelta(seconds=older_than_s)
        dialogues = self._database.dialogues
        old = [key for key, dialogue in dialogues.items() if dialogue.touched_at < oldest][:batch]
        for key in old:
            del dialogues[key]
        return len(old)

    async def stray_jobs(self, *, count_max: int) -> int:  # noqa: ARG002 - no partitions here
        return 0

    async def recent_jobs(self, *, since_s: float) -> Mapping[JobStatus, int]:
        oldest = self._database.clock.now() - timedelta(seconds=since_s)
        jobs = self._database.jobs.values()
        return Counter(job.status for job in jobs if job.created_at >= oldest)

    async def depth(self) -> tuple[int, float]:
        """Tell how many messages wait; their age is not kept here."""
        return len(self._database.outbox), 0.0

    def _unfinished(self) -> list[JobRecord]:
        records = (r for r in self._database.jobs.values() if not r.status.is_terminal)
        return sorted(records, key=lambda record: record.id)
