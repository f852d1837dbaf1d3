"""OrderStore in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from neurocards.domain.inbound import InboundLimit
from neurocards.domain.jobs import JobStatus
from neurocards.domain.money import LedgerKind, charge_key, welcome_key
from neurocards.domain.orders import INTERFACE_LANGUAGES, Order, OrderOptions
from neurocards.ports.orders import (
    Acceptance,
    AcceptOutcome,
    AcceptRequest,
    Admission,
    AdmissionOutcome,
    Cancellation,
    Draft,
    HistoryItem,
    PastOrder,
    QueueStats,
    User,
)
from neurocards.testing.database import BucketRecord, JobRecord, MemoryDatabase, UserRecord

_KEPT_AT_PROVIDER = timedelta(days=14)
_REQUEUED_DEADLINE_MAX = timedelta(days=1)


class MemoryOrderStore:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def welcome(
        self, tg_user_id: int, *, bot_id: int, language: str, welcome_credits: int
    ) -> User:
        is_new = tg_user_id not in self._database.users
        user = self._database.users.setdefault(tg_user_id, UserRecord(language))
        if welcome_credits > 0:
            self._database.book(
                tg_user_id,
                kind=LedgerKind.WELCOME,
                amount=welcome_credits,
                key=welcome_key(bot_id, tg_user_id),
            )
        return User(tg_user_id, user.language, user.balance, is_new=is_new)

    async def user(self, tg_user_id: int) -> User | None:
        user = self._database.users.get(tg_user_id)
        return None if user is None else User(tg_user_id, user.language, user.balance)

    async def set_language(self, tg_user_id: int, language: str) -> None:
        if tg_user_id in self._database.users:
            self._database.users[tg_user_id].language = language

    async def set_blocked(self, tg_user_id: int, *, blocked: bool) -> None:
        user = self._database.users.get(tg_user_id)
        if user is not None:
            now = self._database.clock.now()
            user.blocked_at = (user.blocked_at or now) if blocked else None

    async def admit(
        self, bot_id: int, update_id: int, *, tg_user_id: int, cost: int, limit: InboundLimit
    ) -> Admission:
        if await self.was_applied(bot_id, update_id):
            return Admission(AdmissionOutcome.APPLIED)
        now = self._database.clock.now()
        bucket = self._database.buckets.setdefault((bot_id, tg_user_id), BucketRecord(now))
        if bucket.update_id == update_id:
            return Admission(AdmissionOutcome.ADMITTED)
        full_at = max(bucket.full_at, now) + timedelta(seconds=cost * limit.refill_s)
        if full_at <= self._database.later(limit.burst * limit.refill_s):
            bucket.told = bucket.told and bucket.full_at > now
            bucket.full_at, bucket.update_id = full_at, update_id
            return Admission(AdmissionOutcome.ADMITTED)
        tell, bucket.told = not bucket.told, True
        await self.mark_applied(bot_id, update_id)
        wait_s = (bucket.full_at - now).total_seconds()
        return Admission(AdmissionOutcome.REFUSED, tell, wait_s)

    async def was_applied(self, bot_id: int, update_id: int) -> bool:
        return (bot_id, update_id) in self._database.updates

    async def mark_applied(self, bot_id: int, update_id: int) -> None:
        self._database.updates.setdefault((bot_id, update_id), self._database.clock.now())

    async def save_draft(self, draft: Draft) -> None:
        if draft.id not in self._database.drafts:
            self._database.store_draft(draft)

    async def draft(self, draft_id: UUID, *, tg_user_id: int) -> Draft | None:
        draft = self._database.drafts.get(draft_id)
        return draft if draft is not None and draft.tg_user_id == tg_user_id else None

    async def choose(
        self,
        draft_id: UUID,
        *,
        tg_user_id: int,
        template_id: str | None = None,
        options: OrderOptions | None = None,
        price_credits: int | None = None,
        caption: str | None = None,
    ) -> Draft | None:
        draft = await self.draft(draft_id, tg_user_id=tg_user_id)
        if draft is None or draft.job_id is not None:
            return None
        changed = replace(
            draft,
            template_id=draft.template_id if template_id is None else template_id,
            options=draft.options if options is None else options,
            price_credits=draft.price_credits if price_credits is None else price_credits,
            caption=draft.caption if caption is None else caption,
        )
        self._database.store_draft(changed)
        return changed

    async def discard(self, draft_id: UUID, *, tg_user_id: int) -> bool:
        draft = await self.draft(draft_id, tg_user_id=tg_user_id)
        if draft is None or draft.job_id is not None:
            return False
        del self._database.drafts[draft_id]
        return True

    async def accept(self, request: AcceptRequest) -> Acceptance:
        user = self._database.users.get(request.tg_user_id)
        draft = await self.draft(request.draft_id, tg_user_id=request.tg_user_id)
        if user is None:
            return Acceptance(AcceptOutcome.NO_DRAFT, None, 0, None, INTERFACE_LANGUAGES[0])
        if draft is None or draft.bot_id != request.bot_id or draft.template_id is None:
            return Acceptance(AcceptOutcome.NO_DRAFT, None, user.balance, None, user.language)
        if draft.job_id is not None:
            await self.mark_applied(request.bot_id, request.update_id)
            return _answer(AcceptOutcome.EXISTS, draft, user)
        if user.balance < draft.price_credits:
            return _answer(AcceptOutcome.NO_CREDIT, draft, user)
        accepted = replace(draft, job_id=request.job_id, message_id=request.message_id)
        self._database.store_draft(accepted)
        self._make_job(accepted, draft.template_id, request)
        await self.mark_applied(request.bot_id, request.update_id)
        return _answer(AcceptOutcome.CREATED, accepted, user)

    def _make_job(self, draft: Draft, template_id: str, request: AcceptRequest) -> None:
        now = self._database.clock.now()
        record = JobRecord(
            id=request.job_id,
            tg_user_id=draft.tg_user_id,
            bot_id=draft.bot_id,
            pool=request.pool,
            order=Order(template_id, draft.photo_file_id, draft.options, draft.caption),
            language=draft.language,
            chat_id=request.chat_id,
            status_message_id=request.message_id,
            price_credits=draft.price_credits,
            created_at=now,
            deadline_at=self._database.later(request.deadline_s),
            enqueued_at=now,
        )
        self._database.book(
            draft.tg_user_id,
            kind=LedgerKind.CHARGE,
            amount=-draft.price_credits,
            key=charge_key(record.id),
            job_id=record.id,
        )
        self._database.jobs[record.id] = record
        self._database.announce(record)

    async def cancel(self, job_id: UUID, *, tg_user_id: int) -> tuple[JobStatus, bool] | None:
        record = self._database.jobs.get(job_id)
        if record is None or record.tg_user_id != tg_user_id:
            return None
        is_early = record.status in (JobStatus.QUEUED, JobStatus.SCRIPTING)
        if not is_early or record.task is not None or record.submissions:
            return record.status, False
        self._database.end(record, JobStatus.CANCELLED)
        self._database.refund(record)
        return record.status, True

    async def cancel_newest(
        self, bot_id: int, update_id: int, *, tg_user_id: int
    ) -> Cancellation | None:
        mine = [record for record in self._of(tg_user_id) if record.bot_id == bot_id]
        found = [record for record in mine if record.cancelled_by_update == update_id]
        if not found:
            found = [record for record in mine if not record.status.is_terminal]
        if not found:
            return None
        record = found[0]
        answer = await self.cancel(record.id, tg_user_id=tg_user_id)
        if answer is not None and answer[1]:
            record.cancelled_by_update = update_id
        cancelled = record.cancelled_by_update == update_id
        return Cancellation(record.id, record.status, record.status_message_id, cancelled)

    async def past_order(self, job_id: UUID, *, tg_user_id: int, bot_id: int) -> PastOrder | None:
        record = self._database.jobs.get(job_id)
        if record is None or (record.tg_user_id, record.bot_id) != (tg_user_id, bot_id):
            return None
        return PastOrder(record.order, record.status)

    async def history(
        self, tg_user_id: int, *, before: UUID | None, limit: int, bot_id: int | None = None
    ) -> Sequence[HistoryItem]:
        return [
            _history_item(record)
            for record in self._of(tg_user_id)
            if record.status is JobStatus.DONE
            and record.undelivered_at is None
            and (before is None or record.id < before)
            and bot_id in (None, record.bot_id)
        ][:limit]

    async def requeue_undelivered(self, tg_user_id: int, *, bot_id: int) -> int:
        now = self._database.clock.now()
        waiting = [
            record
            for record in self._of(tg_user_id)
            if record.bot_id == bot_id
            and record.undelivered_at is not None
            and record.undelivered_at > now - _KEPT_AT_PROVIDER
        ]
        for record in waiting:
            record.move(JobStatus.QUEUED)
            record.finished_at = record.undelivered_at = None
            patience = min(record.deadline_at - record.created_at, _REQUEUED_DEADLINE_MAX)
            record.deadline_at = now + patience
            self._database.announce(record)
        for record in self._of(tg_user_id):
            if (
                record.bot_id == bot_id
                and record.status in (JobStatus.FAILED, JobStatus.CANCELLED)
                and record.unreached_at is not None
                and record.unreached_at > now - _KEPT_AT_PROVIDER
            ):
                record.told_at = record.unreached_at = None
                self._database.announce(record)
        return len(waiting)

    async def queue_stats(self) -> QueueStats:
        now = self._database.clock.now()
        records = self._database.jobs.values()
        ages_s = [
            (now - record.created_at).total_seconds()
            for record in records
            if record.status is JobStatus.QUEUED
        ]
        held = [r for r in records if r.lease_until is not None and r.lease_until > now]
        return QueueStats(
            queued=len(ages_s),
            processing=len(held),
            wait_s_mean=sum(ages_s) / len(ages_s) if ages_s else 0.0,
        )

    def _of(self, tg_user_id: int) -> list[JobRecord]:
        """List the jobs of a user, newest first."""
        mine = [r for r in self._database.jobs.values() if r.tg_user_id == tg_user_id]
        return sorted(mine, key=lambda record: record.id, reverse=True)


def _answer(outcome: AcceptOutcome, draft: Draft, user: UserRecord) -> Acceptance:
    return Acceptance(outcome, draft.job_id, user.balance, draft.price_credits, draft.language)


def _history_item(record: JobRecord) -> HistoryItem:
    return HistoryItem(
        job_id=record.id,
        status=record.status,
        template_id=record.order.template_id,
        result_file_id=record.result_file_id,
        price_credits=record.price_credits,
        created_at=record.created_at,
        status_message_id=record.status_message_id,
    )
