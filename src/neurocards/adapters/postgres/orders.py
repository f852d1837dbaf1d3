"""OrderStore on PostgreSQL. Accepting is one call of one function: one round trip, one commit."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.records import (
    draft_of,
    history_item_of,
    options_document,
    options_of,
)
from neurocards.adapters.postgres.statements import load
from neurocards.domain.inbound import InboundLimit
from neurocards.domain.jobs import JobStatus
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


class PostgresOrderStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("orders")
        self._reports = load("reports")

    async def welcome(
        self, tg_user_id: int, *, bot_id: int, language: str, welcome_credits: int
    ) -> User:
        statement = self._statements["welcome_user"]
        row = await self._database.row(statement, tg_user_id, bot_id, language, welcome_credits)
        if row is None:
            raise LookupError(f"user {tg_user_id} vanished while being welcomed")
        return User(tg_user_id, row["language"], row["balance"], is_new=row["is_new"])

    async def user(self, tg_user_id: int) -> User | None:
        row = await self._database.row(self._statements["user"], tg_user_id)
        return None if row is None else User(tg_user_id, row["language"], row["balance"])

    async def set_language(self, tg_user_id: int, language: str) -> None:
        await self._database.execute(self._statements["set_language"], tg_user_id, language)

    async def set_blocked(self, tg_user_id: int, *, blocked: bool) -> None:
        await self._database.execute(self._statements["set_blocked"], tg_user_id, blocked)

    async def admit(
        self, bot_id: int, update_id: int, *, tg_user_id: int, cost: int, limit: InboundLimit
    ) -> Admission:
        row = await self._database.row(
            self._statements["admit_update"],
            bot_id,
            update_id,
            tg_user_id,
            cost,
            limit.refill_s,
            limit.burst,
        )
        if row is None:
            raise LookupError(f"update {update_id} was neither admitted nor refused")
        return Admission(AdmissionOutcome(row["outcome"]), row["tell"], row["wait_s"])

    async def was_applied(self, bot_id: int, update_id: int) -> bool:
        statement = self._statements["was_applied"]
        return bool(await self._database.value(statement, bot_id, update_id))

    async def mark_applied(self, bot_id: int, update_id: int) -> None:
        await self._database.execute(self._statements["mark_applied"], bot_id, update_id)

    async def save_draft(self, draft: Draft) -> None:
        await self._database.execute(
            self._statements["save_draft"],
            draft.id,
            draft.bot_id,
            draft.tg_user_id,
            draft.chat_id,
            draft.message_id,
            draft.photo_file_id,
            draft.caption,
            draft.template_id,
            options_document(draft.options),
            draft.price_credits,
            draft.language,
        )

    async def draft(self, draft_id: UUID, *, tg_user_id: int) -> Draft | None:
        row = await self._database.row(self._statements["draft"], draft_id, tg_user_id)
        return None if row is None else draft_of(row)

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
        row = await self._database.row(
            self._statements["choose"],
            draft_id,
            tg_user_id,
            template_id,
            None if options is None else options_document(options),
            price_credits,
            caption,
        )
        return None if row is None else draft_of(row)

    async def discard(self, draft_id: UUID, *, tg_user_id: int) -> bool:
        row = await self._database.row(self._statements["discard_draft"], draft_id, tg_user_id)
        return row is not None

    async def accept(self, request: AcceptRequest) -> Acceptance:
        row = await self._database.row(
            self._statements["accept"],
            request.bot_id,
            request.update_id,
            request.draft_id,
            request.job_id,
            request.tg_user_id,
            request.chat_id,
            request.message_id,
            request.pool,
            request.deadline_s,
        )
        if row is None:
            # Neither a draft nor a user: a button from before a restored backup, for instance.
            return Acceptance(AcceptOutcome.NO_DRAFT, None, 0, None, INTERFACE_LANGUAGES[0])
        return Acceptance(
            outcome=AcceptOutcome(row["outcome"]),
            job_id=row["job_id"],
            balance=row["balance"],
            price_credits=row["price_credits"],
            language=row["language"],
        )

    async def cancel(self, job_id: UUID, *, tg_user_id: int) -> tuple[JobStatus, bool] | None:
        row = await self._database.row(self._statements["cancel"], job_id, tg_user_id)
        return None if row is None else (JobStatus(row["status"]), row["refunded"])

    async def cancel_newest(
        self, bot_id: int, update_id: int, *, tg_user_id: int
    ) -> Cancellation | None:
        statement = self._statements["cancel_newest"]
        row = await self._database.row(statement, bot_id, update_id, tg_user_id)
        if row is None:
            return None
        return Cancellation(
            job_id=row["job_id"],
            status=JobStatus(row["status"]),
            status_message_id=row["status_message_id"],
            cancelled=row["cancelled"],
        )

    async def past_order(self, job_id: UUID, *, tg_user_id: int, bot_id: int) -> PastOrder | None:
        statement = self._statements["past_order"]
        row = await self._database.row(statement, job_id, tg_user_id, bot_id)
        if row is None:
            return None
        order = Order(
            template_id=row["template_id"],
            photo_file_id=row["photo_file_id"],
            options=options_of(row["options"]),
            caption=row["caption"],
        )
        return PastOrder(order, JobStatus(row["status"]))

    async def history(
        self, tg_user_id: int, *, before: UUID | None, limit: int, bot_id: int | None = None
    ) -> Sequence[HistoryItem]:
        statement = self._statements["history"]
        rows = await self._database.rows(statement, tg_user_id, before, limit, bot_id)
        return tuple(history_item_of(row) for row in rows)

    async def requeue_undelivered(self, tg_user_id: int, *, bot_id: int) -> int:
        statement = self._statements["requeue_undelivered"]
        return int(await self._database.value(statement, tg_user_id, bot_id))

    async def queue_stats(self) -> QueueStats:
        row = await self._database.row(self._reports["queue_stats"])
        if row is None:
            return QueueStats(queued=0, processing=0, wait_s_mean=0.0)
        return QueueStats(
            queued=row["queued"],
            processing=row["processing"],
            wait_s_mean=row["wait_s_mean"],
            workers_decided=row["workers_decided"],
        )
