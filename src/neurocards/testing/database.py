"""The tables of the pipeline as dictionaries; what the in-memory stores share.

It keeps the constraints that the schema keeps: legal arrows, an attempt that never falls, a
balance that is never negative and a ledger in which a key is booked once per account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from neurocards.domain.fetching import NOTHING_BROKE_OFF, FetchFailures
from neurocards.domain.jobs import Job, JobStatus, ProviderTask, legal_arrows
from neurocards.domain.money import LedgerEntry, LedgerKind, booking, refund_key
from neurocards.domain.orders import Order, Template
from neurocards.domain.outbound import Bucket
from neurocards.domain.script import Script
from neurocards.ports.orders import DialogueKey, Draft
from neurocards.ports.queue import OutboxMessage
from neurocards.testing.clock import FakeClock


@dataclass(slots=True)
class JobRecord:
    """A row of the table of jobs; see the schema for the meaning of each column."""

    id: UUID
    tg_user_id: int
    bot_id: int
    pool: str
    order: Order
    language: str
    chat_id: int
    status_message_id: int
    price_credits: int
    created_at: datetime
    deadline_at: datetime
    enqueued_at: datetime
    status: JobStatus = JobStatus.QUEUED
    previous_status: JobStatus | None = None
    attempt: int = 0
    tries: int = 0
    lease_losses: int = 0
    lease_until: datetime | None = None
    leased_by: str | None = None
    retry_at: datetime | None = None
    postponed_reason: str | None = None
    script: Script | None = None
    task: ProviderTask | None = None
    submissions: int = 0
    orphans: int = 0
    submitted_at: datetime | None = None
    rendered_at: datetime | None = None
    delivery_began_at: datetime | None = None
    result_file_id: str | None = None
    error_class: str | None = None
    error_code: str | None = None
    error_text: str | None = None
    error_source: str | None = None
    finished_at: datetime | None = None
    undelivered_at: datetime | None = None
    cancelled_by_update: int | None = None
    fallback_sent_at: datetime | None = None
    parked_notice_at: datetime | None = None
    notice_sent_at: datetime | None = None
    told_at: datetime | None = None
    unreached_at: datetime | None = None
    fetch_failures: FetchFailures = NOTHING_BROKE_OFF
    unreadable: str | None = None
    """Why its order cannot be read, in a test of that."""

    def move(self, status: JobStatus) -> None:
        """Change the state along a legal arrow; ValueError for any other."""
        if (self.status, status) not in legal_arrows():
            raise ValueError(f"there is no arrow {self.status} -> {status}")
        if self.status is JobStatus.DONE and self.undelivered_at is None:
            raise ValueError("a delivered job stays done")
        self.previous_status, self.status = self.status, status
        self.told_at = None

    @property
    def due_at(self) -> datetime:
        return self.lease_until or self.retry_at or self.created_at

    def as_job(self) -> Job:
        return Job(
            id=self.id,
            bot_id=self.bot_id,
            tg_user_id=self.tg_user_id,
            chat_id=self.chat_id,
            status_message_id=self.status_message_id,
            pool=self.pool,
            status=self.status,
            attempt=self.attempt,
            tries=self.tries,
            lease_losses=self.lease_losses,
            language=self.language,
            order=self.order,
            price_credits=self.price_credits,
            created_at=self.created_at,
            deadline_at=self.deadline_at,
            script=self.script,
            task=self.task,
            submissions=self.submissions,
            submitted_at=self.submitted_at,
            rendered_at=self.rendered_at,
            delivery_began_at=self.delivery_began_at,
            fallback_sent_at=self.fallback_sent_at,
            parked_notice_at=self.parked_notice_at,
            fetch_failures=self.fetch_failures,
        )


@dataclass(slots=True)
class UserRecord:
    language: str
    balance: int = 0
    blocked_at: datetime | None = None


@dataclass(slots=True)
class BucketRecord:
    full_at: datetime
    update_id: int | None = None
    told: bool = False


@dataclass(slots=True)
class KeyRecord:
    account: str
    blocked_until: datetime | None = None
    reason: str | None = None
    last_turn: int = 0


@dataclass(slots=True)
class DialogueRecord:
    touched_at: datetime
    state: str | None = None
    data: dict[str, object] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class MemoryDatabase:
    """Shared by the in-memory stores of one test; the clock is the server's."""

    def __init__(self, clock: FakeClock | None = None, templates: Iterable[Template] = ()) -> None:
        self.clock = clock or FakeClock()
        self.jobs: dict[UUID, JobRecord] = {}
        self.users: dict[int, UserRecord] = {}
        self.drafts: dict[UUID, Draft] = {}
        self.drafts_touched: dict[UUID, datetime] = {}
        self.updates: dict[tuple[int, int], datetime] = {}
        self.buckets: dict[tuple[int, int], BucketRecord] = {}
        self.outbound: dict[int, dict[int, Bucket]] = {}
        self.ledger: list[LedgerEntry] = []
        self.outbox: list[OutboxMessage] = []
        self.keys: dict[str, KeyRecord] = {}
        self.takes: dict[str, list[datetime]] = {}
        self.dialogues: dict[DialogueKey, DialogueRecord] = {}
        self.templates = {template.id: template for template in templates}
        self._message_id = 0

    def later(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    def store_draft(self, draft: Draft) -> None:
        self.drafts[draft.id] = draft
        self.drafts_touched[draft.id] = self.clock.now()

    def announce(self, record: JobRecord) -> None:
        """Put a message for the job into the outbox."""
        self._message_id += 1
        self.outbox.append(OutboxMessage(self._message_id, record.id, record.pool))
        record.enqueued_at = self.clock.now()

    def book(
        self,
        tg_user_id: int,
        *,
        kind: LedgerKind,
        amount: int,
        key: str,
        job_id: UUID | None = None,
    ) -> bool:
        """Book on both accounts and in the balance; False when the key was booked before."""
        if any(entry.key == key for entry in self.ledger):
            return False
        user = self.users[tg_user_id]
        if user.balance + amount < 0:
            raise ValueError("a balance is never negative")
        user.balance += amount
        self.ledger += booking(tg_user_id, kind=kind, amount=amount, key=key, job_id=job_id)
        return True

    def refund(self, record: JobRecord) -> None:
        self.book(
            record.tg_user_id,
            kind=LedgerKind.REFUND,
            amount=record.price_credits,
            key=refund_key(record.id),
            job_id=record.id,
        )

    def end(self, record: JobRecord, status: JobStatus) -> None:
        """Move the job into a terminal state and give its lease up."""
        record.move(status)
        record.finished_at = self.clock.now()
        record.lease_until = record.leased_by = record.retry_at = None
        if status is JobStatus.DONE and not record.undelivered_at and record.fallback_sent_at:
            record.told_at = record.finished_at
