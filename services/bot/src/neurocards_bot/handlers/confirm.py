"""The confirm button: one statement, no dialogue state, no lock.

The press is answered in the webhook's own reply; the message is redrawn afterwards.
"""

from __future__ import annotations

from functools import partial

from aiogram import Bot, Router
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, Update

from neurocards.ports.orders import Acceptance, AcceptOutcome
from neurocards_bot.callback_data import Confirm
from neurocards_bot.handlers.presses import message_of
from neurocards_bot.messages import LateEdits
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering, Press
from neurocards_bot.screens import Screen, accepted_screen

_REDRAWN = (AcceptOutcome.CREATED, AcceptOutcome.NO_DRAFT)
"""Otherwise the worker draws the message, or the menu stays as it is."""


async def confirm(
    query: CallbackQuery,
    *,
    callback_data: Confirm,
    event_update: Update,
    bot: Bot,
    ordering: Ordering,
    order_texts: OrderTexts,
    late_edits: LateEdits,
    metrics: BotMetrics,
) -> AnswerCallbackQuery:
    chat_id, message_id = message_of(query)
    press = Press(
        bot_id=bot.id,
        update_id=event_update.update_id,
        tg_user_id=query.from_user.id,
        chat_id=chat_id,
        message_id=message_id,
        draft_id=callback_data.draft,
    )
    acceptance = await ordering.confirm(press)
    metrics.orders_total.labels(acceptance.outcome).inc()
    if acceptance.outcome in _REDRAWN:
        job_id, user_id = acceptance.job_id, query.from_user.id
        draw = partial(_screen, acceptance, order_texts)
        if job_id is None:
            late_edits.submit(bot, chat_id, message_id, draw)
        else:
            still = partial(ordering.is_under_way, job_id, user_id, bot_id=bot.id)
            late_edits.submit(bot, chat_id, message_id, draw, still=still)
    return _answer(query, acceptance, order_texts)


def _screen(acceptance: Acceptance, texts: OrderTexts) -> Screen:
    language, job_id = acceptance.language, acceptance.job_id
    if job_id is None:
        return Screen(texts.old_menu(language))
    return accepted_screen(texts, language, job_id=job_id, balance=acceptance.balance)


def _answer(query: CallbackQuery, acceptance: Acceptance, texts: OrderTexts) -> AnswerCallbackQuery:
    language = acceptance.language
    match acceptance.outcome:
        case AcceptOutcome.CREATED:
            return query.answer(texts.accepted_toast(language))
        case AcceptOutcome.EXISTS:
            return query.answer(texts.already_accepted(language))
        case AcceptOutcome.NO_CREDIT:
            refusal = texts.no_credit(
                language, price=acceptance.price_credits or 0, balance=acceptance.balance
            )
            return query.answer(refusal, show_alert=True)
        case AcceptOutcome.NO_DRAFT:
            return query.answer(texts.old_menu(language), show_alert=True)


def build_router() -> Router:
    router = Router(name="confirm")
    router.callback_query.register(confirm, Confirm.filter())
    return router
