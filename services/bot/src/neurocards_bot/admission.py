"""The door to the dialogues: an update goes in once, and nobody keeps the bot to himself.

Whoever sends too much is told so once and then not listened to until he pauses; what was refused
is settled and does not come again. All replicas watch the same buckets. Who blocks the bot or
comes back is not limited: to miss that would cost him his videos. The confirm button does not
come through here.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, ChatMemberUpdated, Message, TelegramObject, Update
from aiogram.types import User as TelegramUser

from neurocards.domain.inbound import InboundLimit
from neurocards.ports.orders import Admission, AdmissionOutcome, OrderStore
from neurocards_bot.accounts import Accounts
from neurocards_bot.languages import language_of
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.texts import Texts

log = structlog.get_logger(__name__)

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Door:
    def __init__(
        self,
        orders: OrderStore,
        accounts: Accounts,
        texts: Texts,
        *,
        limit: InboundLimit | None,
        metrics: BotMetrics,
    ) -> None:
        """`limit` None: updates are carried out once, however many they are."""
        self._orders = orders
        self._accounts = accounts
        self._texts = texts
        self._limit = limit
        self._duplicates = metrics.updates_total.labels("any", "duplicate")
        self._limited = metrics.updates_total.labels("any", "limited")

    async def let_in(
        self, handler: Handler, event: TelegramObject, data: dict[str, Any], *, cost: int
    ) -> Any:
        """Call the handler for an update that may go in; coming again costs it nothing."""
        admission = await self._admission(event, data, cost)
        match admission.outcome:
            case AdmissionOutcome.ADMITTED:
                return await handler(event, data)
            case AdmissionOutcome.APPLIED:
                self._duplicates.inc()
                return None
            case AdmissionOutcome.REFUSED:
                self._limited.inc()
                return await self._refuse(event, data["event_from_user"], admission)

    async def _admission(self, event: TelegramObject, data: dict[str, Any], cost: int) -> Admission:
        bot: Bot = data["bot"]
        update: Update = data["event_update"]
        sender: TelegramUser | None = data.get("event_from_user")
        if self._limit is None or sender is None or isinstance(event, ChatMemberUpdated):
            applied = await self._orders.was_applied(bot.id, update.update_id)
            return Admission(AdmissionOutcome.APPLIED if applied else AdmissionOutcome.ADMITTED)
        return await self._orders.admit(
            bot.id, update.update_id, tg_user_id=sender.id, cost=cost, limit=self._limit
        )

    async def _refuse(
        self, event: TelegramObject, sender: TelegramUser, admission: Admission
    ) -> AnswerCallbackQuery | None:
        text = await self._text(sender, admission) if admission.tell else None
        if isinstance(event, CallbackQuery):
            return event.answer(text, show_alert=text is not None)
        if isinstance(event, Message) and text is not None:
            try:
                await event.answer(text)
            except TelegramAPIError as error:
                log.info("refusal.lost", reason=type(error).__name__)
        return None

    async def _text(self, sender: TelegramUser, admission: Admission) -> str:
        wait_s = max(1, math.ceil(admission.wait_s))
        log.info("sender.slowed", tg_user_id=sender.id, wait_s=wait_s)
        language = await self._accounts.language(sender.id)
        return self._texts.slow_down(language or language_of(sender), wait_s)
